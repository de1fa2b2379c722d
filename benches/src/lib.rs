//! What benches share: a guessing game without a command line, and how a process is measured.

pub mod meeting;

use throng::engine::{AgentRange, Simulation, SimulationSettings};
use throng::systems::{Cast, ModelRef, PolicyChoice, Populate, Scenario, Share};

/// A guessing game of `agents` that all follow one policy.
///
/// # Panics
/// If there is no such policy.
pub fn guessing_game(agents: u64, policy: &str, threads: usize) -> Simulation {
    playing(&throng_scenarios::guessing_game::scenario(), policy, agents, threads)
}

/// A scenario with its defaults, played by `agents` that all follow one policy.
///
/// # Panics
/// If there is no such policy, or these agents cannot play it.
pub fn playing(scenario: &Scenario, policy: &str, agents: u64, threads: usize) -> Simulation {
    let choice = PolicyChoice {
        model: ModelRef(0),
        policy: policy.to_owned(),
        parameters: toml::Table::new(),
    };
    let prepared =
        scenario.prepare(toml::Table::new(), &[choice]).expect("the defaults can be played");
    let range = AgentRange::all(agents);
    let settings = SimulationSettings { range, threads, ..SimulationSettings::new(1, agents) };
    let mut sim = Simulation::new(settings).expect("the population can exist");
    (prepared.insert)(&mut sim);
    let models = vec![("bench".to_owned(), Share(1.0))];
    sim.populate(Cast { models, ..Cast::default() });
    scenario.build(&mut sim);
    sim
}

/// Resident memory of this process in bytes, from the kernel; nothing where the kernel does not tell.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The median of some measurements.
///
/// # Panics
/// If there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
