//! Assignment by share: exact counts, and each agent's part a pure function of its number.

use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, POPULATION_MAX};

/// A part of a population, as a share of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

/// The part (0..shares) that an agent of a population of `n` belongs to.
///
/// Agents are put into a random order by a keyed permutation of 0..n, and that order is cut at the rounded
/// cumulative shares: part sizes are exact to within one agent, any host finds any agent's part alone, and
/// the order depends on seed and purpose only, so that another attribute does not move this one.
pub fn assign(
    shares: &[Share],
    n: u64,
    seed: u64,
    purpose: Purpose,
) -> impl Fn(AgentId) -> usize + Send + Sync + use<> {
    assert!(0 < n && n <= POPULATION_MAX, "a population of {n}");
    let cuts = cuts(shares, n);
    let streams = Streams::new(seed, purpose, 0);
    let permutation = Permutation::new(n, &streams);
    move |agent| {
        if cuts.len() <= 1 {
            return 0;
        }
        let place = permutation.place(u64::from(agent.0));
        cuts.partition_point(|&cut| cut <= place).min(cuts.len() - 1)
    }
}

/// Where each part ends in an order of `n` agents. The shares are taken relative to their sum.
fn cuts(shares: &[Share], n: u64) -> Vec<u64> {
    let total: f64 = shares.iter().map(|share| share.0).sum();
    let mut sum = 0.0;
    shares
        .iter()
        .map(|share| {
            sum += share.0;
            (sum / total * n as f64).round_ties_even() as u64
        })
        .collect()
}

/// A pseudo-random permutation of 0..n: a Feistel network over the next even power of two, walked until the
/// image lies in 0..n (J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", 2002).
pub(crate) struct Permutation {
    n: u64,
    half_bits: u32,
    keys: [u32; 4],
}

impl Permutation {
    pub(crate) fn new(n: u64, streams: &Streams) -> Self {
        let bits = 64 - (n - 1).leading_zeros();
        let mut stream = streams.agent(AgentId(0));
        let keys = [0; 4].map(|_: u32| stream.next_u32());
        Self { n, half_bits: bits.div_ceil(2).max(1), keys }
    }

    pub(crate) fn place(&self, agent: u64) -> u64 {
        let mut place = agent;
        loop {
            place = self.network(place);
            if place < self.n {
                return place;
            }
        }
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right as u32, key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of MurmurHash3 over value and key.
const fn mix(value: u32, key: u32) -> u64 {
    let mut hash = value ^ key;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    (hash ^ (hash >> 16)) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_exact_to_within_one(n in 1_u64..3_000, weights in prop::collection::vec(0.0..1.0_f64, 1..6), seed in any::<u64>()) {
            prop_assume!(weights.iter().sum::<f64>() > 0.01);
            let shares: Vec<_> = weights.iter().copied().map(Share).collect();
            let part = assign(&shares, n, seed, Purpose::new("test"));
            let mut counts = vec![0_u64; shares.len()];
            (0..n as u32).for_each(|agent| counts[part(AgentId(agent))] += 1);
            let total: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!((*count as f64 - weight / total * n as f64).abs() <= 1.0 + 1e-6);
            }
        }

        #[test]
        fn the_order_is_a_permutation(n in 1_u64..5_000, seed in any::<u64>()) {
            let permutation = Permutation::new(n, &Streams::new(seed, Purpose::new("test"), 0));
            let mut seen = vec![false; n as usize];
            for agent in 0..n {
                let place = permutation.place(agent) as usize;
                prop_assert!(!seen[place]);
                seen[place] = true;
            }
        }
    }

    #[test]
    fn parts_are_spread_over_the_population() {
        let part = assign(&[Share(0.5), Share(0.5)], 100_000, 1, Purpose::new("test"));
        let first = (0..50_000).filter(|&agent| part(AgentId(agent)) == 0).count();
        assert!((24_000..26_000).contains(&first), "{first}");
    }
}
