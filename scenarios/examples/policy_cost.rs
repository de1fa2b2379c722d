//! Prints what one guess of each policy costs, settled answer and random stream included.

use std::hint::black_box;
use std::time::Instant;

use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, Decimal};
use throng_scenarios::guessing_game::policy::{GuessPolicy, Own, Policy, View};
use throng_scenarios::guessing_game::rules::Rules;

const AGENTS: u32 = 1_000_000;
const REPEATS: u32 = 10;

/// Nanoseconds per guess in the best of some repeats.
fn nanoseconds<P: GuessPolicy>(policy: &P, view: &View<'_>, guesses: &mut [Decimal]) -> f64 {
    let begun = policy.begin(view);
    let streams = Streams::new(1, Purpose::new("guess"), 2);
    let repeat = |_| {
        let start = Instant::now();
        for (agent, guess) in (0..).zip(guesses.iter_mut()) {
            let own = Own { guesses: std::slice::from_ref(guess) };
            let next = policy.guess(&begun, &own, &mut streams.agent(AgentId(agent)));
            *guess = view.rules.settle(next);
        }
        black_box(&mut *guesses);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(AGENTS)
    };
    (0..REPEATS).map(repeat).fold(f64::MAX, f64::min)
}

/// Microseconds to prepare a round.
fn preparation<P: GuessPolicy>(policy: &P, view: &View<'_>) -> f64 {
    let start = Instant::now();
    black_box(policy.begin(view));
    start.elapsed().as_secs_f64() * 1e6
}

fn measure(policy: &Policy, view: &View<'_>) -> (f64, f64) {
    fn both<P: GuessPolicy>(policy: &P, view: &View<'_>) -> (f64, f64) {
        let mut guesses = vec![Decimal::from_units(300_000); AGENTS as usize];
        (nanoseconds(policy, view, &mut guesses), preparation(policy, view))
    }
    match policy {
        Policy::HumanLike(policy) => both(policy, view),
        Policy::LevelK(policy) => both(policy, view),
        Policy::CognitiveHierarchy(policy) => both(policy, view),
        Policy::BestResponse(policy) => both(policy, view),
        Policy::LearningDirection(policy) => both(policy, view),
        Policy::Uniform(policy) => both(policy, view),
        Policy::Equilibrium(policy) => both(policy, view),
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let rules = Rules::default();
    let rounds: [(&str, &[f64], &[f64]); 2] = [("first", &[], &[]), ("later", &[36.7], &[24.47])];
    println!("{:<22}{:>7}{:>12}{:>12}", "policy", "round", "ns/guess", "us/begin");
    for info in Policy::catalogue() {
        let policy = Policy::parse(info.name, &toml::Table::new()).expect("defaults are in range");
        for (round, means, targets) in rounds {
            let (guess, begin) = measure(&policy, &View { rules: &rules, means, targets });
            println!("{:<22}{round:>7}{guess:>12.2}{begin:>12.1}", info.name);
        }
    }
}
