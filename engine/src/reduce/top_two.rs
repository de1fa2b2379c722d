//! The two largest values: whose the first is, and what the second is, as an auction asks.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};
use crate::AgentId;

/// The largest value seen with its agent, the one with the smallest number of several, and the second largest, which
/// is the same where several have the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopTwo<T> {
    first: Option<(T, AgentId)>,
    second: Option<T>,
}

impl<T> Default for TopTwo<T> {
    fn default() -> Self {
        Self { first: None, second: None }
    }
}

impl<T: Ord + Copy> TopTwo<T> {
    /// Takes in an agent's value.
    pub fn add(&mut self, agent: AgentId, value: T) {
        let better = |(best, of)| value > best || value == best && agent < of;
        let loser = if self.first.is_none_or(better) {
            self.first.replace((value, agent)).map(|(best, _)| best)
        } else {
            Some(value)
        };
        self.second = self.second.max(loser);
    }

    /// The largest value and its agent.
    pub const fn first(&self) -> Option<(T, AgentId)> {
        self.first
    }

    /// The second largest value.
    pub const fn second(&self) -> Option<T> {
        self.second
    }
}

impl<T: Ord + Copy + Send + 'static> Reduction for TopTwo<T> {
    fn merge(&mut self, later: &Self) {
        if let Some((value, agent)) = later.first {
            self.add(agent, value);
        }
        self.second = self.second.max(later.second);
    }
}

impl<T: Ord + Copy + Send + 'static> OrderFree for TopTwo<T> {}
