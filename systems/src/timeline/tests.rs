//! Dates are the calendar's, only the awake are asked, and everyone has its turn.

use bevy_ecs::prelude::*;
use proptest::prelude::*;
use throng_engine::stream::Purpose;
use throng_engine::{
    AgentId, Columns, Decimal, Phase, Round, Seed, Simulation, SimulationSettings, Summaries,
};

use super::*;
use crate::environment::{EnvironmentId, Within};
use crate::testing::same_everywhere;
use crate::{
    Accounting, Asks, Chunk, ExchangeAccounts, Guess, ModelRef, PlayPolicies, Policies, Policy,
    Reply,
};

proptest! {
    #[test]
    fn dates_read_back_as_they_were_written(seconds in -4_000_000_000_i64..60_000_000_000) {
        let moment = Moment(seconds);
        let text = moment.to_string();
        let (weekday, date) = text.split_once(' ').unwrap();
        prop_assert_eq!(date.parse::<Moment>(), Ok(moment));
        prop_assert_eq!(weekday, format!("{:?}", moment.weekday()));
        prop_assert_eq!((moment + DAY).weekday(), Weekday::ALL[(moment.weekday() as usize + 1) % 7]);
    }
}

#[test]
fn known_dates_have_known_days() {
    for (text, shown) in [
        ("1970-01-01", "Thursday 1970-01-01 00:00"),
        ("2000-02-29 23:59:59", "Tuesday 2000-02-29 23:59:59"),
        ("2026-06-01 08:00", "Monday 2026-06-01 08:00"),
    ] {
        assert_eq!(text.parse::<Moment>().unwrap().to_string(), shown);
    }
    for wrong in ["2026-02-29", "2026-13-01", "2026-06-01 24:00", "today", "2026-06-01 8"] {
        let error = wrong.parse::<Moment>().unwrap_err();
        assert!(error.to_string().contains("such as 2026-06-01 08:00"), "{error}");
    }
}

#[test]
fn hours_open_and_close() {
    let shop = Hours::new(&Weekday::WORKING, 9 * HOUR, 17 * HOUR).unwrap();
    let at = |text: &str| text.parse::<Moment>().unwrap();
    assert!(shop.is_open(at("2026-06-01 09:00")) && !shop.is_open(at("2026-06-01 17:00")));
    assert!(!shop.is_open(at("2026-06-06 12:00")));
    assert_eq!(shop.closes(at("2026-06-01 09:00")), Some(at("2026-06-01 17:00")));
    assert_eq!(shop.closes(at("2026-06-01 17:00")), None);
    assert_eq!(shop.next_opening(at("2026-06-05 09:01")), at("2026-06-08 09:00"));
    assert_eq!(shop.next_opening(at("2026-06-05 09:00")), at("2026-06-05 09:00"));
    assert!(Hours::new(&[], 0, 1).is_none() && Hours::new(&Weekday::ALL, 5, 5).is_none());
}

/// Answers with a random number, whatever it sees.
#[derive(Clone)]
struct Dice;

#[derive(Resource, Default)]
struct NoNews;

impl Policy<Guess> for Dice {
    type Sees = Guess;
    type News = NoNews;
    type Round = ();
    fn begin(&self, _: &NoNews) {}
    fn answer(&self, (): &(), chunk: Chunk<'_, Guess, Guess>) {
        chunk.answer(|_, stream| Guess(Decimal::from_units(stream.below(1_000_000) as i32)));
    }
}

/// How often an agent was asked, and what it said last.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Asked {
    /// Times asked.
    times: u32,
    /// What it said.
    last: i32,
}

fn decide(mut agents: Query<(&Reply<Guess>, &mut Asked)>) {
    for (reply, mut asked) in &mut agents {
        if let Reply::Answered(guess) = reply {
            asked.times += 1;
            asked.last = asked.last.wrapping_mul(31).wrapping_add(guess.0.units());
        }
    }
}

fn sleep(
    (seed, round, clock): (Res<Seed>, Res<Round>, Res<Clock>),
    mut agents: Query<(&AgentId, &Reply<Guess>, &mut WakeAt)>,
) {
    let streams = seed.streams(Purpose::new("test sleep"), *round);
    for (agent, reply, mut wake) in &mut agents {
        if reply.answer().is_some() {
            let hours = i64::from(streams.agent(*agent).below(48)) + 1;
            wake.0 = if agent.0 % 3 == 0 { Moment::NEVER } else { clock.now() + hours * HOUR };
        }
    }
}

/// A round of the tests.
#[derive(Columns)]
struct Hour {
    /// When it was.
    now: String,
    /// Agents of this world that were asked.
    asked: i64,
}

fn asking(sim: &mut Simulation) {
    sim.init_resource::<NoNews>()
        .insert_resource(Policies { entries: vec![(ModelRef(0), Dice)] })
        .carries::<Guess>()
        .carries::<Asked>()
        .asks::<Guess>()
        .policies::<Guess, Dice>()
        .records::<Asked>()
        .add_systems(Phase::Decide, decide);
}

fn events(sim: &mut Simulation, start: Moment) {
    let end = start + 90 * HOUR;
    asking(sim);
    sim.timeline(Timeline { start, pace: Pace::Events, end }).add_systems(Phase::Update, sleep);
}

fn tell(clock: Res<Clock>, counts: Res<Accounting>, mut summaries: ResMut<Summaries>) {
    let asked = counts.answered() as i64;
    summaries.add(&Hour { now: clock.now().to_string(), asked });
}

#[test]
fn time_goes_on_to_the_next_waking_in_any_world() {
    let start: Moment = "2026-06-01 08:00".parse().unwrap();
    same_everywhere(13_000, 5, |sim| events(sim, start));
    let mut sim = Simulation::new(SimulationSettings::new(1, 600)).unwrap();
    events(&mut sim, start);
    sim.summarises::<Hour>();
    sim.add_systems(Phase::Resolve, tell.before(ClockSystems));
    let mut asked = Vec::new();
    while sim.ended().is_none() {
        sim.round().unwrap();
        asked.push(sim.resource::<Accounting>().answered());
        assert_eq!(sim.resource::<Accounting>().total(), 600);
    }
    assert_eq!(asked[0], 600);
    assert!(asked[1] < 40, "in the second round only those wake who slept an hour: {asked:?}");
    assert!(
        asked.len() <= 91 && sim.ended() == Some("the clock has reached Friday 2026-06-05 02:00")
    );
}

#[test]
fn a_run_ends_when_nobody_wakes_again() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 1)).unwrap();
    events(&mut sim, Moment(0));
    sim.round().unwrap();
    assert_eq!(sim.ended(), Some("nobody wakes again"));
}

#[test]
fn everyone_has_one_turn_in_a_random_order_in_any_world() {
    same_everywhere(13_000, 3, |sim| {
        asking(sim);
        sim.turns(TurnOrder::Random, 7);
    });
    let mut sim = Simulation::new(SimulationSettings::new(1, 500)).unwrap();
    asking(&mut sim);
    sim.turns(TurnOrder::Random, 7);
    sim.round().unwrap();
    let world = sim.world_mut();
    assert!(world.query::<&Asked>().iter(world).all(|asked| asked.times == 1));
}

fn in_thirds(mut agents: Query<(&AgentId, &mut Within)>) {
    agents.iter_mut().for_each(|(agent, mut within)| within.0 = EnvironmentId(agent.0 % 3));
}

#[test]
fn groups_take_turns_in_any_world() {
    same_everywhere(13_000, 2, |sim| {
        asking(sim);
        sim.turns(TurnOrder::ByGroup, 3).add_systems(Phase::Start, in_thirds);
    });
}

#[test]
fn groups_take_turns() {
    let mut sim = Simulation::new(SimulationSettings::new(1, 9)).unwrap();
    asking(&mut sim);
    sim.turns(TurnOrder::ByGroup, 2);
    sim.add_systems(Phase::Start, in_thirds);
    sim.round().unwrap();
    let counts = sim.resource::<Accounting>();
    assert_eq!((counts.answered(), counts.not_asked()), (6, 3));
    let by_turn = &sim.resource::<ExchangeAccounts>().0;
    assert!(
        by_turn.iter().all(|turn| (turn.answered(), turn.not_asked()) == (3, 6)),
        "{by_turn:?}"
    );
    let world = sim.world_mut();
    let asked: u32 = world.query::<&Asked>().iter(world).map(|asked| asked.times).sum();
    assert_eq!(asked, 6, "the third group has no turn in two exchanges");
}
