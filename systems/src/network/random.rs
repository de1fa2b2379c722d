//! Random ties: each agent's come from its own stream, so that any part of a network can be made alone.

use throng_engine::stream::{Purpose, Stream, Streams};
use throng_engine::{AgentId, Pool};

use super::NetworkError;
use super::build::{AttributeOf, Pairs, by_agent};
use super::graph::setting;
use crate::{Share, assign};

const TIES: Purpose = Purpose::new("network ties");
const BLOCK_OF: Purpose = Purpose::new("network blocks");
const DEGREES: Purpose = Purpose::new("network degrees");

/// Joins every pair with the probability that gives `degree` contacts on average.
pub(super) fn erdos_renyi(
    pool: &Pool,
    n: u32,
    seed: u64,
    degree: f64,
    directed: bool,
) -> Vec<Pairs> {
    let p = degree / f64::from(n.saturating_sub(1).max(1));
    let streams = Streams::new(seed, TIES, 0);
    by_agent(pool, n, |agent, pairs| {
        let mut stream = streams.agent(AgentId(agent));
        let first = if directed { 0 } else { agent + 1 };
        Chances::new(p).each(&mut stream, n - first, |place| {
            pairs.push((AgentId(agent), AgentId(first + place)));
        });
    })
}

/// Independent chances of one probability, visited by drawing the gaps between successes (V. Batagelj and
/// U. Brandes, "Efficient generation of large random networks", Physical Review E 71, 2005).
struct Chances {
    /// 1 / ln(1 - p), or nothing when every chance succeeds.
    scale: Option<f64>,
    none: bool,
}

impl Chances {
    fn new(p: f64) -> Self {
        Self { scale: (p < 1.0).then(|| 1.0 / libm::log1p(-p)), none: p <= 0.0 }
    }

    /// Visits the successes among `count` chances.
    fn each(&self, stream: &mut Stream, count: u32, mut visit: impl FnMut(u32)) {
        let Some(scale) = self.scale else { return (0..count).for_each(visit) };
        if self.none {
            return;
        }
        let mut place = -1.0;
        loop {
            // 1 - uniform lies in (0, 1], so that the logarithm is finite.
            place += 1.0 + libm::floor(libm::log(1.0 - stream.uniform()) * scale);
            if place >= f64::from(count) {
                return;
            }
            visit(place as u32);
        }
    }
}

/// A ring whose ties are moved to anyone with probability `rewired`.
pub(super) fn watts_strogatz(
    pool: &Pool,
    n: u32,
    seed: u64,
    reach: u32,
    rewired: f64,
) -> Vec<Pairs> {
    let streams = Streams::new(seed, TIES, 0);
    by_agent(pool, n, |agent, pairs| {
        let mut stream = streams.agent(AgentId(agent));
        for k in 1..=reach {
            let near = ((u64::from(agent) + u64::from(k)) % u64::from(n)) as u32;
            let moved = stream.uniform() < rewired;
            let other = if moved { other_than(agent, n, &mut stream) } else { near };
            pairs.push((AgentId(agent), AgentId(other)));
        }
    })
}

/// Anyone but the agent.
fn other_than(agent: u32, n: u32, stream: &mut Stream) -> u32 {
    let other = stream.below(n - 1);
    other + u32::from(other >= agent)
}

/// Each newcomer joins `links` different agents, drawn by their number of ties.
pub(super) fn barabasi_albert(n: u32, seed: u64, links: u32) -> Pairs {
    let streams = Streams::new(seed, TIES, 0);
    // Both ends of every tie: a random end is an agent drawn by its number of ties.
    let mut ends: Vec<u32> = Vec::with_capacity(2 * links as usize * n as usize);
    let mut chosen = Vec::with_capacity(links as usize);
    for newcomer in links..n {
        let mut stream = streams.agent(AgentId(newcomer));
        chosen.clear();
        while chosen.len() < links as usize {
            let other = match ends.len() {
                0 => chosen.len() as u32,
                count => ends[stream.below(count as u32) as usize],
            };
            if !chosen.contains(&other) {
                chosen.push(other);
            }
        }
        ends.extend(chosen.iter().flat_map(|&other| [newcomer, other]));
    }
    ends.chunks_exact(2).map(|pair| (AgentId(pair[0]), AgentId(pair[1]))).collect()
}

/// Ties within and between blocks, `affinity` times likelier within.
pub(super) struct Blocks<'a> {
    pub(super) shares: &'a [Share],
    pub(super) degree: f64,
    pub(super) affinity: f64,
}

impl Blocks<'_> {
    /// The ties; without an attribute the blocks are drawn by their shares.
    pub(super) fn ties(
        &self,
        pool: &Pool,
        n: u32,
        seed: u64,
        attribute: Option<AttributeOf<'_>>,
    ) -> Result<Vec<Pairs>, NetworkError> {
        let blocks: Vec<usize> = match attribute {
            Some(of) => (0..n).map(|agent| of(AgentId(agent)) as usize).collect(),
            None => {
                let drawn = assign(self.shares, n.into(), seed, BLOCK_OF);
                (0..n).map(|agent| drawn(AgentId(agent))).collect()
            }
        };
        let count = blocks.iter().max().map_or(0, |max| max + 1);
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
        blocks.iter().zip(0..n).for_each(|(block, agent)| members[*block].push(agent));
        let (within, between) = self.chances(n, &members)?;
        let streams = Streams::new(seed, TIES, 0);
        Ok(by_agent(pool, n, |agent, pairs| {
            let mut stream = streams.agent(AgentId(agent));
            for (block, members) in members.iter().enumerate() {
                // Only those with larger numbers: each pair is drawn once.
                let later = &members[members.partition_point(|member| *member <= agent)..];
                let chances = if block == blocks[agent as usize] { &within } else { &between };
                chances.each(&mut stream, later.len() as u32, |place| {
                    pairs.push((AgentId(agent), AgentId(later[place as usize])));
                });
            }
        }))
    }

    /// The chances of a tie within a block and between two, so that the mean degree comes out.
    fn chances(&self, n: u32, members: &[Vec<u32>]) -> Result<(Chances, Chances), NetworkError> {
        let Self { degree, affinity, .. } = self;
        let pairs = |count: f64| count * (count - 1.0) / 2.0;
        let all = pairs(f64::from(n));
        let within: f64 = members.iter().map(|members| pairs(members.len() as f64)).sum();
        let weighted = affinity * within + (all - within);
        let ties = f64::from(n) * degree / 2.0;
        // With no pairs at all there is nobody to join, which only a degree of 0 asks for.
        let between = if ties > 0.0 { ties / weighted } else { 0.0 };
        setting(
            between <= 1.0 && affinity * between <= 1.0,
            "degree",
            || format!("these blocks have too few pairs for {degree} contacts"),
            || "write a smaller degree, or an affinity nearer to 1".to_owned(),
        )?;
        Ok((Chances::new(affinity * between), Chances::new(between)))
    }
}

/// Ends of ties, as many for each agent as its degree says, joined at random.
pub(super) fn configuration(n: u32, seed: u64, degrees: &[(u32, f64)]) -> Pairs {
    let shares: Vec<_> = degrees.iter().map(|(_, share)| Share(*share)).collect();
    let part = assign(&shares, n.into(), seed, DEGREES);
    let mut ends = Vec::new();
    for agent in 0..n {
        let degree = degrees[part(AgentId(agent))].0;
        ends.extend(std::iter::repeat_n(AgentId(agent), degree as usize));
    }
    // Fisher and Yates; the last end is left over when their number is odd.
    let mut stream = Streams::new(seed, TIES, 0).agent(AgentId(0));
    for last in (1..ends.len()).rev() {
        ends.swap(last, stream.below(last as u32 + 1) as usize);
    }
    ends.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}
