//! The tree of environments: dense numbers, names, parents; every world holds all of them.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The number of an environment, dense from 0 in the order in which they were made.
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
pub struct EnvironmentId(pub u32);

/// The environment that an agent is in, its group or place.
#[derive(
    Component, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Within(pub EnvironmentId);

/// What everyone within an environment is told.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement(pub String);

/// Why there is no such environment.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EnvironmentProblem {
    /// Two environments of one name in the same one.
    #[error("there is an environment `{0}` already")]
    Taken(String),
    /// A number that no environment has.
    #[error("there is no environment {0}, only {1}")]
    Unknown(u32, usize),
}

/// The environments of a run: the same in all worlds.
#[derive(Resource, Debug, Default)]
pub struct Environments {
    entities: Vec<Entity>,
    parents: Vec<Option<EnvironmentId>>,
    paths: Vec<String>,
    by_path: BTreeMap<String, EnvironmentId>,
}

impl Environments {
    /// Makes an environment within another, or a root. Its path is the names from the root, with slashes.
    /// The entity is a child of its parent's, so queries may follow the relationship too.
    ///
    /// # Errors
    /// When the name is taken there, or there is no such parent.
    pub fn make<B: Bundle>(
        world: &mut World,
        name: &str,
        parent: Option<EnvironmentId>,
        attributes: B,
    ) -> Result<EnvironmentId, EnvironmentProblem> {
        world.init_resource::<Self>();
        let environments = world.resource::<Self>();
        let number = EnvironmentId(environments.len() as u32);
        let path = match parent {
            None => name.to_owned(),
            Some(parent) => format!("{}/{name}", environments.path(parent)?),
        };
        if environments.by_path.contains_key(&path) {
            return Err(EnvironmentProblem::Taken(path));
        }
        let parent_entity = parent.map(|parent| environments.entities[parent.0 as usize]);
        let mut made = world.spawn((number, attributes));
        if let Some(parent) = parent_entity {
            made.insert(ChildOf(parent));
        }
        let entity = made.id();
        let mut environments = world.resource_mut::<Self>();
        environments.entities.push(entity);
        environments.parents.push(parent);
        environments.paths.push(path.clone());
        environments.by_path.insert(path, number);
        Ok(number)
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// Whether there is an environment of this number.
    pub const fn has(&self, environment: EnvironmentId) -> bool {
        (environment.0 as usize) < self.len()
    }

    /// The environment with this path.
    pub fn find(&self, path: &str) -> Option<EnvironmentId> {
        self.by_path.get(path).copied()
    }

    /// The path of an environment.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn path(&self, environment: EnvironmentId) -> Result<&str, EnvironmentProblem> {
        let path = self.paths.get(environment.0 as usize);
        path.map(String::as_str).ok_or(EnvironmentProblem::Unknown(environment.0, self.len()))
    }

    /// The entity of an environment.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn entity(&self, environment: EnvironmentId) -> Result<Entity, EnvironmentProblem> {
        let entity = self.entities.get(environment.0 as usize).copied();
        entity.ok_or(EnvironmentProblem::Unknown(environment.0, self.len()))
    }

    /// The environment and those around it, from the inside out.
    pub fn around(&self, environment: EnvironmentId) -> impl Iterator<Item = EnvironmentId> {
        let parent = |inner: &EnvironmentId| self.parents.get(inner.0 as usize).copied().flatten();
        std::iter::successors(Some(environment).filter(|own| self.has(*own)), parent)
    }

    /// The environments directly within this one, in order.
    pub fn inside(&self, environment: EnvironmentId) -> impl Iterator<Item = EnvironmentId> {
        let numbers = (0..).map(EnvironmentId).zip(&self.parents);
        numbers.filter(move |(_, parent)| **parent == Some(environment)).map(|(number, _)| number)
    }
}
