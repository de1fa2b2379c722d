//! What every agent shows: a value of each agent of the population, whichever world it lives in.

use bevy_ecs::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use throng_engine::{AgentId, Mesh, Phase, Pool, Population, Simulation};

use crate::rows::place_by_agent;

/// A component that others may look at.
pub trait Visible: Component + Clone + Default + Serialize + DeserializeOwned {}

impl<T: Component + Clone + Default + Serialize + DeserializeOwned> Visible for T {}

/// The value of each agent as it was when it was gathered, usually when the exchange began: by agent, for the whole population.
///
/// Every world holds all values, so this is for small ones: a million agents with 4 bytes each are 4 MB per
/// world and exchange.
#[derive(Resource, Debug)]
pub struct Shown<T: Send + Sync + 'static> {
    values: Vec<T>,
}

impl<T: Send + Sync> Shown<T> {
    /// The value of an agent.
    ///
    /// # Panics
    /// If there is no such agent.
    #[inline]
    pub fn of(&self, agent: AgentId) -> &T {
        &self.values[agent.0 as usize]
    }

    /// All values, by agent.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// The systems that gather what is shown; what looks at it runs after them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShowSystems;

/// Showing, as an extension of the simulation.
pub trait Shows {
    /// Lets everyone look at this component of everyone, through [`Shown`].
    fn shows<T: Visible>(&mut self) -> &mut Self {
        self.shows_in::<T>(Phase::Observe)
    }
    /// The same, gathered in another phase: in Settle what agents do to each other is settled.
    fn shows_in<T: Visible>(&mut self, phase: Phase) -> &mut Self;
}

impl Shows for Simulation {
    fn shows_in<T: Visible>(&mut self, phase: Phase) -> &mut Self {
        if self.get_resource::<Shown<T>>().is_some() {
            return self;
        }
        self.carries::<T>()
            .insert_resource(Shown::<T> { values: Vec::new() })
            .add_systems(phase, show::<T>.in_set(ShowSystems))
    }
}

fn show<T: Visible>(
    (pool, mesh, population): (Res<Pool>, Res<Mesh>, Res<Population>),
    mut shown: ResMut<Shown<T>>,
    agents: Query<(&AgentId, &T)>,
) -> Result<(), BevyError> {
    let range = population.range;
    let mut own = std::mem::take(&mut shown.values);
    own.clear();
    own.resize(range.len(), T::default());
    for (ids, values) in agents.contiguous_iter()? {
        place_by_agent(&pool, range, ids, values, &mut own);
    }
    let mut parts = mesh.gather(own)?;
    shown.values = if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat() };
    Ok(())
}
