//! What agents hear from their contacts: a tally of the values that these showed last.

use std::marker::PhantomData;

use bevy_ecs::prelude::*;
use throng_engine::{AgentId, Phase, Pool, Simulation};

use super::{Contacts, Layer, Network};
use crate::{ShowSystems, Shown, Shows, shown::Visible};

/// A value that is heard by those who have its agent as a contact.
pub trait Audible: Visible {
    /// What a listener makes of all it hears: counts and sums.
    type Tally: Default + Clone + Send + Sync + 'static;

    /// Adds this contact's value to the tally of a listener whose own value is `own`. Contacts come in
    /// ascending order, so that even sums of floating-point numbers are the same everywhere.
    fn tally(&self, own: &Self, tally: &mut Self::Tally);
}

/// What an agent heard in this exchange from its contacts in a network: values as they were before it.
#[derive(Component, Clone, Debug)]
pub struct Heard<T: Audible, L: Layer = Contacts> {
    /// Contacts heard.
    pub contacts: u32,
    /// What the listener made of them.
    pub tally: T::Tally,
    layer: PhantomData<fn() -> L>,
}

impl<T: Audible, L: Layer> Default for Heard<T, L> {
    fn default() -> Self {
        Self { contacts: 0, tally: T::Tally::default(), layer: PhantomData }
    }
}

/// The systems of Observe in which agents hear.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HearSystems;

/// Hearing, as an extension of the simulation.
pub trait Hears {
    /// Lets every agent hear what its contacts in the [`Network`] show.
    fn hears<T: Audible>(&mut self) -> &mut Self {
        self.hears_in::<T, Contacts>()
    }
    /// The same, in one of several networks.
    fn hears_in<T: Audible, L: Layer>(&mut self) -> &mut Self;
}

impl Hears for Simulation {
    fn hears_in<T: Audible, L: Layer>(&mut self) -> &mut Self {
        self.shows::<T>()
            .carries::<Heard<T, L>>()
            .add_systems(Phase::Observe, hear::<T, L>.in_set(HearSystems).after(ShowSystems))
    }
}

fn hear<T: Audible, L: Layer>(
    (pool, network, shown): (Res<Pool>, Res<Network<L>>, Res<Shown<T>>),
    mut agents: Query<(&AgentId, &mut Heard<T, L>)>,
) -> Result<(), BevyError> {
    for (ids, mut heard) in agents.contiguous_iter_mut()? {
        pool.chunks((ids, heard.bypass_change_detection()), |(ids, heard)| {
            for (agent, heard) in ids.iter().zip(heard) {
                let contacts = network.contacts(*agent);
                let own = shown.of(*agent);
                let mut tally = T::Tally::default();
                contacts.iter().for_each(|contact| shown.of(*contact).tally(own, &mut tally));
                (heard.contacts, heard.tally) = (contacts.len() as u32, tally);
            }
        });
    }
    Ok(())
}
