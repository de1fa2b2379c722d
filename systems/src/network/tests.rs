//! Networks are what their names promise, whatever worlds build them, and agents hear their contacts.

use std::collections::BTreeSet;

use bevy_ecs::prelude::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::stream::Purpose;
use throng_engine::{
    AgentRange, BLOCK, Columns, Phase, Population, Round, Seed, Simulation, SimulationSettings,
};

use super::*;
use crate::testing::same_everywhere;
use crate::{Cast, Populate};

const N: u64 = 5_000;

fn built(graph: &Graph) -> Network {
    graph.build(&Pool::new(2), N, 3, Sources::default()).unwrap()
}

fn graphs() -> Vec<(Graph, f64)> {
    vec![
        (Graph::Ring { each_side: 3 }, 6.0),
        (Graph::Grid { width: 100, torus: true, diagonal: false }, 4.0),
        (Graph::Grid { width: 100, torus: true, diagonal: true }, 8.0),
        (Graph::ErdosRenyi { degree: 10.0, directed: false }, 10.0),
        (Graph::ErdosRenyi { degree: 10.0, directed: true }, 10.0),
        (Graph::WattsStrogatz { each_side: 5, rewired: 0.1 }, 10.0),
        (Graph::BarabasiAlbert { links: 5 }, 10.0),
        (Graph::Blocks { by: None, shares: vec![0.7, 0.3], degree: 10.0, affinity: 8.0 }, 10.0),
        (Graph::Configuration { degrees: vec![(2, 0.5), (20, 0.5)] }, 11.0),
    ]
}

#[test]
fn contacts_ascend_without_loops_and_have_the_promised_number() {
    for (graph, degree) in graphs() {
        let network = built(&graph);
        for agent in network.rows().agents() {
            let contacts = network.contacts(agent);
            assert!(contacts.windows(2).all(|pair| pair[0] < pair[1]), "{graph:?}");
            assert!(!contacts.contains(&agent), "{graph:?}");
            if network.ties() == Ties::Mutual {
                assert!(contacts.iter().all(|other| network.joins(*other, agent)), "{graph:?}");
            }
        }
        let mean = network.len() as f64 / N as f64;
        assert!((mean - degree).abs() < 0.15 * degree / 3.0, "{graph:?}: {mean}");
    }
}

#[test]
fn a_world_holds_the_rows_of_its_agents() {
    for (graph, _) in graphs() {
        let whole = built(&graph);
        assert_eq!(
            graph.build(&Pool::new(1), N, 3, Sources::default()).unwrap(),
            whole,
            "{graph:?}"
        );
        let range = AgentRange { start: BLOCK as u64, end: N };
        let mut part = whole.clone();
        part.keep(range);
        for agent in range.agents() {
            assert_eq!(part.contacts(agent), whole.contacts(agent));
        }
    }
}

#[test]
fn a_ring_without_moved_ties_is_a_ring_and_moved_ties_lead_anywhere() {
    let ring = built(&Graph::Ring { each_side: 4 });
    let still = built(&Graph::WattsStrogatz { each_side: 4, rewired: 0.0 });
    assert_eq!(still, ring);
    let moved = built(&Graph::WattsStrogatz { each_side: 4, rewired: 0.25 });
    let kept = ring.rows().agents().map(|agent| {
        ring.contacts(agent).iter().filter(|other| moved.joins(agent, **other)).count()
    });
    let share = kept.sum::<usize>() as f64 / ring.len() as f64;
    assert!((share - 0.75).abs() < 0.02, "{share}");
}

#[test]
fn newcomers_join_those_who_have_many_contacts() {
    let network = built(&Graph::BarabasiAlbert { links: 3 });
    let degrees: Vec<_> = network.rows().agents().map(|a| network.contacts(a).len()).collect();
    assert_eq!(network.len() as u64, 2 * 3 * (N - 3));
    assert!(*degrees.iter().max().unwrap() > 20 * 6, "a few have very many contacts");
    // P(k) = 2m(m+1) / (k(k+1)(k+2)): with m = 3 two fifths have exactly three contacts.
    let three = degrees.iter().filter(|degree| **degree == 3).count() as f64 / N as f64;
    assert!((three - 0.4).abs() < 0.03, "{three}");
}

#[test]
fn like_joins_like_by_attribute() {
    let graph = Graph::Blocks { by: None, shares: vec![1.0], degree: 12.0, affinity: 5.0 };
    let attribute = |agent: AgentId| agent.0 % 2;
    let network = graph
        .build(&Pool::new(2), N, 9, Sources { attribute: Some(&attribute), lists: None })
        .unwrap();
    let same = network.rows().agents().map(|agent| {
        let like = |other: &&AgentId| attribute(**other) == attribute(agent);
        network.contacts(agent).iter().filter(like).count()
    });
    // Five ties within for each one between the halves.
    let share = same.sum::<usize>() as f64 / network.len() as f64;
    assert!((share - 5.0 / 6.0).abs() < 0.01, "{share}");
}

#[test]
fn what_is_no_network_is_refused_with_a_reason() {
    let pool = Pool::new(1);
    let of = |edges: &[(u32, u32)]| {
        let edges = edges.iter().map(|&(a, b)| (AgentId(a), AgentId(b))).collect();
        Network::from_edges(&pool, 4, Ties::Mutual, edges)
    };
    assert_eq!(of(&[(0, 4)]), Err(NetworkError::UnknownAgent { agent: 4, population: 4 }));
    assert_eq!(of(&[(0, 1), (2, 2)]), Err(NetworkError::SelfLoop(AgentId(2))));
    let twice = of(&[(0, 1), (1, 0), (0, 1)]).unwrap();
    assert_eq!((twice.contacts(AgentId(1)), twice.erased()), ([AgentId(0)].as_slice(), 2));
    let text = "from,to\n0,1\n\n 1 , 2 \n";
    let network = Network::from_csv(&pool, 4, Ties::Directed, text).unwrap();
    assert_eq!(network.contacts(AgentId(1)), [AgentId(2)]);
    assert!(network.contacts(AgentId(2)).is_empty());
    let broken = Network::from_csv(&pool, 4, Ties::Directed, "0,1\n1;2").unwrap_err();
    assert!(broken.to_string().starts_with("line 2 of the ties is `1;2`"), "{broken}");
}

#[test]
fn impossible_settings_are_refused_by_key_with_what_to_write() {
    let cases = [
        (Graph::Ring { each_side: 0 }, "each_side: 0 leaves everyone alone (write 1 or more)"),
        (
            Graph::Ring { each_side: 2_500 },
            "each_side: `each_side` of 2500 does not fit 5000 agents (write at most 2499)",
        ),
        (
            Graph::Grid { width: 99, torus: true, diagonal: false },
            "width: rows of 99 leave a rest of 5000 agents (write a divisor of the number of agents, or torus = false)",
        ),
        (
            Graph::ErdosRenyi { degree: f64::NAN, directed: false },
            "degree: NaN is no number of contacts (write 0 to 10000)",
        ),
        (
            Graph::ErdosRenyi { degree: 5_000.0, directed: true },
            "degree: `degree` of 5000 does not fit 5000 agents (write at most 4999)",
        ),
        (
            Graph::WattsStrogatz { each_side: 2, rewired: 1.5 },
            "rewired: 1.5 is no probability (write 0 to 1)",
        ),
        (
            Graph::BarabasiAlbert { links: 5_000 },
            "links: `links` of 5000 does not fit 5000 agents (write at most 4999)",
        ),
        (
            Graph::Blocks { by: None, shares: vec![], degree: 2.0, affinity: 1.0 },
            "shares: these are no shares of a population (write shares of 0 or more, not all of them 0)",
        ),
        (
            Graph::Blocks { by: None, shares: vec![0.5, 0.5], degree: 4_000.0, affinity: 10.0 },
            "degree: these blocks have too few pairs for 4000 contacts (write a smaller degree, or an affinity nearer to 1)",
        ),
        (
            Graph::Blocks { by: None, shares: vec![1.0], degree: 2.0, affinity: -1.0 },
            "affinity: ties cannot be -1 times likelier (write 0 or more)",
        ),
        (
            Graph::Configuration { degrees: vec![(3, -1.0)] },
            "degrees: these are no shares of a population (write shares of 0 or more, not all of them 0)",
        ),
        (
            Graph::Configuration { degrees: vec![(6_000, 1.0)] },
            "degrees: `degrees` of 6000 does not fit 5000 agents (write at most 4999)",
        ),
        (
            edges("gone.csv"),
            "file: the ties of `gone.csv` have not been read (put them into `TieLists`)",
        ),
    ];
    for (graph, expected) in cases {
        let error = graph.build(&Pool::new(1), N, 1, Sources::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

fn edges(file: &str) -> Graph {
    let column = |name: &str| name.to_owned();
    Graph::Edges {
        file: file.to_owned(),
        directed: true,
        from: column("from"),
        to: column("to"),
        sha256: None,
    }
}

#[test]
fn the_ties_of_a_file_are_the_network() {
    let list = |pairs: &[(u32, u32)]| {
        let pairs = pairs.iter().map(|(a, b)| (AgentId(*a), AgentId(*b))).collect();
        TieLists([("friends.csv".to_owned(), std::sync::Arc::new(pairs))].into())
    };
    let build = |lists: &TieLists| {
        let sources = Sources { attribute: None, lists: Some(lists) };
        edges("friends.csv").build(&Pool::new(1), 10, 1, sources)
    };
    let network = build(&list(&[(3, 1), (0, 9), (3, 2)])).unwrap();
    assert_eq!(network.contacts(AgentId(3)), [AgentId(1), AgentId(2)]);
    assert!(network.contacts(AgentId(9)).is_empty());
    assert_eq!(
        build(&list(&[(3, 10)])),
        Err(NetworkError::UnknownAgent { agent: 10, population: 10 })
    );
    assert_eq!(build(&list(&[(4, 4)])), Err(NetworkError::SelfLoop(AgentId(4))));
}

/// Colleagues, beside the run's one network.
#[derive(Clone, Copy, Debug)]
struct Colleagues;

impl Layer for Colleagues {
    const NAME: &'static str = "colleagues";
}

#[test]
fn networks_of_a_run_have_ties_of_their_own() {
    fn hum(mut agents: Query<(&Heard<Tune>, &Heard<Tune, Colleagues>, &mut Tune)>) {
        for (friends, colleagues, mut tune) in &mut agents {
            tune.0 = friends.tally.wrapping_mul(31).wrapping_add(7 * colleagues.tally + 1);
        }
    }
    let graph = || Graph::ErdosRenyi { degree: 4.0, directed: false };
    let build = |sim: &mut Simulation| {
        sim.network(graph())
            .network_of::<Colleagues>(graph())
            .hears::<Tune>()
            .hears_in::<Tune, Colleagues>()
            .records::<Tune>()
            .add_systems(Phase::Update, hum);
    };
    same_everywhere(13_000, 2, build);
    let mut sim = Simulation::new(SimulationSettings::new(1, 200)).unwrap();
    sim.add(build).start().unwrap();
    let (friends, colleagues) = (sim.resource::<Network>(), sim.resource::<Network<Colleagues>>());
    let differs = |agent| friends.contacts(agent) != colleagues.contacts(agent);
    assert!(friends.rows().agents().filter(|agent| differs(*agent)).count() > 150);
}

#[test]
fn like_joins_like_by_an_attribute_that_the_settings_name() {
    let models = ["a", "b"].map(|name| (name.to_owned(), crate::Share(0.5))).to_vec();
    let blocks = |by: &str| Graph::Blocks {
        by: Some(by.to_owned()),
        shares: vec![],
        degree: 10.0,
        affinity: 9.0,
    };
    let built = |by| {
        let mut sim = Simulation::new(SimulationSettings::new(1, 2_000)).unwrap();
        sim.populate(Cast { models: models.clone(), ..Cast::default() }).network(blocks(by));
        sim.start().map(|()| sim)
    };
    let mut sim = built("model").unwrap();
    let people = sim.people();
    let network = sim.resource::<Network>();
    let model = |agent: AgentId| people.models[agent.0 as usize];
    let like = |agent: AgentId| {
        network.contacts(agent).iter().filter(|other| model(**other) == model(agent)).count()
    };
    let share = network.rows().agents().map(like).sum::<usize>() as f64 / network.len() as f64;
    assert!((share - 0.9).abs() < 0.02, "{share}");
    let error = built("shoe-size").unwrap_err().to_string();
    assert!(error.contains("agents have no attribute `shoe-size` (write `model`"), "{error}");
}

proptest! {
    #[test]
    fn changes_are_those_of_a_set_of_ties(
        edges in prop::collection::vec((0_u32..12, 0_u32..12), 0..40),
        changes in prop::collection::vec((0_u32..12, any::<bool>(), 0_u32..12), 0..40),
        mutual in any::<bool>(),
    ) {
        let loops = |pair: &(u32, u32)| pair.0 != pair.1;
        let edges: Vec<_> = edges.into_iter().filter(loops).collect();
        let ties = if mutual { Ties::Mutual } else { Ties::Directed };
        let pairs = edges.iter().map(|&(a, b)| (AgentId(a), AgentId(b))).collect();
        let mut network = Network::from_edges(&Pool::new(1), 12, ties, pairs).unwrap();
        let mut set: BTreeSet<(u32, u32)> = edges.into_iter().collect();
        if mutual {
            set.extend(set.clone().into_iter().map(|(a, b)| (b, a)));
        }
        let mut asked = Vec::new();
        for (a, there, b) in changes.into_iter().filter(|(a, _, b)| a != b) {
            let cells = if mutual { vec![(a, b), (b, a)] } else { vec![(a, b)] };
            for cell in cells {
                if there { set.insert(cell); } else { set.remove(&cell); }
            }
            let change = if there { TieChange::Connect(AgentId(b)) } else { TieChange::Cut(AgentId(b)) };
            asked.push((AgentId(a), change));
        }
        network.change(&asked).unwrap();
        for agent in 0..12 {
            let expected: Vec<_> = set.range((agent, 0)..(agent + 1, 0)).map(|(_, b)| AgentId(*b)).collect();
            prop_assert_eq!(network.contacts(AgentId(agent)), expected);
        }
    }
}

/// A number that contacts hear.
#[derive(Component, Columns, Clone, Copy, Default, Serialize, Deserialize)]
struct Tune(u32);

impl Audible for Tune {
    type Tally = u32;
    fn tally(&self, _: &Self, tally: &mut u32) {
        *tally = tally.wrapping_add(self.0);
    }
}

fn sing(mut agents: Query<(&AgentId, &Heard<Tune>, &mut Tune)>) {
    for (agent, heard, mut tune) in &mut agents {
        tune.0 = heard.tally.wrapping_mul(31).wrapping_add(agent.0 + heard.contacts);
    }
}

fn move_on(
    (seed, round, population): (Res<Seed>, Res<Round>, Res<Population>),
    mut agents: Query<(&AgentId, &mut TieRequests)>,
) {
    let streams = seed.streams(Purpose::new("test ties"), *round);
    for (agent, mut requests) in agents.iter_mut().filter(|(agent, _)| agent.0 % 7 == 0) {
        let other = AgentId(streams.agent(*agent).below(population.size as u32));
        if other != *agent {
            requests.connect(other);
            requests.cut(AgentId((agent.0 + 1) % population.size as u32));
        }
    }
}

#[test]
fn agents_hear_the_same_in_any_world_while_ties_change() {
    same_everywhere(13_000, 3, |sim| {
        sim.network(Graph::WattsStrogatz { each_side: 2, rewired: 0.2 })
            .hears::<Tune>()
            .records::<Tune>()
            .add_systems(Phase::Update, (sing, move_on));
    });
}

#[test]
fn a_tie_with_nobody_ends_the_round() {
    fn wrong(mut agents: Query<&mut TieRequests>) {
        agents.iter_mut().for_each(|mut ties| ties.connect(AgentId(99)));
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 10)).unwrap();
    sim.network(Graph::Ring { each_side: 1 }).add_systems(Phase::Update, wrong);
    let error = sim.round().unwrap_err().to_string();
    assert!(error.contains("agent 99 is not in a population of 10"), "{error}");
}
