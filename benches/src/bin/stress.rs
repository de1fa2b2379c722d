//! Plays a large guessing game and says what an agent-round costs, beside the raw work it is made of.
//!
//! `stress [AGENTS] [ROUNDS] [POLICY] [THREADS]`. Ratios within one run of the program are what to compare:
//! absolute figures follow the machine's load.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use throng::config::{Override, Request, Target, resolve};
use throng::play::{Plan, RoundReport, RunEnd, RunHead, StopFlag, Watch, play};
use throng_benches::{guessing_game, median, resident_bytes};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn argument<T: std::str::FromStr>(place: usize, default: T) -> T {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let agents: u64 = argument(1, 1_000_000);
    let rounds: u32 = argument(2, 20);
    let policy: String = argument(3, "human-like".to_owned());
    let threads: usize = argument(4, 0);
    println!(
        "{agents} agents, {rounds} rounds, policy {policy}, median of the rounds after the first"
    );
    let row =
        |what: &str, nanoseconds: f64| println!("{what:<58}{nanoseconds:>9.2} ns per agent-round");
    row("raw arrays: number, ring of six, sum (1 thread, no randomness)", raw_loop(agents, rounds));
    row("the same columns copied, written and flushed", raw_write(agents, rounds));

    let empty = resident_bytes();
    let mut sim = guessing_game(agents, &policy, threads);
    sim.start().expect("the game starts");
    let times = (0..rounds).map(|_| timed(agents, || sim.advance().expect("a round is played")));
    row("engine: all phases, memory, exact reductions", median(times.skip(1).collect()));
    if let (Some(before), Some(after)) = (empty, resident_bytes()) {
        let each = (after.saturating_sub(before)) as f64 / agents as f64;
        println!("{:<58}{each:>9.1} bytes per agent", "resident memory of the world");
    }
    let times =
        (0..rounds).map(|_| timed(agents, || black_box(sim.round()).expect("a round is played")));
    row("engine, tables and digest in memory", median(times.skip(1).collect()));
    drop(sim);
    row(
        "engine and committed Parquet (guess, status), all in",
        committed(agents, rounds, &policy, threads),
    );
}

/// Nanoseconds per agent of some work.
fn timed<T>(agents: u64, work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_secs_f64() * 1e9 / agents as f64
}

/// The least a round can do: a new number from the last, a ring of six, a sum.
fn raw_loop(agents: u64, rounds: u32) -> f64 {
    let mut numbers = vec![500_000_i32; agents as usize];
    let mut memories = vec![[0_i32; 7]; agents as usize];
    let mut target = 333_333;
    let times = (0..rounds).map(|_| {
        timed(agents, || {
            let mut sum = 0_i64;
            for (number, memory) in numbers.iter_mut().zip(&mut memories) {
                *number = i32::midpoint(*number, target);
                memory.copy_within(..5, 1);
                memory[0] = *number;
                sum += i64::from(*number);
            }
            target = (sum / agents as i64) as i32 * 2 / 3;
        })
    });
    median(times.collect())
}

/// The least a commit can do: the recorded columns (8 + 1 bytes) copied, written and flushed.
fn raw_write(agents: u64, rounds: u32) -> f64 {
    let folder = tempfile::tempdir_in(".").expect("the working folder can be written");
    let columns = vec![7_u8; agents as usize * 9];
    let times = (0..rounds.min(5)).map(|round| {
        timed(agents, || {
            let copy = columns.clone();
            let path = folder.path().join(round.to_string());
            let mut file = File::create(path).expect("a file can be made");
            file.write_all(&copy).expect("the disk has room");
            file.sync_all().expect("the disk can be flushed");
        })
    });
    median(times.collect())
}

/// Notes nothing.
struct Nobody;

impl Watch for Nobody {
    fn notice(&mut self, _: &str) {}

    fn started(&mut self, _: &RunHead) {}
    fn round(&mut self, _: &RoundReport) {}
    fn finished(&mut self, _: &RunEnd) {}
}

/// A whole run, from the run directory's making to its last commit, per agent and round.
fn committed(agents: u64, rounds: u32, policy: &str, threads: usize) -> f64 {
    let folder = tempfile::tempdir_in(".").expect("the working folder can be written");
    let request = Request {
        target: Target::Scenario("guessing-game".to_owned()),
        model: Some(policy.to_owned()),
        endpoints: Vec::new(),
        overrides: vec![
            Override::flag("--agents", "run.agents", &agents.to_string()),
            Override::flag("--rounds", "run.rounds", &rounds.to_string()),
        ],
    };
    let resolved = resolve(&request, &throng_scenarios::all()).expect("the defaults can be played");
    let plan = Plan {
        config: resolved.config,
        scenario: resolved.scenario,
        prepared: resolved.prepared,
        cast: resolved.cast,
        people: resolved.people,
        changes: Vec::new(),
        run_id: "stress".to_owned(),
        out: folder.path().to_owned(),
        threads,
        shards: 1,
        bridge: resolved.execution.bridge,
    };
    let nanoseconds =
        timed(agents, || play(plan, StopFlag::default(), &mut Nobody).expect("the run is played"));
    nanoseconds / f64::from(rounds)
}
