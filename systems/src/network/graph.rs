//! The networks that a configuration can ask for, each a pure function of its settings, population and seed.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_engine::{AgentId, Phase, Pool, Population, Seed, Simulation};

use super::change::{TieRequests, TieSystems, change_ties};
use super::random;
use super::{Network, NetworkError, Ties};
use crate::{Problem, Share};

/// Contacts per agent that a network may have on average.
const DEGREE_MAX: f64 = 10_000.0;

/// A kind of network with its settings.
///
/// Every world builds the whole network and keeps the rows of its own agents: time and transient memory grow
/// with all ties (8 bytes each), lasting memory with its own (4 bytes per contact).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Graph {
    /// Everyone in a circle knows the nearest ones on either side.
    Ring {
        /// Contacts on each side.
        each_side: u32,
    },
    /// Rows of `width` agents; contacts are up, down, left and right.
    Grid {
        /// Agents in a row.
        width: u32,
        /// Whether the edges are joined.
        torus: bool,
        /// Whether diagonal neighbours are contacts too.
        diagonal: bool,
    },
    /// Every pair is joined with the same probability (P. Erdős and A. Rényi, "On random graphs I", 1959).
    ErdosRenyi {
        /// Contacts on average.
        degree: f64,
        /// Whether ties lead one way only.
        directed: bool,
    },
    /// A ring some of whose ties lead anywhere (D. Watts and S. Strogatz, "Collective dynamics of
    /// 'small-world' networks", Nature 393, 1998).
    WattsStrogatz {
        /// Contacts on each side before ties are moved.
        each_side: u32,
        /// The probability that a tie is moved.
        rewired: f64,
    },
    /// Newcomers join those who have many contacts (A.-L. Barabási and R. Albert, "Emergence of scaling in
    /// random networks", Science 286, 1999).
    BarabasiAlbert {
        /// Ties of each newcomer.
        links: u32,
    },
    /// Ties are likelier within blocks (P. Holland, K. Laskey and S. Leinhardt, "Stochastic blockmodels:
    /// First steps", Social Networks 5, 1983). Where the scenario gives agents an attribute, its values are
    /// the blocks, and this is homophily by attribute; otherwise blocks are drawn by their shares.
    Blocks {
        /// Shares of the blocks.
        shares: Vec<f64>,
        /// Contacts on average.
        degree: f64,
        /// How many times likelier a tie is between two of the same block.
        affinity: f64,
    },
    /// Everyone has a given number of contacts, otherwise at random (M. Molloy and B. Reed, "A critical point
    /// for random graphs with a given degree sequence", 1995); loops and repetitions are erased.
    Configuration {
        /// Numbers of contacts, each with its share of the population.
        degrees: Vec<(u32, f64)>,
    },
}

/// The attribute of an agent by which like joins like.
pub type AttributeOf<'a> = &'a (dyn Fn(AgentId) -> u32 + Send + Sync);

impl Graph {
    /// What is wrong with the settings, by the key within the table `network`.
    pub fn problem(&self) -> Option<Problem> {
        self.check().err().map(|error| match error {
            NetworkError::Setting { key, message } => {
                Problem::new(&format!("network.{key}"), message, "write another value")
            }
            other => Problem::new("network", other.to_string(), "write another value"),
        })
    }

    fn check(&self) -> Result<(), NetworkError> {
        let positive = |key, value: u32| setting(value > 0, key, "must be at least 1");
        let degree = |value: f64| {
            setting((0.0..=DEGREE_MAX).contains(&value), "degree", "must be from 0 to 10000")
        };
        match self {
            Self::Ring { each_side } => positive("each_side", *each_side),
            Self::Grid { width, .. } => positive("width", *width),
            Self::ErdosRenyi { degree: mean, .. } => degree(*mean),
            Self::WattsStrogatz { each_side, rewired } => {
                positive("each_side", *each_side)?;
                setting((0.0..=1.0).contains(rewired), "rewired", "must be from 0 to 1")
            }
            Self::BarabasiAlbert { links } => positive("links", *links),
            Self::Blocks { shares, degree: mean, affinity } => {
                degree(*mean)?;
                check_shares("shares", shares)?;
                setting(affinity.is_finite() && *affinity >= 0.0, "affinity", "must be 0 or more")
            }
            Self::Configuration { degrees } => {
                let shares: Vec<_> = degrees.iter().map(|(_, share)| *share).collect();
                check_shares("degrees", &shares)?;
                let largest = degrees.iter().map(|(degree, _)| *degree).max().unwrap_or_default();
                degree(f64::from(largest))
            }
        }
    }

    /// The whole network of a population.
    ///
    /// # Errors
    /// When a setting makes no sense for this population.
    pub fn build(
        &self,
        pool: &Pool,
        population: u64,
        seed: u64,
        attribute: Option<AttributeOf<'_>>,
    ) -> Result<Network, NetworkError> {
        self.check()?;
        let n = population as u32;
        let (ties, parts) = match self {
            Self::Ring { each_side } => {
                let reach = *each_side;
                setting(
                    u64::from(reach) * 2 < population,
                    "each_side",
                    "must be less than half the population",
                )?;
                (Ties::Mutual, by_agent(pool, n, |agent, pairs| ring(n, reach, agent, pairs)))
            }
            Self::Grid { width, torus, diagonal } => {
                let fits = *width <= n && (!torus || n.is_multiple_of(*width));
                setting(fits, "width", "must divide the population")?;
                let grid = Grid { n, width: *width, torus: *torus, diagonal: *diagonal };
                (Ties::Mutual, by_agent(pool, n, |agent, pairs| grid.ties(agent, pairs)))
            }
            Self::ErdosRenyi { degree, directed } => {
                let ties = if *directed { Ties::Directed } else { Ties::Mutual };
                (ties, random::erdos_renyi(pool, n, seed, *degree, *directed))
            }
            Self::WattsStrogatz { each_side, rewired } => {
                let reach = *each_side;
                setting(
                    u64::from(reach) * 2 < population,
                    "each_side",
                    "must be less than half the population",
                )?;
                (Ties::Mutual, random::watts_strogatz(pool, n, seed, reach, *rewired))
            }
            Self::BarabasiAlbert { links } => {
                setting(*links < n, "links", "must be less than the population")?;
                let ends = 2 * u64::from(*links) * population;
                setting(
                    ends < u64::from(u32::MAX),
                    "links",
                    "times the population must be below 2^31",
                )?;
                (Ties::Mutual, vec![random::barabasi_albert(n, seed, *links)])
            }
            Self::Blocks { shares, degree, affinity } => {
                let shares: Vec<_> = shares.iter().copied().map(Share).collect();
                (
                    Ties::Mutual,
                    random::blocks(pool, n, seed, &shares, (*degree, *affinity), attribute),
                )
            }
            Self::Configuration { degrees } => {
                let largest = degrees.iter().map(|(degree, _)| u64::from(*degree)).max();
                let ends = largest.unwrap_or_default() * population;
                setting(
                    ends < u64::from(u32::MAX),
                    "degrees",
                    "times the population must be below 2^32",
                )?;
                (Ties::Mutual, vec![random::configuration(n, seed, degrees)])
            }
        };
        Ok(Network::of_pairs(pool, population, ties, &parts))
    }
}

fn setting(holds: bool, key: &'static str, message: &str) -> Result<(), NetworkError> {
    if holds { Ok(()) } else { Err(NetworkError::Setting { key, message: message.to_owned() }) }
}

fn check_shares(key: &'static str, shares: &[f64]) -> Result<(), NetworkError> {
    let possible = shares.iter().all(|share| share.is_finite() && *share >= 0.0);
    setting(possible && shares.iter().sum::<f64>() > 0.0, key, "must be shares, not all of them 0")
}

/// Pairs of agents, in parts that follow each other in agent order.
pub(super) type Pairs = Vec<(AgentId, AgentId)>;

/// The ties that each agent brings in, in agent order.
pub(super) fn by_agent(pool: &Pool, n: u32, bring: impl Fn(u32, &mut Pairs) + Sync) -> Vec<Pairs> {
    let agents: Vec<u32> = (0..n).collect();
    pool.chunks(agents.as_slice(), |agents| {
        let mut pairs = Vec::new();
        agents.iter().for_each(|&agent| bring(agent, &mut pairs));
        pairs
    })
}

fn ring(n: u32, reach: u32, agent: u32, pairs: &mut Pairs) {
    let next = |k: u32| AgentId(((u64::from(agent) + u64::from(k)) % u64::from(n)) as u32);
    pairs.extend((1..=reach).map(|k| (AgentId(agent), next(k))));
}

struct Grid {
    n: u32,
    width: u32,
    torus: bool,
    diagonal: bool,
}

impl Grid {
    /// Ties to the right and downwards; those to the left and upwards are the neighbours' own.
    fn ties(&self, agent: u32, pairs: &mut Pairs) {
        let (row, column) = (i64::from(agent / self.width), i64::from(agent % self.width));
        let straight = [(0, 1), (1, 0)];
        let slanted = [(1, 1), (1, -1)];
        let slanted = slanted.iter().filter(|_| self.diagonal);
        for (down, right) in straight.iter().chain(slanted) {
            if let Some(other) = self.at(row + down, column + right) {
                pairs.push((AgentId(agent), AgentId(other)));
            }
        }
    }

    fn at(&self, row: i64, column: i64) -> Option<u32> {
        let (width, height) = (i64::from(self.width), i64::from(self.n.div_ceil(self.width)));
        let (row, column) = if self.torus {
            (row.rem_euclid(height), column.rem_euclid(width))
        } else {
            (row, column)
        };
        let inside = (0..height).contains(&row) && (0..width).contains(&column);
        let agent = row * width + column;
        (inside && agent < i64::from(self.n)).then_some(agent as u32)
    }
}

/// The network that is built when the run starts.
#[derive(Resource)]
struct Plan {
    graph: Graph,
    /// The attribute by which like joins like.
    attribute: Option<Arc<OfAgent>>,
}

type OfAgent = dyn Fn(AgentId) -> u32 + Send + Sync;

/// Networks, as an extension of the simulation.
pub trait Networks {
    /// Gives the run a [`Network`] and lets agents change it through [`TieRequests`].
    fn network(&mut self, graph: Graph) -> &mut Self;
    /// The same, with an attribute by which like joins like. It must be a pure function that is the same in all
    /// worlds, such as an assignment by shares.
    fn network_by(
        &mut self,
        graph: Graph,
        attribute: impl Fn(AgentId) -> u32 + Send + Sync + 'static,
    ) -> &mut Self;
}

impl Networks for Simulation {
    fn network(&mut self, graph: Graph) -> &mut Self {
        plan(self, Plan { graph, attribute: None })
    }

    fn network_by(
        &mut self,
        graph: Graph,
        attribute: impl Fn(AgentId) -> u32 + Send + Sync + 'static,
    ) -> &mut Self {
        plan(self, Plan { graph, attribute: Some(Arc::new(attribute)) })
    }
}

fn plan(sim: &mut Simulation, plan: Plan) -> &mut Simulation {
    let population = sim.resource::<Population>().size;
    sim.insert_resource(plan)
        .insert_resource(Network::of_pairs(&Pool::new(1), population, Ties::Mutual, &[]))
        .carries::<TieRequests>()
        .add_systems(Phase::Start, build.in_set(TieSystems))
        .add_systems(Phase::Settle, change_ties.in_set(TieSystems))
}

/// Builds the network and keeps the rows of this world.
fn build(
    (pool, population, seed): (Res<Pool>, Res<Population>, Res<Seed>),
    plan: Res<Plan>,
    mut network: ResMut<Network>,
) -> Result<(), BevyError> {
    let attribute = plan.attribute.as_deref().map(|attribute| attribute as AttributeOf<'_>);
    let mut built = plan.graph.build(&pool, population.size, seed.0, attribute)?;
    built.keep(population.range);
    *network = built;
    Ok(())
}
