//! What agents hear from their contacts: a tally of the values that these showed last.

use bevy_ecs::prelude::*;
use throng_engine::{AgentId, Phase, Pool, Simulation};

use super::Network;
use crate::{ShowSystems, Shown, Shows, shown::Visible};

/// A value that is heard by those who have its agent as a contact.
pub trait Audible: Visible {
    /// What a listener makes of all it hears: counts and sums.
    type Tally: Default + Clone + Send + Sync + 'static;

    /// Adds this contact's value to the tally of a listener whose own value is `own`. Contacts come in
    /// ascending order, so that even sums of floating-point numbers are the same everywhere.
    fn tally(&self, own: &Self, tally: &mut Self::Tally);
}

/// What an agent heard in this exchange: values as they were before it.
#[derive(Component, Clone, Debug, Default)]
pub struct Heard<T: Audible> {
    /// Contacts heard.
    pub contacts: u32,
    /// What the listener made of them.
    pub tally: T::Tally,
}

/// The systems of Observe in which agents hear.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HearSystems;

/// Hearing, as an extension of the simulation.
pub trait Hears {
    /// Lets every agent hear what its contacts in the [`Network`] show.
    fn hears<T: Audible>(&mut self) -> &mut Self;
}

impl Hears for Simulation {
    fn hears<T: Audible>(&mut self) -> &mut Self {
        self.shows::<T>()
            .carries::<Heard<T>>()
            .add_systems(Phase::Observe, hear::<T>.in_set(HearSystems).after(ShowSystems))
    }
}

fn hear<T: Audible>(
    (pool, network, shown): (Res<Pool>, Res<Network>, Res<Shown<T>>),
    mut agents: Query<(&AgentId, &mut Heard<T>)>,
) -> Result<(), BevyError> {
    for (ids, mut heard) in agents.contiguous_iter_mut()? {
        pool.chunks((ids, heard.bypass_change_detection()), |(ids, heard)| {
            for (agent, heard) in ids.iter().zip(heard) {
                let contacts = network.contacts(*agent);
                let own = shown.of(*agent);
                let mut tally = T::Tally::default();
                contacts.iter().for_each(|contact| shown.of(*contact).tally(own, &mut tally));
                *heard = Heard { contacts: contacts.len() as u32, tally };
            }
        });
    }
    Ok(())
}
