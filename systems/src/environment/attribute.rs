//! Attributes of environments: read as a column, changed by requests that are merged by a declared rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use bevy_ecs::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use throng_engine::reduce::Reduction;
use throng_engine::{AgentId, BLOCK, Mesh, Phase, Simulation};

use super::listen::{Happening, Happenings};
use super::tree::{EnvironmentId, Environments};
use crate::rows::each_in_order;

/// How the requests of many agents become one change. Requests come in agent order within blocks of
/// [`BLOCK`] agents, and blocks merge in order, so that the result never depends on threads or worlds.
pub trait Rule: Reduction + Debug + Default + Serialize + DeserializeOwned + Sync {
    /// What an agent asks for.
    type Value: Clone + Debug + Send + Sync + 'static;
    /// Takes in an agent's request.
    fn take(&mut self, agent: AgentId, value: &Self::Value);
}

/// An attribute of environments, the same in all worlds.
pub trait Attribute:
    Component<Mutability = bevy_ecs::component::Mutable> + Clone + PartialEq
{
    /// Its name in events and messages.
    const NAME: &'static str;
    /// How requests are merged.
    type Rule: Rule;
    /// Changes the attribute by the merged requests.
    fn apply(&mut self, merged: &Self::Rule);
}

/// What an agent asks for: updates are merged and applied first, then the first registration in agent order
/// where there is no value, then a deletion, if anyone asked for it.
#[derive(Clone, Debug)]
pub enum Edit<A: Attribute> {
    /// A change by the rule; without a value nothing happens.
    Update(<A::Rule as Rule>::Value),
    /// A value where there is none.
    Register(A),
    /// No value any more.
    Delete,
}

/// The change that an agent asks for in this exchange, of one environment.
#[derive(Component, Clone, Debug)]
pub struct Request<A: Attribute> {
    wanted: Option<(EnvironmentId, Edit<A>)>,
}

impl<A: Attribute> Default for Request<A> {
    fn default() -> Self {
        Self { wanted: None }
    }
}

impl<A: Attribute> Request<A> {
    /// Asks for an update; a later request of this exchange takes its place.
    #[inline]
    pub fn update(&mut self, environment: EnvironmentId, value: <A::Rule as Rule>::Value) {
        self.wanted = Some((environment, Edit::Update(value)));
    }

    /// Asks for another edit; a later request of this exchange takes its place.
    pub fn edit(&mut self, environment: EnvironmentId, edit: Edit<A>) {
        self.wanted = Some((environment, edit));
    }
}

/// The values of an attribute as they were when the exchange began, by environment.
#[derive(Resource, Debug)]
pub struct Attributes<A: Attribute> {
    values: Vec<Option<A>>,
}

impl<A: Attribute> Attributes<A> {
    /// The value that an environment has itself.
    #[inline]
    pub fn of(&self, environment: EnvironmentId) -> Option<&A> {
        self.values.get(environment.0 as usize)?.as_ref()
    }

    /// The value that holds in an environment: its own, or that of the nearest one around it.
    pub fn within(&self, environments: &Environments, environment: EnvironmentId) -> Option<&A> {
        environments.around(environment).find_map(|outer| self.of(outer))
    }
}

/// The systems of Settle that merge requests and change attributes.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttributeSystems;

/// Attributes, as an extension of the simulation.
pub trait HasAttributes {
    /// Lets environments have this attribute, and agents read it and ask for changes.
    fn attribute<A: Attribute + Serialize + DeserializeOwned>(&mut self) -> &mut Self;
}

impl HasAttributes for Simulation {
    fn attribute<A: Attribute + Serialize + DeserializeOwned>(&mut self) -> &mut Self {
        // What is noted is sorted before anyone hears of it, so that the order of attributes does not matter.
        let refresh = refresh::<A>.in_set(AttributeSystems).ambiguous_with(AttributeSystems);
        self.init_resource::<Watched>();
        self.world_mut().resource_mut::<Watched>().push::<A>();
        self.init_resource::<Environments>()
            .init_resource::<Happenings>()
            .insert_resource(Attributes::<A> { values: Vec::new() })
            .carries::<Request<A>>()
            .add_systems(Phase::Announce, refresh)
            .add_systems(Phase::Settle, settle::<A>.in_set(AttributeSystems))
    }
}

/// How each registered attribute tells what listeners have changed.
#[derive(Resource, Debug, Default)]
pub(super) struct Watched {
    pub(super) refresh: Vec<fn(&mut World) -> Result<(), BevyError>>,
}

impl Watched {
    fn push<A: Attribute>(&mut self) {
        self.refresh.push(|world| world.run_system_cached(refresh::<A>)?);
    }
}

/// Shows the attributes as they are now, and notes which of them have changed.
pub(super) fn refresh<A: Attribute>(
    environments: Res<Environments>,
    mut attributes: ResMut<Attributes<A>>,
    mut events: ResMut<Happenings>,
    values: Query<&A>,
) -> Result<(), BevyError> {
    let first = attributes.values.len();
    attributes.values.resize(environments.len(), None);
    for (place, shown) in attributes.values.iter_mut().enumerate() {
        let environment = EnvironmentId(place as u32);
        let value = values.get(environments.entity(environment)?).ok();
        if shown.as_ref() != value {
            // What an environment is made with is no change.
            if place < first {
                events.note(Happening::Changed { environment, attribute: A::NAME });
            }
            *shown = value.cloned();
        }
    }
    Ok(())
}

/// Everything that agents want of one environment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "A: Serialize + DeserializeOwned")]
struct Wanted<A: Attribute> {
    updates: Option<A::Rule>,
    register: Option<A>,
    delete: bool,
}

impl<A: Attribute> Wanted<A> {
    const NOTHING: Self = Self { updates: None, register: None, delete: false };

    fn take(&mut self, agent: AgentId, edit: Edit<A>) {
        match edit {
            Edit::Update(value) => self.updates.get_or_insert_default().take(agent, &value),
            Edit::Register(value) => {
                self.register.get_or_insert(value);
            }
            Edit::Delete => self.delete = true,
        }
    }

    fn merge(&mut self, later: Self) {
        match (&mut self.updates, later.updates) {
            (Some(updates), Some(more)) => updates.merge(&more),
            (updates @ None, more) => *updates = more,
            (Some(_), None) => (),
        }
        self.register = self.register.take().or(later.register);
        self.delete |= later.delete;
    }
}

/// Merges the requests of all worlds and changes the attributes.
fn settle<A: Attribute + Serialize + DeserializeOwned>(
    (mesh, environments): (Res<Mesh>, Res<Environments>),
    mut agents: Query<(&AgentId, &mut Request<A>)>,
    mut values: Query<&mut A>,
    mut commands: Commands,
) -> Result<(), BevyError> {
    let mut blocks: Vec<(u32, Wanted<A>)> = Vec::new();
    for (ids, mut requests) in agents.contiguous_iter_mut()? {
        merge_blocks(ids, requests.bypass_change_detection(), &mut blocks);
    }
    let mut merged: BTreeMap<u32, Wanted<A>> = BTreeMap::new();
    for (environment, wanted) in mesh.gather(blocks)?.into_iter().flatten() {
        merged.entry(environment).or_insert(Wanted::NOTHING).merge(wanted);
    }
    for (environment, wanted) in merged {
        let entity = environments.entity(EnvironmentId(environment))?;
        let mut present = false;
        if let Ok(mut value) = values.get_mut(entity) {
            present = true;
            wanted.updates.iter().for_each(|updates| value.apply(updates));
        }
        if wanted.delete {
            commands.entity(entity).remove::<A>();
        } else if let Some(value) = wanted.register.filter(|_| !present) {
            commands.entity(entity).insert(value);
        }
    }
    Ok(())
}

/// The requests of each block of agents, merged by environment; blocks follow each other.
fn merge_blocks<A: Attribute>(
    ids: &[AgentId],
    requests: &mut [Request<A>],
    merged: &mut Vec<(u32, Wanted<A>)>,
) {
    // Where in `merged` the current block has each environment.
    let mut places: Vec<Option<usize>> = Vec::new();
    let (mut current, mut first) = (u32::MAX, merged.len());
    each_in_order(ids, |row| {
        let Some((environment, edit)) = requests[row].wanted.take() else { return };
        let block = ids[row].0 / BLOCK as u32;
        if block != current {
            merged[first..].iter().for_each(|(done, _)| places[*done as usize] = None);
            (current, first) = (block, merged.len());
        }
        let number = environment.0 as usize;
        if places.len() <= number {
            places.resize(number + 1, None);
        }
        let place = *places[number].get_or_insert_with(|| {
            merged.push((environment.0, Wanted::NOTHING));
            merged.len() - 1
        });
        merged[place].1.take(ids[row], edit);
    });
}

/// Adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum(pub i64);

/// The largest value, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Max<T>(pub Option<T>);

/// The smallest value, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Min<T>(pub Option<T>);

/// The value of the agent with the smallest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First<T>(pub Option<(AgentId, T)>);

/// All values, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "T: Ord + Serialize + DeserializeOwned")]
pub struct Union<T: Ord>(pub BTreeSet<T>);

/// A value that may be merged.
trait Plain: Clone + Debug + Send + Sync + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Debug + Send + Sync + Serialize + DeserializeOwned + 'static> Plain for T {}

impl Reduction for Sum {
    fn merge(&mut self, later: &Self) {
        // Wrapping, since a sum that overflows on the way may still end in range.
        self.0 = self.0.wrapping_add(later.0);
    }
}

impl Rule for Sum {
    type Value = i64;
    fn take(&mut self, _: AgentId, value: &i64) {
        self.merge(&Self(*value));
    }
}

macro_rules! extremes {
    ($($name:ident, $better:ident);+) => {$(
        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self(None)
            }
        }

        impl<T: Ord + Plain> Reduction for $name<T> {
            fn merge(&mut self, later: &Self) {
                let both = self.0.take().into_iter().chain(later.0.clone());
                self.0 = both.$better();
            }
        }

        impl<T: Ord + Plain> Rule for $name<T> {
            type Value = T;
            fn take(&mut self, _: AgentId, value: &T) {
                self.merge(&Self(Some(value.clone())));
            }
        }
    )+};
}
extremes!(Max, max; Min, min);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Plain> Reduction for First<T> {
    fn merge(&mut self, later: &Self) {
        if self.0.is_none() {
            self.0.clone_from(&later.0);
        }
    }
}

impl<T: Plain> Rule for First<T> {
    type Value = T;
    fn take(&mut self, agent: AgentId, value: &T) {
        self.0.get_or_insert_with(|| (agent, value.clone()));
    }
}

impl<T: Ord> Default for Union<T> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<T: Ord + Plain> Reduction for Union<T> {
    fn merge(&mut self, later: &Self) {
        self.0.extend(later.0.iter().cloned());
    }
}

impl<T: Ord + Plain> Rule for Union<T> {
    type Value = T;
    fn take(&mut self, _: AgentId, value: &T) {
        self.0.insert(value.clone());
    }
}
