//! Several processes on addresses of their own play one run: whatever befalls them, it comes out as one process has it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use throng_llm_bridge::mock::{Latency, Mock, MockOptions, serve};

use super::{Place, Ran, interventions};

/// Long enough for anything that ever happens on a machine that does much else.
const EVER: Duration = Duration::from_mins(4);
const RUN: &str = "runs/r";
/// Agents of a game whose pace an endpoint sets, of whom one in a thousand asks it.
const PACED_AGENTS: u64 = 30_000;

/// Those who ask.
pub(super) const fn pace_agents() -> u64 {
    PACED_AGENTS / 1_000
}

/// An address of this test alone: every process of the runner has a number of its own.
fn address(host: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{low}.{host}:7946", high.max(1))
}

/// What is played: the arguments that all processes share, and the configuration that they may name.
#[derive(Clone)]
pub(super) struct Game {
    words: Vec<String>,
    config: String,
}

impl Game {
    pub(super) fn new(words: &[&str]) -> Self {
        let fixed = ["--run-id", "r", "--json", "--set", "run.report=false", "--threads", "1"];
        let words = words.iter().chain(&fixed).map(|word| (*word).to_owned()).collect();
        Self { words, config: String::new() }
    }

    /// Long enough to be disturbed.
    pub(super) fn long() -> Self {
        Self::new(&["guessing-game", "--agents", "60000", "--rounds", "40"])
    }

    /// Long, and no faster on a faster machine: in each round some agents wait for this endpoint.
    pub(super) fn paced(by: &Mock) -> Self {
        let config = format!(
            "[run]\nscenario = \"guessing-game\"\n\
             [[models]]\nname = \"crowd\"\npolicy = \"uniform\"\nshare = 0.999\n\
             [[models]]\nname = \"waits\"\nkind = \"openai\"\nmodel = \"mock\"\nshare = 0.001\n\
             endpoints = [{{ url = \"{}\" }}]\n",
            by.url()
        );
        let agents = PACED_AGENTS.to_string();
        let words = ["game.toml", "--agents", &agents, "--rounds", "40"];
        Self { config, ..Self::new(&words) }
    }

    /// Where it can be played.
    pub(super) fn place(&self) -> Place {
        Place::new().with("game.toml", &self.config)
    }

    pub(super) fn words<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let own = self.words.iter().map(String::as_str);
        std::iter::once(command).chain(own).chain(more.iter().copied()).collect()
    }

    /// The state after each round, as one process plays it.
    pub(super) fn undisturbed(&self) -> String {
        hash(&self.place().run(&self.words("run", &[])).done())
    }
}

fn hash(ran: &Ran) -> String {
    ran.json().pop().unwrap()["state_hash"].as_str().unwrap().to_owned()
}

/// A host of a run.
pub(super) struct Node {
    child: Child,
    lines: Receiver<String>,
    read: Vec<String>,
    errors: JoinHandle<String>,
}

/// How a host is started.
pub(super) struct Start<'a> {
    game: &'a Game,
    pub(super) address: String,
    pub(super) seeds: String,
    min: usize,
    more: Vec<&'a str>,
    token: &'a str,
    /// The network namespace.
    pub(super) within: Option<String>,
    /// The longest file, in blocks of 512 bytes, as on a disk that is full.
    blocks_max: Option<u32>,
}

impl<'a> Start<'a> {
    pub(super) fn new(game: &'a Game, host: u8, min: usize) -> Self {
        let (address, seeds) = (address(host), format!("{},{}", address(1), address(2)));
        Self {
            game,
            address,
            seeds,
            min,
            more: Vec::new(),
            token: "token",
            within: None,
            blocks_max: None,
        }
    }

    fn command(&self, place: &Place) -> Command {
        let min = self.min.to_string();
        let hosts = ["--advertise", &self.address, "--seeds", &self.seeds, "--min", &min];
        let words = self.game.words("node", &[&hosts[..], &["--patience", "2"]].concat());
        let mut command = place.command(&words);
        if let Some(space) = &self.within {
            command = Command::new("ip");
            command.args(["netns", "exec", space]).arg(super::binary()).args(&words);
            command.current_dir(place.path()).env("NO_COLOR", "1");
        }
        if let Some(blocks) = self.blocks_max {
            // Without the trap the signal would end the process before it can say anything.
            let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            command = Command::new("sh");
            command.args(["-c", &script]).arg(super::binary()).args(&words);
            command.current_dir(place.path()).env("NO_COLOR", "1");
        }
        command.args(&self.more).env("THRONG_TOKEN", self.token);
        command
    }

    pub(super) fn node(&self, place: &Place) -> Node {
        let mut command = self.command(place);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (line, lines) = channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines();
            lines.map_while(Result::ok).for_each(|text| _ = line.send(text));
        });
        let errors = all_of(child.stderr.take().unwrap());
        Node { child, lines, read: Vec::new(), errors }
    }
}

fn all_of(mut from: ChildStderr) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

impl Node {
    /// Waits until it has played this round.
    pub(super) fn reaches(&mut self, round: u64) {
        loop {
            match self.lines.recv_timeout(EVER) {
                Ok(line) => {
                    let seen = serde_json::from_str::<Value>(&line).unwrap()["round"].as_u64();
                    self.read.push(line);
                    if seen.is_some_and(|seen| seen >= round) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("round {round} never comes"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before round {round}"),
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    fn ran(mut self) -> Ran {
        loop {
            match self.lines.recv_timeout(EVER) {
                Ok(line) => self.read.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("it never ends: {}", self.errors.join().unwrap());
                }
            }
        }
        let code = self.child.wait().unwrap().code();
        Ran { code, out: self.read.join("\n"), err: self.errors.join().unwrap() }
    }
}

fn nodes(place: &Place, game: &Game, hosts: u8, min: usize) -> Vec<Node> {
    (1..=hosts).map(|host| Start::new(game, host, min).node(place)).collect()
}

/// All hosts end well and with this state; the run is whole.
pub(super) fn assert_done(place: &Place, nodes: Vec<Node>, expected: &str) -> Vec<Ran> {
    let all: Vec<Ran> = nodes.into_iter().map(Node::ran).collect();
    for ran in &all {
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(hash(ran), expected, "{}", ran.err);
    }
    assert_whole(place);
    all
}

/// Everything in the run is as its records say.
pub(super) fn assert_whole(place: &Place) {
    place.run(&["verify", RUN]).done();
}

pub(super) fn generations(place: &Place) -> usize {
    let ledger = place.path().join(RUN).join("hosts/ledger");
    let entries = std::fs::read_dir(ledger).unwrap();
    let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    texts.filter(|text| text.contains("\"generation\":{")).count()
}

#[test]
fn any_number_of_hosts_comes_to_what_one_process_does() {
    let game = Game::new(&["guessing-game", "--agents", "30000", "--rounds", "4"]);
    let expected = game.undisturbed();
    for hosts in [1, 2, 3, 4, 7] {
        let place = Place::new();
        let nodes = nodes(&place, &game, hosts, usize::from(hosts));
        let all = assert_done(&place, nodes, &expected);
        assert_eq!(generations(&place), 1);
        assert!(all[0].err.contains(&format!("generation 1: {hosts} host")), "{}", all[0].err);
        let files = std::fs::read_dir(place.path().join(RUN).join("agents")).unwrap().count();
        assert_eq!(files, 4 * usize::from(hosts));
    }
}

#[test]
fn agents_that_meet_across_hosts_do_as_in_one_process() {
    for words in [
        &["opinions", "--agents", "20000", "--rounds", "4"][..],
        &["chat-room", "--agents", "13000", "--rounds", "3"],
        &["group-guessing", "--agents", "20000", "--rounds", "3"],
        &["epidemic", "--agents", "20000", "--rounds", "4"],
    ] {
        let (place, game) = (Place::new(), Game::new(words));
        let expected = game.undisturbed();
        assert_done(&place, nodes(&place, &game, 3, 3), &expected);
    }
}

#[test]
fn interventions_reach_the_agents_of_every_host() {
    let game = Game { config: interventions::GAME.to_owned(), ..Game::new(&["game.toml"]) };
    let (alone, place) = (game.place(), game.place());
    let expected = hash(&alone.run(&game.words("run", &[])).done());
    assert_done(&place, nodes(&place, &game, 3, 3), &expected);
    for round in 2..=5 {
        assert_eq!(interventions::events(&place, round), interventions::events(&alone, round));
    }
    for round in 4..=5 {
        assert_eq!(interventions::changes(&place, round), interventions::changes(&alone, round));
    }
}

#[test]
fn an_intervention_for_nobody_ends_every_host() {
    let config = interventions::GAME.replace("\"teacher\"'", "\"nobody\"'");
    let game = Game { config, ..Game::new(&["game.toml"]) };
    let place = game.place();
    for ran in nodes(&place, &game, 2, 2).into_iter().map(Node::ran) {
        assert_eq!(ran.code, Some(2), "{}", ran.err);
    }
}

#[test]
fn a_run_outlives_a_killed_host_and_a_killed_leader() {
    let (fast, slow) = (mock(0), mock(100));
    let (expected, game) = (Game::paced(&fast).undisturbed(), Game::paced(&slow));
    let place = game.place();
    let mut nodes = nodes(&place, &game, 3, 2);
    nodes[2].reaches(4);
    nodes.pop().unwrap().kill();
    // The first by name leads; it falls when the others have gone on.
    nodes[1].reaches(12);
    let mut fresh = Start::new(&game, 4, 2).node(&place);
    fresh.reaches(14);
    nodes.remove(0).kill();
    nodes.push(fresh);
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 3, "{}", generations(&place));
}

#[test]
fn a_run_outlives_two_killed_at_once() {
    let (place, game) = (Place::new(), Game::long());
    let expected = game.undisturbed();
    let mut nodes = nodes(&place, &game, 4, 2);
    nodes[3].reaches(5);
    let (first, third) = (nodes.remove(0), nodes.remove(1));
    first.signal("-KILL");
    third.signal("-KILL");
    first.ran();
    third.ran();
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 2);
}

#[test]
fn a_host_that_was_frozen_wakes_up_outside_and_writes_nothing_wrong() {
    let (place, game) = (Place::new(), Game::long());
    let expected = game.undisturbed();
    let mut nodes = nodes(&place, &game, 3, 2);
    // The leader: whoever might commit what has been replaced.
    nodes[0].reaches(4);
    nodes[0].signal("-STOP");
    nodes[1].reaches(20);
    nodes[0].signal("-CONT");
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 2);
}

#[test]
fn a_host_whose_disk_is_full_says_so_and_the_others_go_on() {
    let (place, game) = (Place::new(), Game::long());
    let expected = game.undisturbed();
    let full = Start { blocks_max: Some(24), ..Start::new(&game, 3, 2) }.node(&place);
    let nodes = nodes(&place, &game, 2, 2);
    let ran = full.ran();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("larger than allowed") && !ran.err.contains("panicked"),
        "{}",
        ran.err
    );
    assert_done(&place, nodes, &expected);
}

#[test]
fn hosts_join_and_leave_between_rounds() {
    let (fast, slow) = (mock(0), mock(100));
    let (expected, game) = (Game::paced(&fast).undisturbed(), Game::paced(&slow));
    let place = game.place();
    let mut nodes = nodes(&place, &game, 2, 1);
    nodes[0].reaches(3);
    let mut joins = Start::new(&game, 3, 1).node(&place);
    joins.reaches(8);
    let leaves = nodes.remove(0);
    leaves.signal("-INT");
    let left = leaves.ran();
    assert_eq!(left.code, Some(130), "{}", left.err);
    nodes.push(joins);
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 3);
}

#[test]
fn all_may_be_killed_and_fewer_go_on_and_nobody_else() {
    let (place, game) = (Place::new(), Game::long());
    let expected = game.undisturbed();
    let mut all = nodes(&place, &game, 3, 3);
    all[1].reaches(6);
    all.into_iter().for_each(Node::kill);
    let refused = place.run(&["resume", RUN]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("is played by hosts"), "{}", refused.err);
    assert!(place.run(&["status", RUN]).done().out.contains("crashed"));
    let fewer = nodes(&place, &game, 2, 2);
    assert_done(&place, fewer, &expected);
    // Whoever comes when all is done finds it done.
    let late = Start::new(&game, 1, 1).node(&place).ran();
    assert_eq!((late.code, hash(&late)), (Some(0), expected));
}

#[test]
fn there_may_be_more_hosts_than_blocks_of_agents() {
    let (place, game) =
        (Place::new(), Game::new(&["guessing-game", "--agents", "5000", "--rounds", "3"]));
    let expected = game.undisturbed();
    assert_done(&place, nodes(&place, &game, 3, 2), &expected);
}

#[test]
fn strangers_and_hosts_of_other_runs_are_told_why_they_stay_outside() {
    let (place, elsewhere, empty) = (Place::new(), Place::new(), Place::new());
    let game = Game::new(&["guessing-game", "--agents", "9000", "--rounds", "3"]);
    let waits = Start::new(&game, 1, 2).node(&place);
    // Of two that do not belong together the later one goes.
    while std::net::TcpStream::connect(address(1)).is_err() {
        std::thread::yield_now();
    }
    let told = |start: Start<'_>, place: &Place, words: &str| {
        let ran = start.node(place).ran();
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
    };
    let guess = Start { token: "guess", ..Start::new(&game, 2, 2) };
    told(guess, &place, "knows another secret");
    let other = Game::new(&["guessing-game", "--agents", "9000", "--rounds", "4"]);
    told(Start::new(&other, 2, 2), &elsewhere, "its configuration differs");
    told(Start::new(&other, 2, 2), &place, "begun with another configuration");
    told(Start::new(&game, 2, 2), &empty, "plays the same run from another store");
    let mut first = Start::new(&game, 1, 2);
    first.more = vec!["--name", "again"];
    told(first, &place, "cannot listen on");
    waits.kill();
}

#[test]
fn hosts_that_cannot_be_meant_are_refused_at_once() {
    let place = Place::new();
    let game = Game::new(&["guessing-game", "--agents", "9000"]);
    for (arguments, words) in [
        (&["--seeds", "here", "--advertise", "127.0.0.1", "--min", "1"][..], "HOST:PORT"),
        (&["--seeds", "127.0.0.1:7", "--min", "0"], "--min 0"),
        (&["--seeds", "127.0.0.1:7", "--min", "1", "--patience", "0"], "--patience 0"),
        (&["--seeds", "127.0.0.1:7", "--min", "1", "--advertise", "0.0.0.0"], "no token"),
        (&["--seeds", "127.0.0.1:7", "--min", "1", "--advertise", "not an address"], "--advertise"),
        (&["--seeds", "127.0.0.1:7", "--min", "1", "--name", "a/b"], "cannot name a host"),
        (&["--seeds", "no.such.host.invalid:7", "--min", "1"], "cannot be resolved"),
        (&["--seeds", "127.0.0.1:7", "--min", "1", "--shards", "2"], "--shards"),
    ] {
        let ran = Ran::new(
            place
                .command(&game.words("node", arguments))
                .env_remove("THRONG_TOKEN")
                .output()
                .unwrap(),
        );
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(place.entries(), Vec::<String>::new(), "nothing was written");
}

#[test]
fn what_one_process_began_hosts_do_not_go_on_with() {
    let place = Place::new();
    let game = Game::new(&["guessing-game", "--agents", "9000", "--rounds", "2"]);
    place.run(&game.words("run", &[])).done();
    let ran = Start::new(&game, 1, 1).node(&place).ran();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("is played by one process"), "{}", ran.err);
}

/// Files of completions that no commit has yet.
fn journal(place: &Place) -> Vec<PathBuf> {
    let folder = place.path().join(RUN).join("journal");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| file.unwrap().path()).collect()
}

pub(super) fn mock(latency_ms: u64) -> Mock {
    let latency = Latency::Constant(Duration::from_millis(latency_ms));
    let options = MockOptions { latency, ..MockOptions::default() };
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

#[test]
fn models_asked_by_several_hosts_answer_as_one_process_hears_them() {
    let (place, fast, slow) = (Place::new(), mock(0), mock(10));
    let game = |mock: &Mock| {
        let url = mock.url();
        let model = ["--model", "mock", "--endpoint", &url, "--set", "models.0.n_max=16"];
        let size = ["guessing-game", "--agents", "9000", "--rounds", "4"];
        Game::new(&[&size[..], &model, &["--set", "bridge.in_flight_max=48"]].concat())
    };
    let expected = game(&fast).undisturbed();
    let game = game(&slow);
    let mut nodes = nodes(&place, &game, 3, 2);
    nodes[2].reaches(2);
    let paid = slow.counts().requests;
    while slow.counts().requests < paid + 20 {
        std::thread::yield_now();
    }
    nodes.pop().unwrap().kill();
    assert_done(&place, nodes, &expected);
    // What was in flight on the lost host is asked again, and nothing else: 48 requests of 16 choices.
    let choices = slow.counts().choices;
    assert!((4 * 9_000..=4 * 9_000 + 48 * 16).contains(&choices), "{choices}");
    assert_eq!(journal(&place), Vec::<PathBuf>::new());
    let calls = |file: &Path| file.extension().is_some_and(|ending| ending == "parquet");
    let folder = std::fs::read_dir(place.path().join(RUN).join("calls")).unwrap();
    assert!(folder.filter(|file| calls(&file.as_ref().unwrap().path())).count() > 4);
    assert!(place.run(&["replay", RUN]).done().out.contains("bit for bit"));
}
