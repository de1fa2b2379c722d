//! Rounds give the same tables for any spawn order, range and number of threads, and refuse races.

use super::*;
use crate::record::Values;
use crate::{BLOCK, Columns, Decimal, state_digest};

/// A number that every agent holds.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Wealth(i64);

/// How the agent feels.
#[derive(Component, Columns, Clone, Copy, Default, Debug, PartialEq)]
enum Mood {
    /// Nothing happened.
    #[default]
    Calm,
    /// Something did.
    VeryGlad,
}

/// A round's result.
#[derive(Columns)]
struct Total {
    /// All wealth together.
    wealth: i64,
    /// Agents with wealth below and above 50.
    halves: [i64; 2],
}

const GIFT: Purpose = Purpose::new("gift");

fn give(seed: Res<Seed>, round: Res<Round>, mut agents: Query<(&AgentId, &mut Wealth, &mut Mood)>) {
    let streams = seed.streams(GIFT, *round);
    for (agent, mut wealth, mut mood) in &mut agents {
        let gift = streams.agent(*agent).below(100);
        wealth.0 += i64::from(gift);
        *mood = if gift > 50 { Mood::VeryGlad } else { Mood::Calm };
    }
}

fn sum(agents: Query<&Wealth>, mut summaries: ResMut<Summaries>) {
    let wealth = agents.iter().map(|wealth| wealth.0).sum();
    let poor = agents.iter().filter(|wealth| wealth.0 < 50).count() as i64;
    summaries.add(&Total { wealth, halves: [poor, agents.iter().len() as i64 - poor] });
}

fn gifts(sim: &mut Simulation) {
    sim.carries::<Wealth>()
        .carries::<Mood>()
        .add_systems(Phase::Update, give)
        .add_systems(Phase::Resolve, sum)
        .records::<Wealth>()
        .records::<Mood>()
        .summarises::<Total>();
}

fn played(settings: SimulationSettings) -> (Simulation, RoundRecord) {
    let mut sim = Simulation::new(settings).unwrap();
    sim.add(gifts);
    sim.round().unwrap();
    let record = sim.round().unwrap();
    (sim, record)
}

#[test]
fn tables_do_not_depend_on_spawn_order_or_threads() {
    let base = SimulationSettings { threads: 1, ..SimulationSettings::new(5, 10_000) };
    let (_, expected) = played(base);
    for spawn_backwards in [false, true] {
        for threads in [1, 2, 7] {
            let (_, record) = played(SimulationSettings { threads, spawn_backwards, ..base });
            assert_eq!(record.agents, expected.agents);
            assert_eq!(record.blocks, expected.blocks);
            assert_eq!(record.summary, expected.summary);
        }
    }
}

#[test]
fn ranges_together_make_the_whole() {
    let whole = played(SimulationSettings::new(5, 10_000)).1;
    let mut blocks = Vec::new();
    for (start, end) in [(0, 2 * BLOCK as u64), (2 * BLOCK as u64, 10_000)] {
        let range = AgentRange { start, end };
        let (_, part) = played(SimulationSettings { range, ..SimulationSettings::new(5, 10_000) });
        blocks.extend(part.blocks);
        assert_eq!(part.agents.rows() as u64, end - start);
    }
    assert_eq!(state_digest(&blocks), state_digest(&whole.blocks));
}

#[test]
fn recorded_columns_have_names_docs_and_labels() {
    let (sim, record) = played(SimulationSettings::new(5, 100));
    let names: Vec<_> = sim.agent_columns().into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["wealth", "mood"]);
    let mood = record.agents.column("mood").unwrap();
    assert_eq!(mood.spec.kind, crate::record::ColumnKind::Category(&["calm", "very_glad"]));
    assert_eq!(mood.spec.doc, "How the agent feels.");
    let names: Vec<_> = record.summary.columns.iter().map(|c| c.spec.name.as_str()).collect();
    assert_eq!(names, ["group_by", "group", "wealth", "halves_00", "halves_01"]);
    assert_eq!(record.summary.rows(), 1);
}

fn raise(mut agents: Query<&mut Wealth>) {
    agents.iter_mut().for_each(|mut wealth| wealth.0 += 1);
}

fn halve(mut agents: Query<&mut Wealth>) {
    agents.iter_mut().for_each(|mut wealth| wealth.0 /= 2);
}

#[test]
fn systems_that_race_are_refused_by_name() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 10)).unwrap();
    sim.carries::<Wealth>().add_systems(Phase::Update, (raise, halve));
    let error = sim.round().unwrap_err().to_string();
    assert!(
        error.contains("Update") && error.contains("raise") && error.contains("halve"),
        "{error}"
    );
}

#[test]
fn ordered_systems_may_touch_the_same_component() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 10)).unwrap();
    sim.carries::<Wealth>().records::<Wealth>().add_systems(Phase::Update, (raise, halve).chain());
    assert!(sim.round().is_ok());
}

fn fails() -> Result<(), BevyError> {
    Err("the well is dry".into())
}

fn panics() {
    let jar: Vec<u8> = Vec::new();
    assert!(!jar.is_empty(), "the lid is off");
}

#[test]
fn a_failing_system_ends_the_round_with_its_name() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 10)).unwrap();
    sim.add_systems(Phase::Update, fails);
    let error = sim.round().unwrap_err().to_string();
    assert!(
        error.contains("round 1") && error.contains("fails") && error.contains("well is dry"),
        "{error}"
    );
}

#[test]
fn a_panicking_system_ends_the_round_not_the_process() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 10)).unwrap();
    sim.add_systems(Phase::Update, panics);
    assert!(sim.round().unwrap_err().to_string().contains("panics"));
}

#[test]
fn impossible_populations_are_refused() {
    let check = |settings: SimulationSettings| {
        assert!(matches!(Simulation::new(settings), Err(EngineError::Settings(_))), "{settings:?}");
    };
    check(SimulationSettings::new(1, 0));
    check(SimulationSettings::new(1, 1 << 40));
    check(SimulationSettings {
        range: AgentRange { start: 5, end: 11 },
        ..SimulationSettings::new(1, 10)
    });
}

#[test]
fn decimals_are_recorded_as_floats() {
    /// A price.
    #[derive(Component, Columns, Default)]
    struct Price(Decimal);
    let mut sim = Simulation::new(SimulationSettings::new(1, 3)).unwrap();
    sim.carries_with(|| Price(Decimal::from_units(333_300))).records::<Price>();
    let record = sim.round().unwrap();
    assert_eq!(record.agents.column("price").unwrap().values, Values::F64(vec![33.33; 3]));
}

/// A number of exchanges, and of how many rounds.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Talks(i64);

/// A word spoken.
#[derive(Columns)]
struct Word {
    /// The exchange in which it was spoken.
    exchange: u32,
}

fn talk(mut agents: Query<&mut Talks>) {
    agents.iter_mut().for_each(|mut talks| talks.0 += 1);
}

fn settle(
    round: Res<Round>,
    mut exchanges: ResMut<Exchanges>,
    mut tables: ResMut<Tables>,
    mut ending: ResMut<Ending>,
) {
    let said = |agent| (AgentId(agent), Word { exchange: exchanges.current() });
    tables.extend("words", *round, &[said(1), said(0)]);
    if exchanges.current() == round.0 {
        exchanges.end();
    }
    if round.0 == 3 {
        ending.end("three rounds are enough");
    }
}

#[test]
fn a_round_has_exchanges_until_they_end_or_their_limit_is_reached() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 2)).unwrap();
    sim.carries::<Talks>().records::<Talks>().keeps::<Word>("words").exchanges(3);
    sim.add_systems(Phase::Update, talk).add_systems(Phase::Settle, settle);
    let mut seen = Vec::new();
    for _ in 0..3 {
        assert_eq!(sim.ended(), None);
        let record = sim.round().unwrap();
        let talks = record.agents.column("talks").unwrap().values.clone();
        let (name, words) = &record.tables[0];
        let names: Vec<_> = words.columns.iter().map(|column| column.spec.name.as_str()).collect();
        assert_eq!(
            (name.as_str(), names.as_slice()),
            ("words", ["round", "agent", "exchange"].as_slice())
        );
        let of = |column| words.column(column).unwrap().values.clone();
        seen.push((talks, of("agent"), of("exchange")));
    }
    let talks = |n: i64| Values::I64(vec![n; 2]);
    let agents = |n| Values::I64([vec![0; n], vec![1; n]].concat());
    let words = |n: i64| Values::I64((0..n).chain(0..n).collect());
    let round = |n: i64, all| (talks(all), agents(n as usize), words(n));
    assert_eq!(seen, [round(2, 2), round(3, 5), round(3, 8)]);
    assert_eq!(sim.ended(), Some("three rounds are enough"));
}
