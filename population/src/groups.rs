//! Households, teams and the like: which group an agent belongs to, found without the others.

use throng_engine::stream::Streams;
use throng_engine::{AgentId, Permutation};

use crate::sample::{cuts, purpose};
use crate::stage::{GroupPlan, cumulative};

/// The groups of one kind in a population.
#[derive(Debug)]
pub(crate) struct Groups {
    order: Permutation,
    /// For each size: members, the agents' places up to the end, the groups up to the end.
    runs: Vec<(u64, u64, u64)>,
}

impl Groups {
    /// Sizes with exact counts; the last group is smaller where the agents do not fill it.
    pub(crate) fn new(plan: &GroupPlan, agents: u64, seed: u64) -> Self {
        let streams = |use_| Streams::new(seed, purpose(use_, &plan.name), 0).agent(AgentId(0));
        let order = Permutation::new(agents, &mut streams("order"));
        let mean: f64 = plan.sizes.iter().map(|(members, share)| f64::from(*members) * share).sum();
        let shares: Vec<f64> = plan.sizes.iter().map(|(_, share)| *share).collect();
        let groups = ((agents as f64 / mean).round_ties_even() as u64).max(1);
        let ends = cuts(&cumulative(&shares), groups, streams("start").uniform());
        let (mut runs, mut before, mut places, mut numbered) = (Vec::new(), 0, 0, 0);
        for ((members, _), end) in plan.sizes.iter().zip(ends) {
            let members = u64::from(*members);
            let wanted = end - before;
            before = end;
            let room = (agents - places).div_ceil(members);
            let count = wanted.min(room);
            places = (places + count * members).min(agents);
            numbered += count;
            runs.push((members, places, numbered));
        }
        fill(&mut runs, agents);
        Self { order, runs }
    }

    /// How many groups there are.
    pub(crate) fn count(&self) -> u64 {
        self.runs.last().map_or(1, |(_, _, groups)| *groups)
    }

    /// Whether an agent stands for its group where groups are counted: the first in its order.
    pub(crate) fn leads(&self, agent: u64) -> bool {
        let place = self.order.place(agent);
        let run = self.runs.partition_point(|(_, end, _)| *end <= place);
        let start = run.checked_sub(1).map_or(0, |run| self.runs[run].1);
        (place - start).is_multiple_of(self.runs[run].0)
    }

    /// The group of an agent.
    pub(crate) fn of(&self, agent: u64) -> u64 {
        let place = self.order.place(agent);
        let run = self.runs.partition_point(|(_, end, _)| *end <= place);
        let (start, groups) =
            run.checked_sub(1).map_or((0, 0), |run| (self.runs[run].1, self.runs[run].2));
        groups + (place - start) / self.runs[run].0
    }
}

/// Agents that rounding left over make further groups of the size that is most common there.
fn fill(runs: &mut Vec<(u64, u64, u64)>, agents: u64) {
    let Some(&(_, places, groups)) = runs.last() else { return };
    if places < agents {
        let members = runs.iter().map(|run| run.0).min().unwrap_or(1);
        runs.push((members, agents, groups + (agents - places).div_ceil(members)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_are_dense_and_as_large_as_asked(agents in 1_u64..3_000, seed in any::<u64>()) {
            let plan = GroupPlan { name: "household".to_owned(), sizes: vec![(1, 0.3), (2, 0.5), (4, 0.2)] };
            let groups = Groups::new(&plan, agents, seed);
            let mut members = vec![0_u64; groups.count() as usize];
            (0..agents).for_each(|agent| members[groups.of(agent) as usize] += 1);
            prop_assert!(members.iter().all(|count| (1..=4).contains(count)), "{members:?}");
            let pairs = members.iter().filter(|count| **count == 2).count() as f64;
            prop_assert!((pairs - 0.5 * groups.count() as f64).abs() <= 4.0, "{pairs}");
        }
    }
}
