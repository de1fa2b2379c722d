//! Requests of many agents become one change by their rule, and listeners react in order and within bounds.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::reduce::Reduction;
use throng_engine::{
    AgentId, Columns, Mesh, Phase, Pool, Population, Round, Simulation, SimulationSettings,
    Summaries,
};

use super::*;
use crate::mail::{DeliverSystems, Letters, Mail, MailRules, Outbox};
use crate::testing::same_everywhere;
use crate::timeline::{Awake, Moment, Pace, Timed, Timeline, TurnOrder, Turns, WakeAt, Wakes};

macro_rules! attributes {
    ($($name:ident($value:ty), $rule:ty, |$own:ident, $merged:ident| $apply:expr;)+) => {$(
        #[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct $name($value);

        impl Attribute for $name {
            const NAME: &'static str = stringify!($name);
            type Rule = $rule;
            fn apply(&mut self, $merged: &$rule) {
                let $own = &mut self.0;
                $apply;
            }
        }
    )+};
}
attributes! {
    Money(i64), Sum, |own, merged| *own += merged.0;
    Bid(u32), Max<u32>, |own, merged| *own = merged.0.map_or(*own, |bid| bid.max(*own));
    Low(u32), Min<u32>, |own, merged| *own = merged.0.map_or(*own, |low| low.min(*own));
    Owner(Option<AgentId>), First<()>, |own, merged| *own = own.or(merged.0.map(|(agent, ())| agent));
    Names(Vec<u32>), Union<u32>, |own, merged| own.extend(&merged.0);
    Story(String), Chain, |own, merged| own.push_str(&merged.0);
}

/// A rule of one's own: words one after the other, which merges in order but not in any order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Chain(String);

impl Reduction for Chain {
    fn merge(&mut self, later: &Self) {
        self.0.push_str(&later.0);
    }
}

impl Rule for Chain {
    type Value = String;
    fn take(&mut self, _: AgentId, value: &String) {
        self.0.push_str(value);
    }
}

/// What the tests record of two groups.
#[derive(Columns)]
struct Row {
    money: i64,
    bid: u32,
    low: u32,
    owner: Option<AgentId>,
    names: i64,
    story: String,
}

const GROUPS: u32 = 3;

fn groups(sim: &mut Simulation) {
    let world = sim.world_mut();
    let root = Environments::make(world, "world", None, Announcement("Hear!".to_owned())).unwrap();
    for group in 0..GROUPS {
        let attributes =
            (Money(100), Bid(5), Low(9), Owner(None), Names(vec![]), Story(String::new()));
        Environments::make(world, &format!("group{group}"), Some(root), attributes).unwrap();
    }
}

fn ask(
    mut agents: Query<(
        &AgentId,
        (&mut Request<Money>, &mut Request<Bid>, &mut Request<Low>),
        (&mut Request<Owner>, &mut Request<Names>, &mut Request<Story>),
    )>,
) {
    for (agent, (mut money, mut bid, mut low), (mut owner, mut names, mut story)) in &mut agents {
        let group = EnvironmentId(1 + agent.0 % GROUPS);
        money.update(group, i64::from(agent.0 % 5) - 2);
        bid.update(group, agent.0 * 7_919 % 10_007);
        low.update(group, 3 + agent.0 % 4_000);
        names.update(group, agent.0 / 3 % 50);
        if agent.0 > 4_000 {
            owner.update(group, ());
        }
        if agent.0.is_multiple_of(1_000) {
            story.update(group, format!("{agent} "));
        }
    }
}

fn report(
    environments: Res<Environments>,
    values: Query<(&Money, &Bid, &Low, &Owner, &Names, &Story)>,
    mut summaries: ResMut<Summaries>,
) {
    for group in environments.inside(EnvironmentId(0)) {
        let (money, bid, low, owner, names, story) =
            values.get(environments.entity(group).unwrap()).unwrap();
        let name = environments.path(group).unwrap().to_owned();
        let (names, story) = (names.0.len() as i64, story.0.clone());
        let row = Row { money: money.0, bid: bid.0, low: low.0, owner: owner.0, names, story };
        summaries.add_group("place", &name, &row);
    }
}

#[test]
fn requests_are_merged_by_their_rules_in_any_world() {
    let outcomes = same_everywhere(13_000, 2, |sim| {
        sim.attribute::<Money>().attribute::<Bid>().attribute::<Low>();
        sim.attribute::<Owner>().attribute::<Names>().attribute::<Story>();
        sim.add(groups).summarises::<Row>();
        sim.add_systems(Phase::Update, ask).add_systems(Phase::Resolve, report);
    });
    let summary = &outcomes[0].summary;
    let text = |name: &str| format!("{:?}", summary.column(name).unwrap().values);
    assert_eq!(text("owner"), "I64([4002, 4003, 4001])");
    assert_eq!(text("low"), "I64([3, 3, 3])");
    assert_eq!(text("names"), "I64([50, 50, 50])");
    assert!(text("story").contains("\"0 3000 6000 9000 12000 \""), "{}", text("story"));
    assert_eq!(text("money"), format!("I64([{}])", expected_money()));
}

/// The sums of group money, computed the plain way.
fn expected_money() -> String {
    let sum =
        |group| (0..13_000).filter(|a| a % 3 == group).map(|a: i64| a % 5 - 2).sum::<i64>() + 100;
    format!("{}, {}, {}", sum(0), sum(1), sum(2))
}

#[test]
fn updates_come_first_then_registrations_then_deletions() {
    fn edit(agents: Query<(&AgentId, &mut Request<Money>)>) {
        for (agent, mut request) in agents {
            match agent.0 {
                0 => request.edit(EnvironmentId(0), Edit::Register(Money(1))),
                1 => request.edit(EnvironmentId(0), Edit::Register(Money(2))),
                2 => request.update(EnvironmentId(1), 5),
                3 => request.edit(EnvironmentId(1), Edit::Delete),
                _ => request.update(EnvironmentId(2), 10),
            }
        }
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 5)).unwrap();
    let world = sim.world_mut();
    Environments::make(world, "empty", None, ()).unwrap();
    Environments::make(world, "rich", None, Money(7)).unwrap();
    let third = Environments::make(world, "poor", None, Money(0)).unwrap();
    let inner = Environments::make(world, "room", Some(third), ()).unwrap();
    let taken = Environments::make(world, "room", Some(third), ()).unwrap_err();
    assert_eq!(taken, EnvironmentProblem::Taken("poor/room".to_owned()));
    sim.attribute::<Money>().add_systems(Phase::Update, edit);
    sim.round().unwrap();
    sim.round().unwrap();
    let money = sim.resource::<Attributes<Money>>();
    let seen: Vec<_> = (0..4).map(|e| money.of(EnvironmentId(e)).map(|money| money.0)).collect();
    assert_eq!(seen, [Some(1), None, Some(10), None]);
    let environments = sim.resource::<Environments>();
    assert_eq!(environments.find("poor/room"), Some(inner));
    assert_eq!(money.within(environments, inner), Some(&Money(10)));
}

#[test]
fn a_request_about_nothing_ends_the_round() {
    fn wrong(mut agents: Query<&mut Request<Money>>) {
        agents.iter_mut().for_each(|mut request| request.update(EnvironmentId(9), 1));
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 5)).unwrap();
    sim.attribute::<Money>().add_systems(Phase::Update, wrong);
    let error = sim.round().unwrap_err().to_string();
    assert!(error.contains("there is no environment 9, only 0"), "{error}");
}

/// What listeners of the tests have seen.
#[derive(Resource, Default)]
struct Seen(Vec<String>);

fn note(In(event): In<Happening>, mut seen: ResMut<Seen>) {
    seen.0.push(format!("{event:?}"));
}

#[derive(Component, Columns, Clone, Copy, Default)]
struct Letters3(u32);

fn walk(population: Res<Population>, mut agents: Query<(&AgentId, &mut Within)>) {
    assert!(population.size > 0);
    for (agent, mut within) in agents.iter_mut().filter(|(agent, _)| agent.0 % 2_500 == 0) {
        within.0 = EnvironmentId((agent.0 / 2_500 + within.0.0) % 3);
    }
}
fn greet(In(event): In<Happening>, mut mail: ResMut<Mail<u32>>, mut values: Query<&mut Money>) {
    let Happening::Entered { agent, place } = event else { panic!("only arrivals are greeted") };
    mail.write(agent, place.0);
    values.iter_mut().for_each(|mut money| money.0 += 1);
}
fn count(mail: Res<Mail<u32>>, mut agents: Query<(&AgentId, &mut Letters3)>) {
    agents
        .iter_mut()
        .for_each(|(agent, mut letters)| letters.0 += mail.mailbox(*agent).len() as u32);
}
fn all(
    (pool, mesh): (Res<Pool>, Res<Mesh>),
    seen: Res<Seen>,
    agents: Query<&Letters3>,
    mut summaries: ResMut<Summaries>,
) -> Result<(), BevyError> {
    assert!(pool.threads() > 0);
    let own: u32 = agents.iter().map(|letters| letters.0).sum();
    let letters = mesh.gather(own)?.iter().sum();
    summaries.add(&SeenRow { seen: seen.0.join("; "), letters });
    Ok(())
}
/// What was heard so far.
#[derive(Columns)]
struct SeenRow {
    seen: String,
    letters: u32,
}

#[test]
fn listeners_hear_of_edges_changes_and_times_and_write_letters() {
    let start: Moment = "2026-06-01 08:00".parse().unwrap();
    let outcomes = same_everywhere(13_000, 3, |sim| {
        let world = sim.world_mut();
        for place in ["a", "b", "c"] {
            Environments::make(world, place, None, Money(0)).unwrap();
        }
        sim.timeline(Timeline { start, pace: Pace::Every(60), end: Moment::NEVER })
            .attribute::<Money>()
            .letters::<u32>(MailRules::default())
            .init_resource::<Seen>()
            .carries::<Letters3>()
            .records::<Letters3>()
            .summarises::<SeenRow>()
            .listen("left", Trigger::Left(Some(EnvironmentId(1))), note)
            .listen("money", Trigger::Change("Money"), note)
            .listen("greet", Trigger::Entered(Some(EnvironmentId(2))), greet)
            .listen("time", Trigger::Time(start + 60), note)
            .add_systems(Phase::Observe, count.after(DeliverSystems))
            .add_systems(Phase::Update, walk)
            .add_systems(Phase::Resolve, all);
    });
    let text = format!("{:?}", outcomes[2].summary);
    // Agent 2500 walks a, b, c, a and agent 5000 a, c, b, a, so that each leaves b once in three rounds.
    assert_eq!(
        text.matches("Left { agent: AgentId(2500), place: EnvironmentId(1) }").count(),
        1,
        "{text}"
    );
    assert_eq!(
        text.matches("Left { agent: AgentId(5000), place: EnvironmentId(1) }").count(),
        1,
        "{text}"
    );
    assert_eq!(text.matches("Time(").count(), 1, "{text}");
    assert_eq!(
        text.matches("Changed").count(),
        6,
        "two arrivals in c, each after the other: {text}"
    );
}

#[test]
fn listeners_that_set_each_other_off_are_stopped_by_name() {
    fn kick(mut agents: Query<&mut Request<Money>>) {
        agents.iter_mut().for_each(|mut request| request.update(EnvironmentId(0), 1));
    }
    fn again(In(_): In<Happening>, mut values: Query<&mut Money>) {
        values.iter_mut().for_each(|mut money| money.0 += 1);
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 1)).unwrap();
    Environments::make(sim.world_mut(), "only", None, Money(0)).unwrap();
    sim.attribute::<Money>()
        .listen("perpetual", Trigger::Change("Money"), again)
        .add_systems(Phase::Update, kick);
    let error = sim.round().unwrap_err().to_string();
    assert!(
        error.contains("32 times in one exchange, the last time listener `perpetual`"),
        "{error}"
    );
}

#[test]
fn listeners_hear_of_letters_and_wake_their_readers_in_any_world() {
    fn write(mut agents: Query<(&AgentId, &mut Outbox<u32>)>, round: Res<Round>) {
        for (agent, mut outbox) in agents.iter_mut().filter(|(agent, _)| agent.0 % 1_000 == 7) {
            if round.0 == 1 {
                outbox.send(AgentId(agent.0 / 1_000), agent.0);
            }
        }
    }
    fn answer(In(event): In<Happening>, mut wakes: ResMut<Wakes>, mut mail: ResMut<Mail<u32>>) {
        let Happening::Received { agent, letters } = event else {
            panic!("only letters: {event:?}")
        };
        assert_eq!(letters, "notes");
        wakes.wake(AgentId(agent.0 + 100));
        if agent.0 < 50 {
            mail.write(AgentId(agent.0 + 50), 1);
        }
    }
    fn mark(mut agents: Query<(&Awake, &mut Letters3)>) {
        agents.iter_mut().for_each(|(awake, mut letters)| letters.0 += u32::from(awake.0));
    }
    let outcomes = same_everywhere(13_000, 3, |sim| {
        sim.timeline(Timeline { start: Moment(0), pace: Pace::Every(60), end: Moment::NEVER })
            .letters::<u32>(MailRules::default())
            .announces_letters::<u32>("notes")
            .carries_with(|| WakeAt(Moment::NEVER))
            .turns(TurnOrder::Simultaneous, 1)
            .carries::<Letters3>()
            .records::<Letters3>()
            .listen("answer", Trigger::Received("notes"), answer)
            .add_systems(Phase::Update, (write, mark));
    });
    // Letters of round 1 are read in round 2, their readers' neighbours wake in round 3.
    let woken = |round: usize| match &outcomes[round].agents.column("letters3").unwrap().values {
        throng_engine::record::Values::I64(counts) => counts.iter().sum::<i64>(),
        other => panic!("{other:?}"),
    };
    assert_eq!([woken(0), woken(1), woken(2)], [0, 0, 13]);
}

#[test]
fn whoever_goes_from_room_to_room_stays_in_the_house_and_days_have_their_bell() {
    fn go(round: Res<Round>, mut agents: Query<&mut Within>) {
        // Before the first round agents stand outside; then kitchen, cellar, the neighbours' kitchen.
        let places = [1, 2, 4];
        agents.iter_mut().for_each(|mut within| {
            within.0 = EnvironmentId(places[round.0 as usize - 1]);
        });
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 1)).unwrap();
    let world = sim.world_mut();
    for house in ["ours", "theirs"] {
        let own = Environments::make(world, house, None, ()).unwrap();
        for room in ["kitchen", "cellar"].iter().take(if house == "ours" { 2 } else { 1 }) {
            Environments::make(world, room, Some(own), ()).unwrap();
        }
    }
    let start: Moment = "2026-06-01 20:00".parse().unwrap();
    sim.timeline(Timeline { start, pace: Pace::Every(4 * 3_600), end: Moment::NEVER })
        .init_resource::<Seen>()
        .listen("in", Trigger::Entered(None), note)
        .listen("out", Trigger::Left(None), note)
        .listen("bell", Trigger::Daily(22 * 3_600), note)
        .add_systems(Phase::Update, go);
    let mut heard = Vec::new();
    for _ in 0..3 {
        sim.round().unwrap();
        let seen = &mut sim.world_mut().resource_mut::<Seen>().0;
        heard.push(std::mem::take(seen).join("; "));
    }
    let of = |kind: &str, place: u32| {
        format!("{kind} {{ agent: AgentId(0), place: EnvironmentId({place}) }}")
    };
    let bell = start + 2 * 3_600;
    assert_eq!(
        heard,
        [
            format!("{}; {}", of("Entered", 0), of("Entered", 1)),
            format!("{}; {}; Time({bell:?})", of("Left", 1), of("Entered", 2)),
            [("Left", 0), ("Left", 2), ("Entered", 3), ("Entered", 4)]
                .map(|(kind, place)| of(kind, place))
                .join("; "),
        ]
    );
}

#[test]
fn what_nobody_listens_to_is_not_kept() {
    fn kick(mut agents: Query<&mut Request<Money>>) {
        agents.iter_mut().for_each(|mut request| request.update(EnvironmentId(0), 1));
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 1)).unwrap();
    Environments::make(sim.world_mut(), "only", None, Money(0)).unwrap();
    sim.attribute::<Money>().add_systems(Phase::Update, kick);
    for _ in 0..5 {
        sim.round().unwrap();
    }
    assert!(format!("{:?}", sim.resource::<Happenings>()).contains("waiting: []"));
}
