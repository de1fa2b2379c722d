//! Plays a classic model to its end and says what an agent-round cost and what came of it.
//!
//! `classics segregation|epidemic [AGENTS] [ROUNDS] [THREADS]`, with the scenario's defaults: on a lattice where three
//! of ten neighbours alike are enough, and on a random network with ten contacts each on average. What comes of
//! them is known: neighbourhoods that are 70 to 75 percent alike, and an epidemic that reaches the share S of everyone
//! with S = 1 - exp(-10 T S), T being the probability that a contact infects before it recovers.

use std::time::Instant;

use throng::engine::record::Values;
use throng::engine::{RoundRecord, Simulation};
use throng_benches::playing;
use throng_scenarios::{epidemic, segregation};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn argument<T: std::str::FromStr>(place: usize, default: T) -> T {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[expect(clippy::print_stdout, reason = "the line is what the program is for")]
fn main() {
    let (model, agents): (String, u64) = (argument(1, String::new()), argument(2, 100_000));
    let (rounds, threads): (u32, usize) = (argument(3, 500), argument(4, 1));
    let told = match model.as_str() {
        "segregation" => {
            let sim = playing(&segregation::scenario(), "threshold", agents, threads);
            let (cost, last) = played(sim, agents, rounds);
            format!("{cost}, {:.3} alike", share(&last, "alike", "neighbours"))
        }
        "epidemic" => {
            let sim = playing(&epidemic::scenario(), "careless", agents, threads);
            let (cost, last) = played(sim, agents, rounds);
            format!("{cost}, {:.3} reached", number(&last, "recovered") / agents as f64)
        }
        other => panic!("there is no model `{other}`: write segregation or epidemic"),
    };
    println!("Throng, {threads} threads: {told}");
}

/// Plays until the model ends, some rounds at most: what an agent-round cost, and the last round.
///
/// A round costs what it costs a run, its tables and the digest of its state included.
fn played(mut sim: Simulation, agents: u64, rounds: u32) -> (String, RoundRecord) {
    sim.start().expect("the model starts");
    let begun = Instant::now();
    let mut last = sim.round().expect("a round is played");
    let mut count = 1;
    while count < rounds && sim.ended().is_none() {
        last = sim.round().expect("a round is played");
        count += 1;
    }
    let each = begun.elapsed().as_secs_f64() * 1e9 / agents as f64 / f64::from(count);
    (format!("{each:.0} ns per agent-round of {count} rounds"), last)
}

/// The first number of a column of whole numbers.
fn number(record: &RoundRecord, name: &str) -> f64 {
    match record.summary.column(name).map(|column| &column.values) {
        Some(Values::I64(values)) => values[0] as f64,
        other => panic!("{name} is no column of whole numbers: {other:?}"),
    }
}

fn share(record: &RoundRecord, part: &str, whole: &str) -> f64 {
    number(record, part) / number(record, whole)
}
