//! Prints what one guess of each policy costs, settled answer and random stream included.

use std::hint::black_box;
use std::time::Instant;

use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, BLOCK, Decimal};
use throng_scenarios::guessing_game::policy::{GuessPolicy, Own, Policy, View};
use throng_scenarios::guessing_game::rules::Rules;

const AGENTS: u32 = 1_000_000;

/// A pass over one block of agents: first agent, remembered guesses.
type Pass<'a> = dyn FnMut(u32, &mut [Decimal]) + 'a;

/// Nanoseconds per agent in the fastest block, which other work of the machine disturbs least.
fn fastest_block(pass: &mut Pass<'_>) -> f64 {
    let mut guesses = vec![Decimal::from_units(300_000); AGENTS as usize];
    let mut first = 0;
    let mut fastest = f64::MAX;
    for block in guesses.chunks_exact_mut(BLOCK) {
        let start = Instant::now();
        pass(first, &mut *block);
        black_box(&mut *block);
        fastest = fastest.min(start.elapsed().as_secs_f64());
        first += u32::try_from(BLOCK).expect("a block is small");
    }
    fastest * 1e9 / BLOCK as f64
}

fn nanoseconds<P: GuessPolicy>(policy: &P, view: &View<'_>) -> f64 {
    let begun = policy.begin(view);
    let grid = view.rules.grid();
    let streams = Streams::new(1, Purpose::new("guess"), 2);
    fastest_block(&mut |first, block| {
        for (agent, own) in (first..).zip(block) {
            let guesses = std::slice::from_ref(&*own);
            let mut stream = streams.agent(AgentId(agent));
            *own = grid.settle(policy.guess(&begun, &Own { guesses }, &mut stream));
        }
    })
}

/// What the first 32 bits of each agent's stream cost, without any policy.
fn stream_nanoseconds() -> f64 {
    let streams = Streams::new(1, Purpose::new("guess"), 2);
    fastest_block(&mut |first, block| {
        for (agent, own) in (first..).zip(block) {
            let word = streams.agent(AgentId(agent)).next_u32();
            *own = Decimal::from_units(word.cast_signed());
        }
    })
}

/// Microseconds to prepare a round.
fn preparation<P: GuessPolicy>(policy: &P, view: &View<'_>) -> f64 {
    let start = Instant::now();
    black_box(policy.begin(view));
    start.elapsed().as_secs_f64() * 1e6
}

fn measure(policy: &Policy, view: &View<'_>) -> [f64; 2] {
    fn all<P: GuessPolicy>(policy: &P, view: &View<'_>) -> [f64; 2] {
        [nanoseconds(policy, view), preparation(policy, view)]
    }
    match policy {
        Policy::HumanLike(policy) => all(policy, view),
        Policy::LevelK(policy) => all(policy, view),
        Policy::CognitiveHierarchy(policy) => all(policy, view),
        Policy::BestResponse(policy) => all(policy, view),
        Policy::LearningDirection(policy) => all(policy, view),
        Policy::Uniform(policy) => all(policy, view),
        Policy::Equilibrium(policy) => all(policy, view),
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let rules = Rules::default();
    let rounds: [(&str, &[f64], &[f64]); 2] = [("first", &[], &[]), ("later", &[36.7], &[24.47])];
    println!("{:<22}{:>7}{:>12}{:>12}", "policy", "round", "ns/guess", "us/begin");
    println!("{:<29}{:>12.2}", "(stream alone)", stream_nanoseconds());
    for info in Policy::catalogue() {
        let policy = Policy::parse(info.name, &toml::Table::new()).expect("defaults are in range");
        for (round, means, targets) in rounds {
            let [guess, begin] = measure(&policy, &View { rules: &rules, means, targets });
            println!("{:<22}{round:>7}{guess:>12.2}{begin:>12.1}", info.name);
        }
    }
}
