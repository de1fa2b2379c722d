//! A population beyond shares: agents that each have a model, a background and groups of their own.

use std::fmt;

use bevy_ecs::prelude::*;
use thiserror::Error;
use throng_engine::{AgentId, AgentRange, Pool};

use crate::ModelRef;

/// Why the agents of a population cannot be told.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the population: {0}")]
pub struct PopulationError(pub String);

/// Somebody who knows every agent of a population.
///
/// What an agent is must not depend on the range that is asked for, so that any world can ask for its own.
pub trait PopulationSource: fmt::Debug + Send + Sync {
    /// The agents of a range.
    ///
    /// # Errors
    /// When an agent cannot be made or read.
    fn part(&self, range: AgentRange, pool: &Pool) -> Result<PopulationPart, PopulationError>;
}

/// A range of a population; every list has an entry for each of its agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PopulationPart {
    /// The model of each agent; where there is none, the shares of the cast decide.
    pub models: Option<Vec<ModelRef>>,
    /// Who each agent is, in words; where there is none, the shares of the cast decide.
    pub backgrounds: Option<Vec<String>>,
    /// The ways in which the agents are grouped for results.
    pub groupings: Vec<Grouping>,
}

/// A way to group agents for results, by a column of `people`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// The column.
    pub by: String,
    /// The names of the groups.
    pub names: Vec<String>,
    /// The group of each agent of this world, in agent order.
    pub codes: Vec<u16>,
}

/// The ways in which the agents of this world are grouped for results.
#[derive(Resource, Clone, Debug, PartialEq, Eq)]
pub struct Groupings {
    range: AgentRange,
    list: Vec<Grouping>,
}

impl Groupings {
    /// The groupings of the agents of a range.
    ///
    /// # Panics
    /// If a grouping does not have exactly these agents.
    pub fn new(range: AgentRange, list: Vec<Grouping>) -> Self {
        for grouping in &list {
            assert_eq!(grouping.codes.len(), range.len(), "`{}` groups every agent", grouping.by);
        }
        Self { range, list }
    }

    /// All of them, in the order of the configuration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Grouping> {
        self.list.iter()
    }

    /// The group of an agent in one of these groupings, as a place in its names.
    ///
    /// # Panics
    /// If the agent does not live in this world.
    #[inline]
    pub fn group_of(&self, grouping: &Grouping, agent: AgentId) -> usize {
        usize::from(grouping.codes[self.range.offset(agent)])
    }
}
