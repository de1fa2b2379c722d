//! Agents: dense numbers over a population, and the contiguous range of them that lives in a world.

use std::fmt;
use std::ops::Range;

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

/// The number of an agent in its population, dense from 0.
///
/// It names the agent in every file, stream and reduction; entities are an implementation detail of one world.
#[derive(
    Component,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub struct AgentId(pub u32);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The largest population: agent numbers, and counts of agents, are 32 bits wide.
pub const POPULATION_MAX: u64 = u32::MAX as u64;

/// Agents per block, the unit of work and of ordered reductions. Never derived from threads or hosts.
pub const BLOCK: usize = 4096;

/// The agents `start..end` of a population that live in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentRange {
    /// First agent.
    pub start: u64,
    /// One past the last agent.
    pub end: u64,
}

impl AgentRange {
    /// All agents of a population of `n`.
    pub const fn all(n: u64) -> Self {
        Self { start: 0, end: n }
    }

    /// Number of agents.
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether no agent is in the range.
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// The agents in order.
    pub fn agents(&self) -> impl ExactSizeIterator<Item = AgentId> + use<> {
        let start = self.start;
        (0..self.len()).map(move |offset| AgentId((start + offset as u64) as u32))
    }

    /// The place of an agent within the range.
    ///
    /// # Panics
    /// If the agent is not in the range.
    #[inline]
    pub fn offset(&self, agent: AgentId) -> usize {
        let id = u64::from(agent.0);
        assert!(self.start <= id && id < self.end, "agent {id} does not live in this world");
        (id - self.start) as usize
    }

    /// The range as a standard one.
    pub const fn to_range(self) -> Range<u64> {
        self.start..self.end
    }
}
