//! The smallest and the largest value with the agent that has it; ties go to the smallest agent number.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};
use crate::AgentId;

/// The smallest value seen, the first agent that has it, and how many have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgMin<T> {
    best: Option<(T, AgentId, u64)>,
}

/// The largest value seen, the first agent that has it, and how many have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgMax<T> {
    best: Option<(T, AgentId, u64)>,
}

macro_rules! extreme {
    ($name:ident, $better:tt) => {
        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self { best: None }
            }
        }

        impl<T: Ord + Copy> $name<T> {
            /// Takes in an agent's value.
            #[inline]
            pub fn add(&mut self, agent: AgentId, value: T) {
                self.take(value, agent, 1);
            }

            /// The value, the smallest agent number that has it, and the number of agents that have it.
            pub const fn best(&self) -> Option<(T, AgentId, u64)> {
                self.best
            }

            #[inline]
            fn take(&mut self, value: T, agent: AgentId, count: u64) {
                self.best = match self.best {
                    Some((best, first, ties)) if best == value => {
                        Some((best, first.min(agent), ties + count))
                    }
                    Some((best, first, ties)) if !(value $better best) => Some((best, first, ties)),
                    _ => Some((value, agent, count)),
                };
            }
        }

        impl<T: Ord + Copy + Send + 'static> Reduction for $name<T> {
            fn merge(&mut self, later: &Self) {
                if let Some((value, agent, count)) = later.best {
                    self.take(value, agent, count);
                }
            }
        }

        impl<T: Ord + Copy + Send + 'static> OrderFree for $name<T> {}
    };
}
extreme!(ArgMin, <);
extreme!(ArgMax, >);
