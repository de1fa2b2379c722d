//! Assignment by share: exact counts, and each agent's part a pure function of its number.

use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, POPULATION_MAX, Permutation};

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
    let permutation = Permutation::new(n, &mut streams.agent(AgentId(0)));
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
    }

    #[test]
    fn parts_are_spread_over_the_population() {
        let part = assign(&[Share(0.5), Share(0.5)], 100_000, 1, Purpose::new("test"));
        let first = (0..50_000).filter(|&agent| part(AgentId(agent)) == 0).count();
        assert!((24_000..26_000).contains(&first), "{first}");
    }
}
