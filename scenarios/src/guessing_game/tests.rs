//! The game gives the same bits for any threads, ranges and spawn order, and the prompts say what is so.

use std::sync::Arc;
use throng_systems::engine::{
    AgentRange, BLOCK, Digest, RoundRecord, SimulationSettings, record::Values, state_digest,
};
use throng_systems::{Cast, ModelRef, PolicyChoice, Populate, Share};

use super::*;

const PLAYERS: u64 = 20_000;
const ROUNDS: u32 = 4;

/// Two models and two backgrounds, so that every path is walked.
fn cast() -> Cast {
    Cast {
        models: vec![("people".to_owned(), Share(0.75)), ("noise".to_owned(), Share(0.25))],
        backgrounds: vec![
            ("economist".to_owned(), "You are an economist.".to_owned(), Share(0.5)),
            ("artist".to_owned(), "You are an artist.".to_owned(), Share(0.5)),
        ],
    }
}

fn choices() -> Vec<PolicyChoice> {
    let choice = |model, policy: &str| PolicyChoice {
        model: ModelRef(model),
        policy: policy.to_owned(),
        parameters: toml::Table::new(),
    };
    vec![choice(0, "human-like"), choice(1, "uniform")]
}

fn game(settings: SimulationSettings) -> Simulation {
    let mut sim = Simulation::new(settings).unwrap();
    let prepared = scenario().prepare(toml::Table::new(), &choices()).unwrap();
    (prepared.insert)(&mut sim);
    sim.populate(cast()).add(guessing_game);
    sim
}

fn played(mut sim: Simulation) -> Vec<RoundRecord> {
    (0..ROUNDS).map(|_| sim.round().unwrap()).collect()
}

/// The digests of all rounds of a run whose population is cut at these multiples of a block.
fn digests(cuts: &[u64], threads: usize, spawn_backwards: bool) -> Vec<Digest> {
    let mut bounds = vec![0];
    bounds.extend(cuts.iter().map(|cut| cut * BLOCK as u64));
    bounds.push(PLAYERS);
    let ranges = bounds.windows(2).map(|pair| AgentRange { start: pair[0], end: pair[1] });
    let parts: Vec<Vec<RoundRecord>> = std::thread::scope(|scope| {
        let worlds = ranges.zip(Mesh::of_threads(bounds.len() - 1)).map(|(range, mesh)| {
            let base = SimulationSettings::new(7, PLAYERS);
            let settings = SimulationSettings { range, threads, spawn_backwards, ..base };
            scope.spawn(move || {
                let mut sim = game(settings);
                sim.join(mesh);
                played(sim)
            })
        });
        let worlds: Vec<_> = worlds.collect();
        worlds.into_iter().map(|world| world.join().unwrap()).collect()
    });
    let round = |round: usize| {
        let summaries: Vec<_> = parts.iter().map(|part| &part[round].summary).collect();
        assert!(
            summaries.iter().all(|summary| *summary == summaries[0]),
            "worlds agree on results"
        );
        state_digest(parts.iter().flat_map(|part| &part[round].blocks))
    };
    (0..ROUNDS as usize).map(round).collect()
}

/// Digests of the four rounds. They change only when the results of the game are meant to change; the
/// scenario's version is raised with them.
const GOLDEN: [&str; ROUNDS as usize] = [
    "08d66f8144f9ad82b6fbc12fe019f907",
    "81a331f8b0fee36070349768d3068cc0",
    "d9934c37987c42c2985932694e94fd11",
    "99e5a2b2c69c92bb6f438a2160bfa2a5",
];

#[test]
fn golden_digests_hold_for_any_threads_ranges_and_spawn_order() {
    let golden = |digests: Vec<Digest>| {
        let texts: Vec<_> = digests.iter().map(Digest::to_string).collect();
        assert_eq!(texts, GOLDEN);
    };
    golden(digests(&[], 1, false));
    golden(digests(&[], 2, true));
    golden(digests(&[], 7, false));
    golden(digests(&[2], 1, false));
    golden(digests(&[1, 2, 4], 2, true));
    golden(digests(&[1, 2, 3, 4], 1, false));
}

fn column<'a>(record: &'a RoundRecord, name: &str) -> &'a Values {
    &record.summary.column(name).unwrap().values
}

#[test]
fn a_round_has_rows_for_everyone_each_model_and_each_background() {
    let records = played(game(SimulationSettings::new(7, PLAYERS)));
    let record = &records[0];
    let Values::Text(groups) = column(record, "group") else { panic!("groups are text") };
    let expected = ["all", "people", "noise", "economist", "artist"];
    assert_eq!(groups, &expected);
    let Values::I64(n) = column(record, "n") else { panic!("counts are integers") };
    assert_eq!(n, &[20_000, 15_000, 5_000, 10_000, 10_000]);
    let Values::I64(winners) = column(record, "winners") else { panic!("counts are integers") };
    assert!(winners[0] > 0);
    assert_eq!(winners[0], winners[1] + winners[2]);
    assert_eq!(winners[0], winners[3] + winners[4]);
}

#[test]
fn the_target_is_two_thirds_of_the_mean_and_the_winner_the_closest() {
    let mut sim = game(SimulationSettings::new(7, 1_000));
    let record = sim.round().unwrap();
    let Values::F64(guesses) = &record.agents.column("guess").unwrap().values else {
        panic!("guesses are numbers")
    };
    let target = guesses.iter().sum::<f64>() / 1_000.0 * 2.0 / 3.0;
    let news = sim.resource::<News>();
    assert!((news.targets[0] - target).abs() < 1e-9);
    let closest = guesses.iter().map(|guess| (guess - target).abs()).fold(f64::MAX, f64::min);
    let won = news.winning[0][0].to_f64();
    assert!(((won - target).abs() - closest).abs() < 1e-9);
    let first = guesses.iter().position(|guess| (guess - won).abs() < 1e-9).unwrap();
    let Values::I64(firsts) = column(&record, "first_winner") else { panic!("agents") };
    assert_eq!(firsts[0], first as i64);
}

#[test]
fn prompts_of_a_later_round_tell_what_was_announced_and_reported() {
    let mut sim = game(SimulationSettings::new(7, 1_000));
    sim.round().unwrap();
    sim.round().unwrap();
    let text = scenario().preview(&mut sim, AgentId(3)).unwrap();
    insta::assert_snapshot!(format!("{}\n---\n{}", text.system, text.user));
}

#[test]
fn one_player_is_always_the_winner() {
    let mut sim = game(SimulationSettings::new(7, 1));
    let record = sim.round().unwrap();
    let Values::I64(winners) = column(&record, "winners") else { panic!("counts are integers") };
    assert_eq!(winners[0], 1);
}

/// A game of a scripted model and a policy, half of the players each.
fn scripted_game(answers: &[&str], players: u64) -> Simulation {
    use throng_systems::bridge::{Bridge, BridgeConfig, MemoryStore, ModelConfig};

    let mut sim = Simulation::new(SimulationSettings::new(7, players)).unwrap();
    let choice = PolicyChoice {
        model: ModelRef(1),
        policy: "equilibrium".into(),
        parameters: toml::Table::new(),
    };
    let prepared = scenario().prepare(toml::Table::new(), &[choice]).unwrap();
    (prepared.insert)(&mut sim);
    let models = vec![ModelConfig::scripted("words", answers)];
    let config = BridgeConfig { models, ..BridgeConfig::default() };
    let bridge = Bridge::start(config, Arc::new(MemoryStore::default())).unwrap();
    let handle = throng_systems::BridgeHandle::new(Arc::new(bridge), vec![Some(0), None]);
    let models = vec![("words".to_owned(), Share(0.5)), ("policy".to_owned(), Share(0.5))];
    sim.insert_resource(handle)
        .populate(Cast { models, backgrounds: Vec::new() })
        .add(guessing_game);
    sim
}

#[test]
fn a_model_in_words_and_a_policy_play_together() {
    let mut sim = scripted_game(&["50"], 1_000);
    let record = sim.round().unwrap();
    let Values::F64(means) = column(&record, "mean") else { panic!("means are numbers") };
    assert_eq!(means, &[25.0, 50.0, 0.0]);
    let totals = &sim.resource::<throng_systems::Calls>().totals;
    assert_eq!((totals.answered, totals.failed), (500, 0));
}

#[test]
fn an_answer_out_of_bounds_is_a_failure_and_not_a_number() {
    let mut sim = scripted_game(&["400"], 100);
    let record = sim.round().unwrap();
    let accounting = *sim.resource::<Accounting>();
    assert_eq!((accounting.answered(), accounting.failed_by(Cause::Invalid)), (50, 50));
    let Values::F64(means) = column(&record, "mean") else { panic!("means are numbers") };
    assert!(means[0].abs() < 1e-12, "everyone with an answer is at the fixed point, 0");
    let mean = record.summary.column("mean").unwrap();
    assert_eq!(mean.valid, Some(vec![true, false, true]));
}
