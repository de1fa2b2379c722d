//! Which model answers for an agent.

use bevy_ecs::prelude::*;

/// The place in [`ModelTable`] of the model that answers for an agent.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelRef(pub u16);

/// The names of a run's models, in the order of its configuration.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTable {
    /// Names, unique within a run.
    pub names: Vec<String>,
}

impl ModelTable {
    /// The name of a model.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn name(&self, model: ModelRef) -> &str {
        &self.names[usize::from(model.0)]
    }

    /// Models in order.
    pub fn refs(&self) -> impl ExactSizeIterator<Item = ModelRef> + use<> {
        (0..self.names.len()).map(|index| ModelRef(index as u16))
    }
}
