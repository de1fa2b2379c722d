//! A test for every scenario and every part of one: the same bits for any threads, ranges and spawn order.

use std::thread;

use throng_engine::record::Table;
use throng_engine::{
    AgentRange, BLOCK, Digest, Mesh, RoundRecord, Simulation, SimulationSettings, state_digest,
};

/// The seed of the runs that are compared.
const SEED: u64 = 7;

/// How a population is cut into worlds (at multiples of a block), threads per world, and the spawn order:
/// one, two and four worlds, one, two and seven threads, and both orders.
const WAYS: [(&[u64], usize, bool); 7] = [
    (&[], 1, true),
    (&[], 2, true),
    (&[], 7, false),
    (&[1], 1, true),
    (&[2], 7, false),
    (&[1, 2, 3], 1, true),
    (&[1, 2, 3], 2, false),
];

/// What a round left behind, whatever worlds played it.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The digest of all agents' recorded columns.
    pub digest: Digest,
    /// The recorded columns of all agents.
    pub agents: Table,
    /// The summary, on which all worlds agree.
    pub summary: Table,
    /// The further tables, the worlds' rows in rank order.
    pub tables: Vec<(String, Table)>,
}

/// Plays `rounds` rounds of what `build` registers in many ways and returns what each round left behind.
///
/// # Panics
/// If two ways differ, or the population has fewer than three blocks of agents and one more agent.
pub fn same_everywhere(
    population: u64,
    rounds: usize,
    build: impl Fn(&mut Simulation) + Sync,
) -> Vec<Outcome> {
    assert!(population > 3 * BLOCK as u64, "too few agents to be cut into four worlds");
    let mut expected = None;
    for (cuts, threads, spawn_backwards) in WAYS {
        let outcomes = played(population, rounds, &build, cuts, threads, spawn_backwards);
        let expected =
            expected.get_or_insert_with(|| played(population, rounds, &build, &[], 1, false));
        for (round, (outcome, expected)) in outcomes.iter().zip(&*expected).enumerate() {
            let way = format!("round {}, cut at {cuts:?}, {threads} threads", round + 1);
            assert!(outcome.summary == expected.summary, "{way}: {:#?}", outcome.summary);
            assert_eq!(outcome.digest, expected.digest, "{way}: the agents differ");
            assert!(outcome.tables == expected.tables, "{way}: the tables differ");
        }
    }
    expected.expect("there is more than one way")
}

/// The digests of outcomes as text, to compare with golden ones.
pub fn digests(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(|outcome| outcome.digest.to_string()).collect()
}

/// Plays rounds in worlds cut at these multiples of a block, each on a thread of its own.
pub fn played(
    population: u64,
    rounds: usize,
    build: &(impl Fn(&mut Simulation) + Sync),
    cuts: &[u64],
    threads: usize,
    spawn_backwards: bool,
) -> Vec<Outcome> {
    let mut bounds = vec![0];
    bounds.extend(cuts.iter().map(|cut| cut * BLOCK as u64));
    bounds.push(population);
    let ranges = bounds.windows(2).map(|pair| AgentRange { start: pair[0], end: pair[1] });
    let mut worlds: Vec<_> = thread::scope(|scope| {
        let worlds = ranges.zip(Mesh::of_threads(bounds.len() - 1)).map(|(range, mesh)| {
            let base = SimulationSettings::new(SEED, population);
            let settings = SimulationSettings { range, threads, spawn_backwards, ..base };
            scope.spawn(move || -> Vec<RoundRecord> {
                let mut sim = Simulation::new(settings).expect("the settings make sense");
                build(sim.join(mesh));
                (0..rounds).map(|_| sim.round().expect("the round can be played")).collect()
            })
        });
        let worlds: Vec<_> = worlds.collect();
        worlds.into_iter().map(|world| world.join().expect("the world ends").into_iter()).collect()
    });
    (0..rounds).map(|_| joined(worlds.iter_mut().filter_map(Iterator::next).collect())).collect()
}

fn joined(parts: Vec<RoundRecord>) -> Outcome {
    let digest = state_digest(parts.iter().flat_map(|part| &part.blocks));
    let mut parts = parts.into_iter();
    let first = parts.next().expect("there is a world");
    let (summary, mut agents, mut tables) = (first.summary, first.agents, first.tables);
    for part in parts {
        agents.append(part.agents);
        assert!(part.summary == summary, "the worlds disagree: {:#?} {summary:#?}", part.summary);
        for ((_, table), (_, more)) in tables.iter_mut().zip(part.tables) {
            table.append(more);
        }
    }
    Outcome { digest, agents, summary, tables }
}
