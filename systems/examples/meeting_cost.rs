//! Prints what each way of meeting costs per agent and round, in one world of a million agents.

use std::hint::black_box;
use std::time::Instant;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_systems::environment::{
    Attribute, Attributes, EnvironmentId, Environments, HasAttributes, Max, Request, Sum, Within,
};
use throng_systems::mail::{DeliverSystems, Letters, Mail, MailRules, Outbox};
use throng_systems::network::{Audible, Graph, Heard, Hears, Networks};
use throng_systems::prelude::{AgentId, Phase, Pool, Population, Purpose, Round, Seed, Simulation};
use throng_systems::space::{
    Borders, Cell, Lattice, Lattices, MoveTo, Plane, Planes, Position, PositionSystems,
    SpatialIndex,
};
use throng_systems::{Shows, engine::SimulationSettings};

const AGENTS: u64 = 1_000_000;
const ROUNDS: u32 = 5;
const WALK: Purpose = Purpose::new("cost walk");

#[derive(Component, Clone, Copy, Default, Serialize, Deserialize)]
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

fn write(
    (seed, round, population): (Res<Seed>, Res<Round>, Res<Population>),
    mut agents: Query<(&AgentId, &mut Outbox<u32>)>,
) {
    let streams = seed.streams(WALK, *round);
    for (agent, mut outbox) in &mut agents {
        outbox.send(AgentId(streams.agent(*agent).below(population.size as u32)), agent.0);
    }
}

fn read(mail: Res<Mail<u32>>, mut agents: Query<(&AgentId, &mut Tune)>) {
    for (agent, mut tune) in &mut agents {
        tune.0 = mail.mailbox(*agent).map(|letter| letter.body).fold(0, u32::wrapping_add);
    }
}

#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Treasury(i64);
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record(u32);
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rent(i64);

impl Attribute for Treasury {
    const NAME: &'static str = "treasury";
    type Rule = Sum;
    fn apply(&mut self, merged: &Sum) {
        self.0 += merged.0;
    }
}

impl Attribute for Record {
    const NAME: &'static str = "record";
    type Rule = Max<u32>;
    fn apply(&mut self, merged: &Max<u32>) {
        self.0 = merged.0.unwrap_or(self.0);
    }
}

impl Attribute for Rent {
    const NAME: &'static str = "rent";
    type Rule = Sum;
    fn apply(&mut self, merged: &Sum) {
        self.0 += merged.0;
    }
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

fn settle_in(mut agents: Query<(&AgentId, &mut Within)>) {
    agents.iter_mut().for_each(|(agent, mut within)| within.0 = EnvironmentId(agent.0 % 100));
}

fn wander(
    (pool, seed, round, plane): (Res<Pool>, Res<Seed>, Res<Round>, Res<Plane>),
    mut agents: Query<(&AgentId, &mut Position)>,
) {
    let streams = seed.streams(WALK, *round);
    let far = if round.0 == 0 { 1_000.0 } else { 1.0 };
    for (ids, mut positions) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((ids, positions.bypass_change_detection()), |(ids, positions)| {
            for (agent, at) in ids.iter().zip(positions) {
                let mut stream = streams.agent(*agent);
                *at = plane.moved(*at, stream.between(-far, far), stream.between(-far, far));
            }
        });
    }
}

fn look(
    (pool, plane, index): (Res<Pool>, Res<Plane>, Res<SpatialIndex>),
    mut agents: Query<(&Position, &mut Tune)>,
) {
    for (positions, mut tunes) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((positions, tunes.bypass_change_detection()), |(positions, tunes)| {
            for (at, tune) in positions.iter().zip(tunes) {
                tune.0 = 0;
                index.near(&plane).within(*at, plane.reach(), |_| tune.0 += 1);
            }
        });
    }
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

/// Nanoseconds per agent of the fastest round, and seconds until the first round is over.
fn measure(name: &str, build: impl FnOnce(&mut Simulation)) {
    let begun = Instant::now();
    let mut sim =
        Simulation::new(SimulationSettings::new(1, AGENTS)).expect("the settings make sense");
    build(&mut sim);
    sim.advance().expect("the first round can be played");
    let first = begun.elapsed().as_secs_f64();
    let mut fastest = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        sim.advance().expect("a round can be played");
        fastest = fastest.min(begun.elapsed().as_secs_f64());
    }
    black_box(&mut sim);
    say(&format!(
        "{name:40} {:8.1} ns/agent-round {first:8.2} s to the first round's end",
        fastest * 1e9 / AGENTS as f64
    ));
}

#[expect(clippy::print_stdout, reason = "an example that prints what it measures")]
fn say(line: &str) {
    println!("{line}");
}

fn environments(sim: &mut Simulation) {
    for place in 0..100 {
        let attributes = (Treasury(0), Record(3), Rent(5));
        Environments::make(sim.world_mut(), &format!("place{place}"), None, attributes)
            .expect("the name is free");
    }
    sim.attribute::<Treasury>().attribute::<Record>().attribute::<Rent>().carries::<Within>();
    sim.add_systems(Phase::Start, settle_in).add_systems(Phase::Update, pay);
}

fn main() {
    let graphs = [
        ("ring", Graph::Ring { each_side: 5 }),
        ("erdos-renyi", Graph::ErdosRenyi { degree: 10.0, directed: false }),
        ("watts-strogatz", Graph::WattsStrogatz { each_side: 5, rewired: 0.1 }),
        ("barabasi-albert", Graph::BarabasiAlbert { links: 5 }),
        ("blocks", Graph::Blocks { shares: vec![0.5, 0.3, 0.2], degree: 10.0, affinity: 5.0 }),
        ("configuration", Graph::Configuration { degrees: vec![(5, 0.5), (15, 0.5)] }),
    ];
    for (name, graph) in graphs {
        let begun = Instant::now();
        let network = graph.build(&Pool::new(0), AGENTS, 1, None).expect("the settings make sense");
        say(&format!(
            "{name:20} {:10} contacts built in {:.2} s",
            network.len(),
            begun.elapsed().as_secs_f64()
        ));
        black_box(network);
    }
    measure("an empty round", |_| ());
    measure("showing 4 bytes", |sim| {
        sim.shows::<Tune>();
    });
    measure("hearing 10 contacts of a random network", |sim| {
        sim.network(Graph::ErdosRenyi { degree: 10.0, directed: false }).hears::<Tune>();
        sim.add_systems(Phase::Update, sing);
    });
    measure("a letter each, written and read", |sim| {
        sim.letters::<u32>(MailRules::default()).carries::<Tune>();
        sim.add_systems(Phase::Observe, read.after(DeliverSystems))
            .add_systems(Phase::Update, write);
    });
    measure("three attributes read, one changed", environments);
    measure("a plane: move and count 3 neighbours", |sim| {
        let plane = Plane::new(1_000.0, 1_000.0, 1.0, Borders::Torus).expect("the plane can be");
        sim.plane(plane).carries::<Tune>().add_systems(Phase::Start, wander);
        sim.add_systems(Phase::Observe, look.after(PositionSystems))
            .add_systems(Phase::Update, wander);
    });
    measure("a lattice: a tenth moves", |sim| {
        sim.lattice(Lattice::new(1_100, 1_100, Borders::Torus, &[]))
            .add_systems(Phase::Update, hop);
    });
}
