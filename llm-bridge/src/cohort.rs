//! Cohorts: agents whose requests are identical, found, ordered and cut into requests.

use crate::digest::{Digest, mix};
use crate::prompt::{PromptId, Prompts};
use crate::store::Moment;

/// One question of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub agent: u64,
    /// What is asked.
    pub prompt: PromptId,
    /// Which model answers, by its place in the configuration.
    pub model: u16,
    /// What may be answered, by its place in the batch's list.
    pub answer: u16,
}

/// Agents that ask the same: a range of `Cohorts::members`, in agent order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The question that they share; its agent is the first of them.
    pub ask: Ask,
    /// Where the range begins.
    pub start: u32,
    /// How many they are.
    pub length: u32,
}

/// The cohorts of a batch.
#[derive(Clone, Debug, Default)]
pub struct Cohorts {
    /// Places of asks in the batch, by cohort and within a cohort by agent.
    pub members: Vec<u32>,
    /// The cohorts by model, and within a model so that shared prefixes are neighbours.
    pub cohorts: Vec<Cohort>,
}

impl Cohorts {
    /// The same members in the same order, each a cohort of its own.
    pub(crate) fn apart(self, asks: &[Ask]) -> Self {
        let alone = |(place, member): (usize, &u32)| Cohort {
            ask: asks[*member as usize],
            start: place as u32,
            length: 1,
        };
        let cohorts = self.members.iter().enumerate().map(alone).collect();
        Self { members: self.members, cohorts }
    }
}

/// Finds the cohorts of `asks`, which are in agent order.
pub fn cohorts(asks: &[Ask], prompts: &Prompts) -> Cohorts {
    let ranks = prompts.prefix_ranks();
    let mut keyed: Vec<(u64, u32)> = asks
        .iter()
        .enumerate()
        .map(|(place, ask)| {
            let rank = u64::from(ranks[ask.prompt.0 as usize]);
            (u64::from(ask.model) << 48 | rank << 16 | u64::from(ask.answer), place as u32)
        })
        .collect();
    // Places rise with agents, so ties in the key leave a cohort in agent order.
    keyed.sort_unstable();
    let mut found = Cohorts { members: Vec::with_capacity(asks.len()), cohorts: Vec::new() };
    for group in keyed.chunk_by(|left, right| left.0 == right.0) {
        let start = found.members.len() as u32;
        found.members.extend(group.iter().map(|(_, place)| *place));
        let ask = asks[group[0].1 as usize];
        found.cohorts.push(Cohort { ask, start, length: group.len() as u32 });
    }
    found
}

/// Identity of a cohort over hosts: digests instead of places in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CohortKey {
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Fingerprint of the model.
    pub model: Digest,
    /// Digest of the sampling parameters and of the answer's type.
    pub parameters: Digest,
}

impl CohortKey {
    /// The seed of the cohort's first choice in a run of seed `run_seed`; agents after it get the seeds
    /// after it. Below 2^30, so that adding a rank stays within the 31 bits that all servers take.
    pub fn base_seed(&self, run_seed: u64, moment: Moment) -> u64 {
        let when = u64::from(moment.round) << 32 | u64::from(moment.exchange);
        let what = self.prompt.short()
            ^ self.model.short().rotate_left(17)
            ^ self.parameters.short().rotate_left(34);
        mix(mix(run_seed ^ mix(when)) ^ what) >> 34
    }
}

impl CohortKey {
    /// The seed of one agent that is asked by itself; below 2^30 too.
    pub fn seed_of(&self, run_seed: u64, moment: Moment, agent: u64) -> u64 {
        mix(self.base_seed(run_seed, moment) ^ mix(agent)) >> 34
    }
}

/// A run of consecutive members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its first member, counted from the start of what is split.
    pub start: u32,
    /// Its length.
    pub length: u32,
}

/// The runs of members that `is_missing` names, among the first `count`.
pub fn runs(count: u32, is_missing: impl Fn(u32) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for place in (0..count).filter(|&place| is_missing(place)) {
        match runs.last_mut() {
            Some(run) if run.start + run.length == place => run.length += 1,
            _ => runs.push(Run { start: place, length: 1 }),
        }
    }
    runs
}

/// Fewest requests for cohorts of these sizes when a request holds `n_max` choices.
pub fn requests_min(sizes: impl IntoIterator<Item = u32>, n_max: u32) -> u64 {
    sizes.into_iter().map(|size| u64::from(size.div_ceil(n_max.max(1)))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::Role;
    use proptest::prelude::*;

    fn prompts_of(count: u32) -> Prompts {
        let mut prompts = Prompts::new();
        for place in 0..count {
            prompts
                .ask(&[(Role::System, "rules"), (Role::User, &format!("question {place}"))])
                .unwrap();
        }
        prompts
    }

    proptest! {
        #[test]
        fn every_agent_is_in_exactly_one_cohort_in_agent_order(
            kinds in prop::collection::vec((0_u32..5, 0_u16..2, 0_u16..2), 0..200)
        ) {
            let prompts = prompts_of(5);
            let asks: Vec<Ask> = kinds.iter().enumerate().map(|(agent, &(prompt, model, answer))| {
                Ask { agent: agent as u64 * 3, prompt: PromptId(prompt), model, answer }
            }).collect();
            let found = cohorts(&asks, &prompts);
            let mut all = found.members.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..asks.len() as u32).collect::<Vec<_>>());
            for cohort in &found.cohorts {
                let range = cohort.start as usize..(cohort.start + cohort.length) as usize;
                let members = &found.members[range];
                prop_assert!(members.is_sorted());
                for &member in members {
                    let ask = asks[member as usize];
                    prop_assert_eq!(
                        (ask.prompt, ask.model, ask.answer),
                        (cohort.ask.prompt, cohort.ask.model, cohort.ask.answer)
                    );
                }
            }
            let distinct: std::collections::BTreeSet<_> = kinds.iter().collect();
            prop_assert_eq!(distinct.len(), found.cohorts.len());
            prop_assert!(found.cohorts.is_sorted_by_key(|cohort| cohort.ask.model));
        }

        #[test]
        fn runs_cover_exactly_the_missing(missing in prop::collection::vec(any::<bool>(), 0..80)) {
            let found = runs(missing.len() as u32, |place| missing[place as usize]);
            let mut covered = vec![false; missing.len()];
            for run in &found {
                prop_assert!(run.length > 0);
                for place in run.start..run.start + run.length {
                    prop_assert!(!covered[place as usize]);
                    covered[place as usize] = true;
                }
            }
            prop_assert_eq!(covered, missing);
            prop_assert!(found.windows(2).all(|pair| pair[0].start + pair[0].length < pair[1].start));
        }
    }

    #[test]
    fn a_million_agents_with_one_prompt_need_as_few_requests_as_n_allows() {
        assert_eq!(requests_min([1_000_000], 128), 7_813);
        assert_eq!(requests_min([3, 1, 130], 128), 4);
    }

    #[test]
    fn seeds_differ_between_rounds_and_prompts_but_not_between_runs_of_one_seed() {
        let part = |number: u8| Digest::of([[number].as_slice()]);
        let key = |prompt| CohortKey { prompt: part(prompt), model: part(7), parameters: part(8) };
        let moment = |round| Moment { round, exchange: 0 };
        let seeds = [
            key(0).base_seed(7, moment(0)),
            key(0).base_seed(7, moment(1)),
            key(1).base_seed(7, moment(0)),
            key(0).base_seed(8, moment(0)),
        ];
        let distinct: std::collections::BTreeSet<u64> = seeds.into_iter().collect();
        assert_eq!(distinct.len(), 4);
        assert!(seeds.iter().all(|seed| *seed < 1 << 30));
        assert_eq!(seeds[0], key(0).base_seed(7, moment(0)));
    }
}
