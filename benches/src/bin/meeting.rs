//! Prints what each way of meeting costs per agent and round, and how long networks take to build.
//!
//! `meeting [AGENTS] [ROUNDS] [THREADS] [ONLY]`. Ratios within one run of the program are what to compare: absolute figures
//! follow the machine's load.

use std::hint::black_box;
use std::time::Instant;

use throng::engine::Pool;
use throng::systems::network::Sources;
use throng_benches::median;
use throng_benches::meeting::{CASES, Case, graphs, near_each, warmed};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn argument<T: std::str::FromStr>(place: usize, default: T) -> T {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Seconds that a network takes to build, at most.
const BUILDS: u32 = 3;

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let (agents, rounds): (u64, u32) = (argument(1, 1_000_000), argument(2, 9));
    let (threads, only): (usize, String) = (argument(3, 0), argument(4, String::new()));
    let pool = Pool::new(threads);
    println!("{agents} agents, {} threads, medians of {rounds} rounds", pool.threads());
    for case in CASES.iter().filter(|case| case.name.starts_with(&only)) {
        let (nanoseconds, near) = measured(case, agents, rounds, threads);
        let note = if near > 0.0 { format!(" ({near:.3} near each)") } else { String::new() };
        println!(
            "{:<20}{nanoseconds:>9.1} ns per agent-round: {}{note}",
            case.name, case.in_the_loop
        );
    }
    for (name, graph) in graphs().into_iter().filter(|_| only.is_empty()) {
        let build = || graph.build(&pool, agents, 1, Sources::default());
        let Ok(network) = build() else {
            println!("{name:<24} is not for {agents} agents");
            continue;
        };
        let contacts = network.len() as f64 / agents as f64;
        let times = (0..BUILDS).map(|_| {
            let begun = Instant::now();
            drop(black_box(build()));
            begun.elapsed().as_secs_f64()
        });
        println!(
            "{name:<24}{:>7.2} s to build, {contacts:.1} contacts each",
            median(times.collect())
        );
    }
}

/// Nanoseconds per agent and round, and how many walkers have counted near them.
fn measured(case: &Case, agents: u64, rounds: u32, threads: usize) -> (f64, f64) {
    let mut sim = warmed(case, agents, threads);
    let times = (0..rounds).map(|_| {
        let begun = Instant::now();
        sim.advance().expect("a round is played");
        begun.elapsed().as_secs_f64() * 1e9 / agents as f64
    });
    let nanoseconds = median(times.collect());
    let near = if case.name.starts_with("a plane") { near_each(&mut sim) } else { 0.0 };
    (nanoseconds, near)
}
