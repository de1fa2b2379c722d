//! Deaths of the real process: at seeded points, on a full disk, without its folder, and beside another one.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use throng_llm_bridge::mock::{Latency, Mock, MockOptions, serve};

use super::{Place, Ran};

const AGENTS: u64 = 200;
const ROUNDS: u64 = 4;
const IN_FLIGHT_MAX: u64 = 8;
/// Choices of a request at a server that nothing is known of.
const CHOICES_MAX: u64 = 16;
/// Deaths in one life of a run.
const DEATHS_MAX: u64 = 3;
/// Points at which a run is killed, where the environment does not say.
const POINTS: u64 = 20;

fn mock() -> Mock {
    let latency = Latency::Constant(Duration::from_millis(1));
    let options = MockOptions { latency, ..MockOptions::default() };
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn arguments(url: &str) -> Vec<String> {
    let (agents, rounds) = (AGENTS.to_string(), ROUNDS.to_string());
    let in_flight = format!("bridge.in_flight_max={IN_FLIGHT_MAX}");
    let words = [
        &["run", "guessing-game", "--agents", &agents, "--rounds", &rounds, "--model", "mock"][..],
        &["--endpoint", url, "--run-id", "r", "--json", "--set", "run.report=false"],
        &["--set", &in_flight],
    ];
    words.concat().into_iter().map(str::to_owned).collect()
}

fn resume() -> Vec<String> {
    let in_flight = format!("bridge.in_flight_max={IN_FLIGHT_MAX}");
    ["resume", "r", "--json", "--set", &in_flight].map(str::to_owned).into()
}

fn run(place: &Place, words: &[String]) -> Ran {
    place.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn start(place: &Place, words: &[String]) -> Child {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn hash(ran: &Ran) -> String {
    ran.json().pop().unwrap()["state_hash"].as_str().unwrap().to_owned()
}

fn undisturbed() -> String {
    let (place, mock) = (Place::new(), mock());
    hash(&run(&place, &arguments(&mock.url())).done())
}

/// Numbers from a seed, by `SplitMix64`.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }
}

/// What a death waits for.
#[derive(Debug)]
enum Trigger {
    /// The server has seen so many requests more.
    Requests(u64),
    /// A file is in this folder of the run: a table or record is being written, or the journal.
    Unfinished(&'static str),
    /// This round has its record: its completions are leaving the journal.
    Committed(u64),
}

impl Trigger {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Unfinished(["tmp", "journal", "calls", "commits"][dice.below(4) as usize]),
            1 => Self::Committed(dice.below(ROUNDS + 1)),
            _ => Self::Requests(1 + dice.below(AGENTS * ROUNDS)),
        }
    }

    fn has_come(&self, run: &Path, requests: u64) -> bool {
        match self {
            Self::Requests(count) => requests >= *count,
            Self::Unfinished(folder) => std::fs::read_dir(run.join(folder))
                .is_ok_and(|mut entries| entries.next().is_some()),
            Self::Committed(round) => run.join(format!("commits/round-{round:06}.json")).exists(),
        }
    }
}

/// Kills the process when the trigger has come, and a moment later; it may have ended by itself.
fn kill(child: &mut Child, trigger: &Trigger, delay: Duration, run: &Path, mock: &Mock) {
    let (before, begun) = (mock.counts().requests, Instant::now());
    while !trigger.has_come(run, mock.counts().requests - before) {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{trigger:?} never came");
        std::thread::yield_now();
    }
    let (_never, moment) = channel::<()>();
    let _ = moment.recv_timeout(delay);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// One life of a run, which dies up to three times, and what is wrong with how it ended.
fn live(seed: u64, expected: &str) {
    let mut dice = Dice::new(seed);
    let (place, mock) = (Place::new(), mock());
    let folder = place.path().join("runs/r");
    let deaths = 1 + dice.below(DEATHS_MAX);
    for death in 0..deaths {
        // A run that died before its directory was whole begins again.
        let begun = folder.join("manifest.json").exists();
        if !begun && folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let words = if begun { resume() } else { arguments(&mock.url()) };
        let (trigger, delay) = (Trigger::draw(&mut dice), dice.below(3_000));
        let mut child = start(&place, &words);
        kill(&mut child, &trigger, Duration::from_micros(delay), &folder, &mock);
        assert!(death < DEATHS_MAX);
    }
    if !folder.join("manifest.json").exists() {
        let _ = std::fs::remove_dir_all(&folder);
        run(&place, &arguments(&mock.url())).done();
    }
    let again = format!("play it again with THRONG_CRASH_SEED={seed} THRONG_CRASH_POINTS=1");
    let ended = run(&place, &resume());
    assert_eq!(ended.code, Some(0), "{again}: {}", ended.told());
    let status = place.run(&["status", "r", "--json"]).done().json().pop().unwrap();
    assert_eq!(status["state_hash"].as_str(), Some(expected), "{again}");
    // In flight when it died, or arrived and not yet durable.
    let twice_max = deaths * 2 * IN_FLIGHT_MAX * CHOICES_MAX;
    let paid = mock.counts().choices;
    assert!((AGENTS * ROUNDS..=AGENTS * ROUNDS + twice_max).contains(&paid), "{again}: {paid}");
    let verified = place.run(&["verify", "runs/r"]);
    assert_eq!(verified.code, Some(0), "{again}: {}", verified.told());
    let replayed = place.run(&["replay", "r"]);
    assert_eq!(replayed.code, Some(0), "{again}: {}", replayed.told());
}

#[test]
fn whenever_a_run_is_killed_it_ends_as_if_it_never_was() {
    let number = |name: &str| std::env::var_os(name)?.to_str()?.parse().ok();
    let points = number("THRONG_CRASH_POINTS").unwrap_or(POINTS);
    let first = number("THRONG_CRASH_SEED").unwrap_or(1);
    let expected = undisturbed();
    (first..first + points).for_each(|seed| live(seed, &expected));
}

/// The run under a limit of the size of its files, in blocks of 512 bytes, as on a disk that is full.
fn limited(place: &Place, blocks: u32, words: &[String]) -> Ran {
    // Without the trap the signal would end the process before it can say anything.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).arg(super::binary()).args(words).current_dir(place.path());
    Ran::new(command.env("NO_COLOR", "1").output().unwrap())
}

#[test]
fn where_the_disk_is_full_the_run_says_so_and_goes_on_when_it_is_not() {
    let expected = undisturbed();
    for blocks in [24, 60] {
        let (place, mock) = (Place::new(), mock());
        let ran = limited(&place, blocks, &arguments(&mock.url()));
        assert_eq!(ran.code, Some(1), "{blocks}: {}", ran.told());
        assert!(ran.err.contains("too large") && !ran.err.contains("panicked"), "{}", ran.err);
        assert_eq!(hash(&run(&place, &resume()).done()), expected, "{blocks}");
        let (paid, total) = (mock.counts().choices, AGENTS * ROUNDS);
        // What had arrived when the journal could not grow was never durable.
        assert!((total..=total + 2 * IN_FLIGHT_MAX * CHOICES_MAX).contains(&paid), "{paid}");
        place.run(&["verify", "runs/r"]).done();
    }
}

#[test]
fn a_run_whose_folder_is_removed_says_so() {
    let (place, mock) = (Place::new(), mock());
    let words = arguments(&mock.url());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let child = place.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let folder = place.path().join("runs/r");
    while !folder.join("commits/round-000001.json").exists() {
        std::thread::yield_now();
    }
    while std::fs::remove_dir_all(&folder).is_err() {
        std::thread::yield_now();
    }
    let ended = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert!(ended.err.contains("runs/r") && !ended.err.contains("panicked"), "{}", ended.err);
}

#[test]
fn committed_files_may_be_read_only_and_a_folder_that_is_cannot_be_written() {
    let (place, mock) = (Place::new(), mock());
    let stop = ["--set".to_owned(), "budget.requests_max=60".to_owned()];
    let ran = run(&place, &[arguments(&mock.url()), stop.into()].concat());
    assert_eq!(ran.code, Some(4), "{}", ran.told());
    let chmod = |mode: &str, kind: &str| {
        let mut find = std::process::Command::new("find");
        find.args([
            "runs/r", "-type", kind, "-path", "*round-*", "-exec", "chmod", mode, "{}", "+",
        ]);
        assert!(find.current_dir(place.path()).status().unwrap().success());
    };
    chmod("a-w", "f");
    // Folders bind everyone but the superuser.
    let user = std::process::Command::new("id").arg("-u").output().unwrap();
    let superuser = user.stdout == b"0\n";
    let commits = place.path().join("runs/r/commits");
    let readable = std::fs::metadata(&commits).unwrap().permissions();
    let mut closed = readable.clone();
    std::os::unix::fs::PermissionsExt::set_mode(&mut closed, 0o555);
    std::fs::set_permissions(&commits, closed).unwrap();
    let more = ["--set".to_owned(), "budget.requests_max=100000".to_owned()];
    let refused = run(&place, &[resume(), more.to_vec()].concat());
    std::fs::set_permissions(&commits, readable).unwrap();
    assert_eq!(refused.code, Some(i32::from(!superuser)), "{}", refused.told());
    assert!(superuser || refused.err.contains("commits"), "{}", refused.err);
    run(&place, &[resume(), more.to_vec()].concat()).done();
    let state = place.run(&["status", "r", "--json"]).done().json().pop().unwrap();
    assert_eq!(state["state_hash"].as_str(), Some(undisturbed().as_str()));
    place.run(&["verify", "r"]).done();
}

#[test]
fn two_processes_never_play_one_run() {
    let (place, mock) = (Place::new(), mock());
    let mut first = start(&place, &arguments(&mock.url()));
    while !place.path().join("runs/r/commits/round-000001.json").exists() {
        std::thread::yield_now();
    }
    let refused = run(&place, &resume());
    let taken = run(&place, &arguments(&mock.url()));
    let killed = first.try_wait().unwrap().is_none();
    first.kill().unwrap();
    let status = first.wait().unwrap();
    assert!(killed && status.signal() == Some(9), "the first one went on undisturbed: {status}");
    assert_eq!(refused.code, Some(1), "{}", refused.told());
    assert!(refused.err.contains("is in use by process"), "{}", refused.err);
    assert_eq!(taken.code, Some(2), "{}", taken.told());
    assert!(taken.err.contains("already exists"), "{}", taken.err);
    // The lock died with its owner.
    assert_eq!(hash(&run(&place, &resume()).done()), undisturbed());
}
