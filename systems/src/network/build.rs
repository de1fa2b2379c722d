//! Networks are built when a run starts: each a pure function of its settings, name, population and seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use throng_engine::{AgentId, Phase, Pool, Population, Seed, Simulation};

use super::change::{TieRequests, TieSystems, change_ties};
use super::{Contacts, Graph, Layer, Network, NetworkError, Ties, random};
use crate::{Cast, Share};

/// The attribute of an agent by which like joins like.
pub type AttributeOf<'a> = &'a (dyn Fn(AgentId) -> u32 + Send + Sync);

/// Lists of ties that were read from files, by the name of the file in the settings.
#[derive(Resource, Clone, Debug, Default)]
pub struct TieLists(pub BTreeMap<String, Arc<Vec<(AgentId, AgentId)>>>);

/// What a network is built from besides its settings.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    /// The attribute by which like joins like, for blocks.
    pub attribute: Option<AttributeOf<'a>>,
    /// The ties of files.
    pub lists: Option<&'a TieLists>,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("attribute", &self.attribute.is_some())
            .field("lists", &self.lists)
            .finish()
    }
}

impl Graph {
    /// The whole network of a population.
    ///
    /// # Errors
    /// When a setting makes no sense for this population, or the ties of a file do not fit it.
    pub fn build(
        &self,
        pool: &Pool,
        population: u64,
        seed: u64,
        sources: Sources<'_>,
    ) -> Result<Network, NetworkError> {
        self.check()?;
        self.check_among(population)?;
        let n = population as u32;
        let of = |ties, parts: Vec<Pairs>| Ok(Network::of_pairs(pool, population, ties, &parts));
        match self {
            Self::Ring { each_side } => {
                let reach = *each_side;
                of(Ties::Mutual, by_agent(pool, n, |agent, pairs| ring(n, reach, agent, pairs)))
            }
            Self::Grid { width, torus, diagonal } => {
                let grid = Grid { n, width: *width, torus: *torus, diagonal: *diagonal };
                of(Ties::Mutual, by_agent(pool, n, |agent, pairs| grid.ties(agent, pairs)))
            }
            Self::ErdosRenyi { degree, directed } => {
                of(ties_of(*directed), random::erdos_renyi(pool, n, seed, *degree, *directed))
            }
            Self::WattsStrogatz { each_side, rewired } => {
                of(Ties::Mutual, random::watts_strogatz(pool, n, seed, *each_side, *rewired))
            }
            Self::BarabasiAlbert { links } => {
                of(Ties::Mutual, vec![random::barabasi_albert(n, seed, *links)])
            }
            Self::Blocks { by: _, shares, degree, affinity } => {
                let shares: Vec<_> = shares.iter().copied().map(Share).collect();
                let blocks =
                    random::Blocks { shares: &shares, degree: *degree, affinity: *affinity };
                of(Ties::Mutual, blocks.ties(pool, n, seed, sources.attribute)?)
            }
            Self::Configuration { degrees } => {
                of(Ties::Mutual, vec![random::configuration(n, seed, degrees)])
            }
            Self::Edges { file, directed, .. } => {
                let list = sources.lists.and_then(|lists| lists.0.get(file));
                let list = list.ok_or_else(|| NetworkError::File(file.clone()))?;
                for &(one, other) in list.iter() {
                    super::check_tie(population, one, other)?;
                }
                Ok(Network::of_pairs(pool, population, ties_of(*directed), &[list.as_slice()]))
            }
        }
    }
}

const fn ties_of(directed: bool) -> Ties {
    if directed { Ties::Directed } else { Ties::Mutual }
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
struct Plan<L: Layer> {
    graph: Graph,
    /// The scenario's own attribute by which like joins like.
    attribute: Option<Box<OfAgent>>,
    layer: std::marker::PhantomData<fn() -> L>,
}

type OfAgent = dyn Fn(AgentId) -> u32 + Send + Sync;

/// Networks, as an extension of the simulation.
pub trait Networks {
    /// Gives the run a [`Network`] and lets agents change it through [`TieRequests`].
    fn network(&mut self, graph: Graph) -> &mut Self {
        self.network_of::<Contacts>(graph)
    }
    /// The same, for one of several networks.
    fn network_of<L: Layer>(&mut self, graph: Graph) -> &mut Self;
    /// The same, with an attribute by which like joins like, unless the settings name one. It must be a pure
    /// function that is the same in all worlds, such as an assignment by shares.
    fn network_by<L: Layer>(
        &mut self,
        graph: Graph,
        attribute: impl Fn(AgentId) -> u32 + Send + Sync + 'static,
    ) -> &mut Self;
}

impl Networks for Simulation {
    fn network_of<L: Layer>(&mut self, graph: Graph) -> &mut Self {
        plan::<L>(self, graph, None)
    }

    fn network_by<L: Layer>(
        &mut self,
        graph: Graph,
        attribute: impl Fn(AgentId) -> u32 + Send + Sync + 'static,
    ) -> &mut Self {
        plan::<L>(self, graph, Some(Box::new(attribute)))
    }
}

fn plan<L: Layer>(
    sim: &mut Simulation,
    graph: Graph,
    attribute: Option<Box<OfAgent>>,
) -> &mut Simulation {
    let population = sim.resource::<Population>().size;
    let nobody: [Pairs; 0] = [];
    let empty = Network::of_pairs(&Pool::new(1), population, Ties::Mutual, &nobody);
    sim.insert_resource(Plan::<L> { graph, attribute, layer: std::marker::PhantomData })
        .insert_resource(empty.over::<L>())
        .carries::<TieRequests<L>>()
        .add_systems(Phase::Start, build::<L>.in_set(TieSystems))
        .add_systems(Phase::Settle, change_ties::<L>.in_set(TieSystems))
}

/// Builds the network and keeps the rows of this world.
fn build<L: Layer>(
    (pool, population, seed): (Res<Pool>, Res<Population>, Res<Seed>),
    (plan, lists, cast): (Res<Plan<L>>, Option<Res<TieLists>>, Option<Res<Cast>>),
    mut network: ResMut<Network<L>>,
) -> Result<(), BevyError> {
    let by = match &plan.graph {
        Graph::Blocks { by: Some(by), .. } => Some(by),
        _ => None,
    };
    let named = match by {
        Some(by) => {
            let known = cast.map(|cast| cast.attribute(by, population.size, seed.0, &pool));
            let codes = known.transpose()?.flatten();
            Some(codes.ok_or_else(|| NetworkError::Attribute(by.clone()))?)
        }
        None => None,
    };
    let by_code = named.map(|codes| move |agent: AgentId| u32::from(codes[agent.0 as usize]));
    let own = plan.attribute.as_deref().map(|attribute| attribute as AttributeOf<'_>);
    let attribute = by_code.as_ref().map(|of| of as AttributeOf<'_>).or(own);
    let sources = Sources { attribute, lists: lists.as_deref() };
    let seed = seed.0 ^ salt(L::NAME);
    let mut built = plan.graph.build(&pool, population.size, seed, sources)?;
    built.keep(population.range);
    *network = built.over();
    Ok(())
}

/// What makes the ties of a network others than those of the run's one network: 64-bit FNV-1a of its name.
fn salt(name: &str) -> u64 {
    if name == Contacts::NAME {
        return 0;
    }
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
