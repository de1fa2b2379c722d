//! Agents that meet, one capability at a time: what the benches and the program `meeting` measure.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng::engine::SimulationSettings;
use throng::engine::{AgentId, Phase, Pool, Population, Round, Seed, Simulation, stream::Purpose};
use throng::systems::environment::{
    Attribute, Attributes, EnvironmentId, Environments, Happening, HasAttributes, Listen, Max,
    Request, Sum, Trigger, Within,
};
use throng::systems::mail::{
    Audience, Board, DeliverSystems, Letters, Mail, MailRules, Outbox, PostRules, PostSystems,
    Posting, Posts,
};
use throng::systems::network::{Audible, Graph, Heard, Hears, Network, Networks, TieRequests};
use throng::systems::space::{
    Borders, Cell, Lattice, Lattices, MoveTo, Plane, Planes, Position, PositionSystems,
    SpatialIndex,
};
use throng::systems::timeline::{HOUR, Moment, Pace, Timed, Timeline, TurnOrder, Turns, WakeAt};
use throng::systems::{Awake, Shows};

const WALK: Purpose = Purpose::new("bench walk");

/// Places that agents are in.
const PLACES: u32 = 100;

/// A capability with what is in the loop of a round, per agent.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The capability.
    pub name: &'static str,
    /// What each agent does in a round.
    pub in_the_loop: &'static str,
    /// Puts it into a simulation.
    pub build: fn(&mut Simulation),
}

/// Every capability.
pub const CASES: [Case; 15] = [
    Case { name: "an empty round", in_the_loop: "nothing", build: |_| () },
    Case {
        name: "showing",
        in_the_loop: "4 bytes are gathered",
        build: |sim| {
            sim.shows::<Tune>();
        },
    },
    Case {
        name: "hearing",
        in_the_loop: "the values of 10 contacts of a random network are read and added",
        build: |sim| {
            sim.network(random_network()).hears::<Tune>().add_systems(Phase::Update, sing);
        },
    },
    Case {
        name: "changing ties",
        in_the_loop: "one in 100 cuts a tie and makes another; the rows are written anew",
        build: |sim| {
            sim.network(random_network()).add_systems(Phase::Update, change_ties);
        },
    },
    Case {
        name: "letters",
        in_the_loop: "a letter of 4 bytes is written to anyone, delivered and read",
        build: |sim| {
            sim.letters::<u32>(MailRules::default())
                .carries::<Tune>()
                .add_systems(Phase::Observe, read_letters.after(DeliverSystems))
                .add_systems(Phase::Update, write_letters);
        },
    },
    Case {
        name: "posts",
        in_the_loop: "one in 100 posts to its followers; everyone reads whom of 10 it follows",
        build: |sim| {
            sim.network(random_network())
                .posts::<u32>(PostRules::default())
                .carries::<Tune>()
                .add_systems(Phase::Observe, read_posts.after(PostSystems))
                .add_systems(Phase::Update, write_posts);
        },
    },
    Case {
        name: "environments",
        in_the_loop: "three attributes of one of 100 places are read, a change of one is asked for",
        build: |sim| {
            places(sim);
            sim.attribute::<Treasury>().attribute::<Record>().attribute::<Rent>();
            sim.add_systems(Phase::Update, pay);
        },
    },
    Case {
        name: "listening",
        in_the_loop: "one in 100 goes to another place: two listeners each, one of which writes a letter",
        build: |sim| {
            places(sim);
            sim.letters::<u32>(MailRules::default())
                .listen("left", Trigger::Left(None), |_: In<Happening>| ())
                .listen("entered", Trigger::Entered(None), greet)
                .add_systems(Phase::Update, wander_about);
        },
    },
    Case {
        name: "a plane",
        in_the_loop: "one random step; the index is built; those within 1 (4.1 with itself) are counted",
        build: walkers,
    },
    Case {
        name: "a plane of cells",
        in_the_loop: "the same, from cell to cell, with those in the nine cells around (10) counted",
        build: cell_walkers,
    },
    Case {
        name: "nearest",
        in_the_loop: "one random step; the index is built; the 4 nearest are found",
        build: |sim| {
            plane(sim, 1.0);
            sim.add_systems(Phase::Start, scatter)
                .add_systems(Phase::Observe, find_nearest.after(PositionSystems))
                .add_systems(Phase::Update, wander);
        },
    },
    Case {
        name: "a lattice",
        in_the_loop: "one in 10 moves to a free cell anywhere",
        build: |sim| {
            let side = (sim.resource::<Population>().size as f64 * 1.2).sqrt().ceil() as u32;
            let lattice = Lattice::new(side, side, Borders::Torus, &[]);
            sim.lattice(lattice.expect("the lattice can be")).add_systems(Phase::Update, hop);
        },
    },
    Case {
        name: "time by the hour",
        in_the_loop: "on to the next waking; one in 24 wakes and chooses its next hour",
        build: |sim| {
            let timeline =
                Timeline { start: Moment(0), pace: Pace::Events, end: Moment(i64::MAX - 1) };
            sim.timeline(timeline)
                .add_systems(Phase::Start, go_to_bed)
                .add_systems(Phase::Update, sleep);
        },
    },
    Case {
        name: "turns",
        in_the_loop: "ten exchanges; everyone has its turn in one of them, in a random order",
        build: |sim| {
            sim.turns(TurnOrder::Random, 10).carries::<Tune>().add_systems(Phase::Update, act);
        },
    },
    Case {
        name: "groups",
        in_the_loop: "one in 100 enters another group; everyone is counted by group",
        build: |sim| {
            sim.carries::<Within>()
                .add_systems(Phase::Start, settle_in)
                .add_systems(Phase::Update, wander_about)
                .add_systems(Phase::Resolve, count_groups);
        },
    },
];

/// A simulation of a capability that has played its first round.
///
/// # Panics
/// If it cannot be played, which is a fault of the case.
pub fn warmed(case: &Case, agents: u64, threads: usize) -> Simulation {
    let settings = SimulationSettings { threads, ..SimulationSettings::new(1, agents) };
    let mut sim = Simulation::new(settings).expect("the population can exist");
    (case.build)(&mut sim);
    sim.advance().expect("the first round warms the world");
    sim
}

/// The kinds of networks, each with ten contacts on average.
pub fn graphs() -> [(&'static str, Graph); 8] {
    let blocks =
        Graph::Blocks { by: None, shares: vec![0.5, 0.3, 0.2], degree: 10.0, affinity: 5.0 };
    [
        ("ring", Graph::Ring { each_side: 5 }),
        ("grid, with diagonals", Graph::Grid { width: 1_000, torus: true, diagonal: true }),
        ("Erdős–Rényi", random_network()),
        ("Erdős–Rényi, directed", Graph::ErdosRenyi { degree: 10.0, directed: true }),
        ("Watts–Strogatz", Graph::WattsStrogatz { each_side: 5, rewired: 0.1 }),
        ("Barabási–Albert", Graph::BarabasiAlbert { links: 5 }),
        ("blocks", blocks),
        ("configuration", Graph::Configuration { degrees: vec![(5, 0.5), (15, 0.5)] }),
    ]
}

const fn random_network() -> Graph {
    Graph::ErdosRenyi { degree: 10.0, directed: false }
}

/// A number that others notice.
#[derive(Component, Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tune(u32);

impl Audible for Tune {
    type Tally = u32;
    fn tally(&self, _: &Self, tally: &mut u32) {
        *tally = tally.wrapping_add(self.0);
    }
}

fn sing(mut agents: Query<(&Heard<Tune>, &mut Tune)>) {
    agents.iter_mut().for_each(|(heard, mut tune)| tune.0 = heard.tally.wrapping_add(1));
}

/// Whether an agent is one of the one in `count` whose turn it is in this round.
fn is_chosen(agent: AgentId, round: Round, count: u32) -> bool {
    agent.0 % count == round.0 % count
}

/// Anyone.
fn anyone(population: &Population, stream: &mut throng::engine::stream::Stream) -> AgentId {
    AgentId(stream.below(population.size as u32))
}

fn change_ties(
    (seed, round, population, network): (Res<Seed>, Res<Round>, Res<Population>, Res<Network>),
    mut agents: Query<(&AgentId, &mut TieRequests)>,
) {
    let streams = seed.streams(WALK, *round);
    for (agent, mut ties) in agents.iter_mut().filter(|(id, _)| is_chosen(**id, *round, 100)) {
        if let Some(contact) = network.contacts(*agent).first() {
            ties.cut(*contact);
        }
        let other = anyone(&population, &mut streams.agent(*agent));
        if other != *agent {
            ties.connect(other);
        }
    }
}

fn write_letters(
    (seed, round, population): (Res<Seed>, Res<Round>, Res<Population>),
    mut agents: Query<(&AgentId, &mut Outbox<u32>)>,
) {
    let streams = seed.streams(WALK, *round);
    for (agent, mut outbox) in &mut agents {
        outbox.send(anyone(&population, &mut streams.agent(*agent)), agent.0);
    }
}

fn read_letters(mail: Res<Mail<u32>>, mut agents: Query<(&AgentId, &mut Tune)>) {
    for (agent, mut tune) in &mut agents {
        tune.0 = mail.mailbox(*agent).map(|letter| letter.body).fold(0, u32::wrapping_add);
    }
}

fn write_posts(round: Res<Round>, mut agents: Query<(&AgentId, &mut Posting<u32>)>) {
    for (agent, mut posting) in agents.iter_mut().filter(|(id, _)| is_chosen(**id, *round, 100)) {
        posting.write(Audience::Followers, agent.0);
    }
}

fn read_posts(
    (pool, board, network): (Res<Pool>, Res<Board<u32>>, Res<Network>),
    mut agents: Query<(&AgentId, &mut Tune)>,
) {
    for (ids, mut tunes) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((ids, tunes.bypass_change_detection()), |(ids, tunes)| {
            for (agent, tune) in ids.iter().zip(tunes) {
                tune.0 = board.followed(&network, *agent).count() as u32;
            }
        });
    }
}

macro_rules! attributes {
    ($($name:ident($value:ty), $rule:ty, |$own:ident, $merged:ident| $apply:expr;)+) => {$(
        /// An attribute of places.
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
    Treasury(i64), Sum, |own, merged| *own += merged.0;
    Record(u32), Max<u32>, |own, merged| *own = merged.0.unwrap_or(*own);
    Rent(i64), Sum, |own, merged| *own += merged.0;
}

fn places(sim: &mut Simulation) {
    for place in 0..PLACES {
        let attributes = (Treasury(0), Record(3), Rent(5));
        let name = format!("place {place}");
        Environments::make(sim.world_mut(), &name, None, attributes).expect("the name is free");
    }
    sim.carries::<Within>().add_systems(Phase::Start, settle_in);
}

fn settle_in(mut agents: Query<(&AgentId, &mut Within)>) {
    agents.iter_mut().for_each(|(agent, mut within)| within.0 = EnvironmentId(agent.0 % PLACES));
}

fn pay(
    pool: Res<Pool>,
    (treasury, record, rent): (
        Res<Attributes<Treasury>>,
        Res<Attributes<Record>>,
        Res<Attributes<Rent>>,
    ),
    mut agents: Query<(&Within, &mut Request<Treasury>)>,
) {
    for (within, mut requests) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((within, requests.bypass_change_detection()), |(within, requests)| {
            for (within, request) in within.iter().zip(requests) {
                let place = within.0;
                let known = |value: Option<i64>| value.unwrap_or_default();
                let sum = known(treasury.of(place).map(|value| value.0))
                    + known(record.of(place).map(|value| value.0.into()))
                    + known(rent.of(place).map(|value| value.0));
                request.update(place, sum & 7);
            }
        });
    }
}

fn wander_about(round: Res<Round>, mut agents: Query<(&AgentId, &mut Within)>) {
    for (_, mut within) in agents.iter_mut().filter(|(id, _)| is_chosen(**id, *round, 100)) {
        within.0 = EnvironmentId((within.0.0 + 1) % PLACES);
    }
}

fn greet(In(event): In<Happening>, mut mail: ResMut<Mail<u32>>) {
    if let Happening::Entered { agent, place } = event {
        mail.write(agent, place.0);
    }
}

fn count_groups(pool: Res<Pool>, agents: Query<&Within>, mut total: Local<Vec<u64>>) {
    use throng::engine::reduce::{Groups, Histogram, reduce};
    let empty = Groups::new(PLACES as usize, &Histogram::new(0.0, 1.0, 1));
    for within in agents.contiguous_iter().expect("agents lie in tables") {
        let groups = reduce(&pool, within, &empty, |groups, within| {
            within.iter().for_each(|own| groups.group(own.0.0 as usize).add(0.5));
        });
        *total = groups.iter().map(|group| group.counts()[0]).collect();
    }
}

/// A torus with one agent per unit of area.
fn plane(sim: &mut Simulation, reach: f64) {
    let side = (sim.resource::<Population>().size as f64).sqrt().round();
    let plane = Plane::new(side, side, reach, Borders::Torus).expect("the plane can be");
    sim.plane(plane).carries::<Tune>();
}

/// Walkers that count who is within 1, then take a step of at most 1 along each axis.
fn walkers(sim: &mut Simulation) {
    plane(sim, 1.0);
    sim.add_systems(Phase::Start, scatter)
        .add_systems(Phase::Observe, look::<10>.after(PositionSystems))
        .add_systems(Phase::Update, wander);
}

/// Walkers that count who is in the nine cells around, then move by -1, 0 or 1 along each axis.
fn cell_walkers(sim: &mut Simulation) {
    plane(sim, 1.0);
    sim.add_systems(Phase::Start, (scatter, to_cells).chain())
        .add_systems(Phase::Observe, look::<15>.after(PositionSystems))
        .add_systems(Phase::Update, wander_by_cells);
}

fn scatter((seed, plane): (Res<Seed>, Res<Plane>), mut agents: Query<(&AgentId, &mut Position)>) {
    let (streams, (width, height)) = (seed.streams(WALK, Round(0)), plane.size());
    for (agent, mut at) in &mut agents {
        let mut stream = streams.agent(*agent);
        *at = Position { x: stream.between(0.0, width), y: stream.between(0.0, height) };
    }
}

fn to_cells(mut agents: Query<&mut Position>) {
    agents.iter_mut().for_each(|mut at| (at.x, at.y) = (at.x.floor(), at.y.floor()));
}

fn step(
    (pool, seed, round, plane): (&Pool, Seed, Round, &Plane),
    agents: &mut Query<(&AgentId, &mut Position)>,
    draw: impl Fn(&mut throng::engine::stream::Stream) -> f64 + Sync,
) {
    let streams = seed.streams(WALK, round);
    for (ids, mut positions) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((ids, positions.bypass_change_detection()), |(ids, positions)| {
            for (agent, at) in ids.iter().zip(positions) {
                let mut stream = streams.agent(*agent);
                *at = plane.moved(*at, draw(&mut stream), draw(&mut stream));
            }
        });
    }
}

fn wander(
    (pool, seed, round, plane): (Res<Pool>, Res<Seed>, Res<Round>, Res<Plane>),
    mut agents: Query<(&AgentId, &mut Position)>,
) {
    step((&pool, *seed, *round, &plane), &mut agents, |stream| stream.between(-1.0, 1.0));
}

fn wander_by_cells(
    (pool, seed, round, plane): (Res<Pool>, Res<Seed>, Res<Round>, Res<Plane>),
    mut agents: Query<(&AgentId, &mut Position)>,
) {
    step((&pool, *seed, *round, &plane), &mut agents, |stream| f64::from(stream.below(3)) - 1.0);
}

/// Counts those within a radius, given in tenths.
fn look<const TENTHS: u32>(
    (pool, population): (Res<Pool>, Res<Population>),
    (plane, index): (Res<Plane>, Res<SpatialIndex>),
    mut agents: Query<(&AgentId, &mut Tune)>,
) {
    let (radius, near) = (f64::from(TENTHS) / 10.0, index.near(&plane));
    let counts = near.of_each(&pool, population.range, |_, at| {
        let mut count = 0;
        near.within(at, radius, |_| count += 1);
        count
    });
    keep(&population, &counts, &mut agents);
}

/// Gives every agent its number.
fn keep(population: &Population, numbers: &[u32], agents: &mut Query<(&AgentId, &mut Tune)>) {
    for (ids, mut tunes) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        for (agent, tune) in ids.iter().zip(tunes.bypass_change_detection()) {
            tune.0 = numbers[population.range.offset(*agent)];
        }
    }
}

/// How many each walker has counted on average, itself included.
pub fn near_each(sim: &mut Simulation) -> f64 {
    let world = sim.world_mut();
    let (mut sum, mut count) = (0_u64, 0_u64);
    for tune in world.query::<&Tune>().iter(world) {
        (sum, count) = (sum + u64::from(tune.0), count + 1);
    }
    sum as f64 / count.max(1) as f64
}

fn find_nearest(
    (pool, population): (Res<Pool>, Res<Population>),
    (plane, index): (Res<Plane>, Res<SpatialIndex>),
    mut agents: Query<(&AgentId, &mut Tune)>,
) {
    let near = index.near(&plane);
    let found = near.of_each(&pool, population.range, |agent, at| {
        near.nearest(at, 4, Some(agent)).iter().fold(0, |sum: u32, near| sum ^ near.agent.0)
    });
    keep(&population, &found, &mut agents);
}

fn hop(
    (seed, round, lattice): (Res<Seed>, Res<Round>, Res<Lattice>),
    mut agents: Query<(&AgentId, &Cell, &mut MoveTo)>,
) {
    let streams = seed.streams(WALK, *round);
    for (agent, _, mut wanted) in &mut agents {
        let mut stream = streams.agent(*agent);
        wanted.0 = if stream.below(10) == 0 { lattice.any_free(&mut stream) } else { None };
    }
}

fn go_to_bed(mut agents: Query<(&AgentId, &mut WakeAt)>) {
    agents.iter_mut().for_each(|(agent, mut wake)| {
        wake.0 = Moment(i64::from(agent.0 % 24) * HOUR);
    });
}

fn sleep(mut agents: Query<(&Awake, &mut WakeAt)>) {
    for (_, mut wake) in agents.iter_mut().filter(|(awake, _)| awake.0) {
        wake.0 = wake.0 + 24 * HOUR;
    }
}

fn act(mut agents: Query<(&Awake, &mut Tune)>) {
    agents.iter_mut().filter(|(awake, _)| awake.0).for_each(|(_, mut tune)| tune.0 += 1);
}
