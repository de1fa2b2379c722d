//! Ties that are made and cut during a run, on request of the agents.

use std::cmp::Ordering;
use std::marker::PhantomData;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::{AgentId, Mesh};

use super::{Contacts, Layer, Network, NetworkError, Ties, check_tie};
use crate::rows::each_in_order;

/// A change that an agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TieChange {
    /// A new contact; nothing happens when it is one already.
    Connect(AgentId),
    /// A contact no more; nothing happens when it is none.
    Cut(AgentId),
}

/// The changes that an agent asks for in this exchange. They are made after Update, agent by agent in order,
/// and each agent's in its own order; of changes to the same tie the last one stays.
#[derive(Component, Clone, Debug, PartialEq, Eq)]
pub struct TieRequests<L: Layer = Contacts> {
    changes: Vec<TieChange>,
    layer: PhantomData<fn() -> L>,
}

impl<L: Layer> Default for TieRequests<L> {
    fn default() -> Self {
        Self { changes: Vec::new(), layer: PhantomData }
    }
}

impl<L: Layer> TieRequests<L> {
    /// Asks for a new contact.
    pub fn connect(&mut self, contact: AgentId) {
        self.changes.push(TieChange::Connect(contact));
    }

    /// Asks for the end of a tie.
    pub fn cut(&mut self, contact: AgentId) {
        self.changes.push(TieChange::Cut(contact));
    }
}

/// The systems of Start and Settle that build and change the network.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TieSystems;

/// A cell of the network: row, contact, and whether it is to be there.
type Cell = (AgentId, AgentId, bool);

impl<L: Layer> Network<L> {
    /// Makes changes in the given order. Every world must make the same ones; each keeps its own rows.
    ///
    /// # Errors
    /// When a change names an unknown agent or joins one with itself; nothing is changed then.
    pub fn change(&mut self, changes: &[(AgentId, TieChange)]) -> Result<(), NetworkError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut cells: Vec<Cell> = Vec::with_capacity(2 * changes.len());
        for &(agent, change) in changes {
            let (contact, there) = match change {
                TieChange::Connect(contact) => (contact, true),
                TieChange::Cut(contact) => (contact, false),
            };
            check_tie(self.population, agent, contact)?;
            cells.push((agent, contact, there));
            if self.ties == Ties::Mutual {
                cells.push((contact, agent, there));
            }
        }
        let rows = self.rows.to_range();
        cells.retain(|(row, _, _)| rows.contains(&u64::from(row.0)));
        cells.sort_by_key(|(row, contact, _)| (*row, *contact));
        // A stable sort leaves changes of one cell in their order; the last of them stays.
        cells.reverse();
        cells.dedup_by_key(|(row, contact, _)| (*row, *contact));
        cells.reverse();
        self.write(&cells);
        Ok(())
    }

    /// Rewrites the rows with these cells, which ascend.
    fn write(&mut self, mut cells: &[Cell]) {
        let mut starts = Vec::with_capacity(self.starts.len());
        let mut contacts = Vec::with_capacity(self.contacts.len() + cells.len());
        for agent in self.rows.agents() {
            starts.push(contacts.len() as u64);
            let own = cells.partition_point(|(row, _, _)| *row <= agent).min(cells.len());
            let (row, later) = cells.split_at(own);
            cells = later;
            merge(self.contacts(agent), row, &mut contacts);
        }
        starts.push(contacts.len() as u64);
        (self.starts, self.contacts) = (starts, contacts);
    }
}

/// A row with its changes.
fn merge(mut row: &[AgentId], mut cells: &[Cell], merged: &mut Vec<AgentId>) {
    while let [(_, contact, there), later @ ..] = cells {
        let place = row.partition_point(|own| own < contact);
        merged.extend_from_slice(&row[..place]);
        row = &row[place..];
        if row.first().map(|own| own.cmp(contact)) == Some(Ordering::Equal) {
            row = &row[1..];
        }
        if *there {
            merged.push(*contact);
        }
        cells = later;
    }
    merged.extend_from_slice(row);
}

/// Makes the changes that agents ask for.
pub(super) fn change_ties<L: Layer>(
    mesh: Res<Mesh>,
    mut network: ResMut<Network<L>>,
    mut agents: Query<(&AgentId, &mut TieRequests<L>)>,
) -> Result<(), BevyError> {
    let mut changes = Vec::new();
    for (ids, mut requests) in agents.contiguous_iter_mut()? {
        let requests = requests.bypass_change_detection();
        each_in_order(ids, |row| {
            changes.extend(requests[row].changes.drain(..).map(|change| (ids[row], change)));
        });
    }
    network.change(&mesh.gather(changes)?.concat())?;
    Ok(())
}
