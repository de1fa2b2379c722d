//! How many agents were answered, failed or not asked this round.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::record::{Column, ColumnSpec, Columns};
use throng_engine::reduce::{OrderFree, Reduction};

use crate::{Cause, Reply};

/// Counts of replies by status; together they are the population.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    counts: [u64; 2 + Cause::ALL.len()],
}

impl Accounting {
    /// Counts replies.
    pub fn add<A: Send + Sync>(&mut self, replies: &[Reply<A>]) {
        // Nearly all replies are answers, and counting them alone is many times faster.
        let answered = replies.iter().filter(|reply| reply.answer().is_some()).count();
        self.counts[0] += answered as u64;
        if answered < replies.len() {
            for reply in replies.iter().filter(|reply| reply.answer().is_none()) {
                self.counts[usize::from(reply.code())] += 1;
            }
        }
    }

    /// Counts one reply.
    #[inline]
    pub const fn add_one<A: Send + Sync>(&mut self, reply: &Reply<A>) {
        self.counts[reply.code() as usize] += 1;
    }

    /// Counts agents that were not asked.
    pub const fn leave(&mut self, agents: u64) {
        self.counts[1] += agents;
    }

    /// Agents with an answer.
    pub const fn answered(&self) -> u64 {
        self.counts[0]
    }

    /// Agents that were not asked.
    pub const fn not_asked(&self) -> u64 {
        self.counts[1]
    }

    /// Agents that failed for this cause.
    pub const fn failed_by(&self, cause: Cause) -> u64 {
        self.counts[2 + cause as usize]
    }

    /// Agents that failed.
    pub fn failed(&self) -> u64 {
        self.counts[2..].iter().sum()
    }

    /// All agents.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A column for each status; n is their sum.
impl Columns for Accounting {
    fn columns() -> Vec<ColumnSpec> {
        let mut columns = vec![
            ColumnSpec::of::<i64>("n", "Agents of the group."),
            ColumnSpec::of::<i64>("answered", "Agents with a valid answer."),
            ColumnSpec::of::<i64>("not_asked", "Agents that were not asked."),
            ColumnSpec::of::<i64>("failed", "Agents without a valid answer, for any cause."),
        ];
        let by_cause = |cause: Cause| {
            ColumnSpec::of::<i64>(cause.status(), &format!("Agents that failed: {cause}."))
        };
        columns.extend(Cause::ALL.map(by_cause));
        columns
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column]) {
        for row in rows {
            let row = row.copied().unwrap_or_default();
            let counts = [row.total(), row.answered(), row.not_asked(), row.failed()];
            let counts = counts.into_iter().chain(Cause::ALL.map(|cause| row.failed_by(cause)));
            for (column, count) in columns.iter_mut().zip(counts) {
                column.extend(std::iter::once(Some(&(count as i64))));
            }
        }
    }
}

impl Reduction for Accounting {
    fn merge(&mut self, later: &Self) {
        for (count, other) in self.counts.iter_mut().zip(later.counts) {
            *count += other;
        }
    }
}

impl OrderFree for Accounting {}
