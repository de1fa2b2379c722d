//! The worlds of one run: how several ranges of a population reduce together, whatever carries the bytes.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bevy_ecs::prelude::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::reduce::Reduction;

/// Why worlds cannot reduce together.
#[derive(Debug, Error)]
pub enum MeshError {
    /// Another world has ended.
    #[error("another world of this run has ended")]
    Gone,
    /// Another world sent something else.
    #[error("another world of this run sent what cannot be read: {0}")]
    Unreadable(String),
}

/// Carries bytes between the worlds of a run. Every world makes the same calls in the same order.
pub trait Transport: Send + Sync {
    /// The place of this world; ranks own ascending ranges of agents.
    fn rank(&self) -> usize;
    /// Number of worlds.
    fn size(&self) -> usize;
    /// What every world gave, in rank order; waits for all of them.
    ///
    /// # Errors
    /// When another world has ended.
    fn allgather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, MeshError>;
    /// What every world had for this one, in rank order; `parcels` holds what this world has for each rank.
    ///
    /// A transport that can send to one world alone overrides this: here every world sees every parcel.
    ///
    /// # Errors
    /// When another world has ended.
    fn exchange(&self, parcels: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, MeshError> {
        let packed = postcard::to_allocvec(&parcels).map_err(unreadable)?;
        let own_parcel = |packed: &Vec<u8>| {
            let mut parcels: Vec<Vec<u8>> = postcard::from_bytes(packed).map_err(unreadable)?;
            let own = parcels.get_mut(self.rank()).map(std::mem::take);
            own.ok_or_else(|| MeshError::Unreadable("a parcel is missing".to_owned()))
        };
        self.allgather(packed)?.iter().map(own_parcel).collect()
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn allgather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, MeshError> {
        (**self).allgather(mine)
    }

    fn exchange(&self, parcels: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, MeshError> {
        (**self).exchange(parcels)
    }
}

/// The worlds of a run, seen from one of them.
#[derive(Resource)]
pub struct Mesh {
    /// Nothing for a run in one world.
    transport: Option<Box<dyn Transport>>,
}

impl Mesh {
    /// A run in one world.
    pub const fn alone() -> Self {
        Self { transport: None }
    }

    /// A run whose worlds are joined by this transport.
    pub fn new(transport: impl Transport + 'static) -> Self {
        Self { transport: Some(Box::new(transport)) }
    }

    /// The meshes of `size` worlds of one process, each to be played on a thread of its own.
    pub fn of_threads(size: usize) -> Vec<Self> {
        let shared = Arc::new(Shared::new(size));
        let seat = |rank| Seat { rank, size, shared: Arc::clone(&shared) };
        (0..size).map(|rank| Self::new(seat(rank))).collect()
    }

    /// The place of this world.
    pub fn rank(&self) -> usize {
        self.transport.as_ref().map_or(0, |transport| transport.rank())
    }

    /// Number of worlds.
    pub fn size(&self) -> usize {
        self.transport.as_ref().map_or(1, |transport| transport.size())
    }

    /// What every world gave, in rank order.
    ///
    /// # Errors
    /// When another world has ended, or sent something else.
    pub fn gather<T: Serialize + DeserializeOwned>(&self, mine: T) -> Result<Vec<T>, MeshError> {
        let Some(transport) = &self.transport else { return Ok(vec![mine]) };
        let bytes = postcard::to_allocvec(&mine).map_err(unreadable)?;
        let all = transport.allgather(bytes)?;
        all.iter().map(|bytes| postcard::from_bytes(bytes).map_err(unreadable)).collect()
    }

    /// What every world had for this one, in rank order; `parcels` holds what this world has for each rank.
    ///
    /// # Errors
    /// As [`Self::gather`].
    ///
    /// # Panics
    /// If there is not one parcel for each world.
    pub fn exchange<T: Serialize + DeserializeOwned>(
        &self,
        parcels: Vec<T>,
    ) -> Result<Vec<T>, MeshError> {
        assert_eq!(parcels.len(), self.size(), "every world gets one parcel");
        let Some(transport) = &self.transport else { return Ok(parcels) };
        let bytes: Result<Vec<_>, _> = parcels
            .iter()
            .map(|parcel| postcard::to_allocvec(parcel).map_err(unreadable))
            .collect();
        let all = transport.exchange(bytes?)?;
        all.iter().map(|bytes| postcard::from_bytes(bytes).map_err(unreadable)).collect()
    }

    /// The merge of every world's partial, in rank order.
    ///
    /// # Errors
    /// As [`Self::gather`].
    pub fn total<R: Reduction + Serialize + DeserializeOwned>(
        &self,
        mine: R,
    ) -> Result<R, MeshError> {
        let mut parts = self.gather(mine)?.into_iter();
        let mut total = parts.next().ok_or(MeshError::Gone)?;
        parts.for_each(|part| total.merge(&part));
        Ok(total)
    }
}

fn unreadable(error: postcard::Error) -> MeshError {
    MeshError::Unreadable(error.to_string())
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh").field("rank", &self.rank()).field("size", &self.size()).finish()
    }
}

/// A place in a mesh of threads.
struct Seat {
    rank: usize,
    size: usize,
    shared: Arc<Shared>,
}

/// A table on which the worlds of one process lay their bytes down.
struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
}

struct Table {
    given: Vec<Option<Vec<Vec<u8>>>>,
    /// What all gave last time, until the next exchange is complete.
    complete: Arc<Vec<Vec<Vec<u8>>>>,
    exchanges: u64,
    gone: bool,
}

impl Shared {
    fn new(size: usize) -> Self {
        let given = (0..size).map(|_| None).collect();
        let table = Table { given, complete: Arc::default(), exchanges: 0, gone: false };
        Self { table: Mutex::new(table), changed: Condvar::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A world that panicked has left; its seat says so when it is dropped.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Seat {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn allgather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, MeshError> {
        let all = self.lay_down(vec![mine])?;
        Ok(all.iter().map(|given| given[0].clone()).collect())
    }

    fn exchange(&self, parcels: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, MeshError> {
        let all = self.lay_down(parcels)?;
        Ok(all.iter().map(|given| given[self.rank].clone()).collect())
    }
}

impl Seat {
    /// Gives parcels and waits until all worlds have; returns what each gave.
    fn lay_down(&self, mine: Vec<Vec<u8>>) -> Result<Arc<Vec<Vec<Vec<u8>>>>, MeshError> {
        let mut table = self.shared.table();
        let exchange = table.exchanges;
        table.given[self.rank] = Some(mine);
        if table.given.iter().all(Option::is_some) {
            table.complete = Arc::new(table.given.iter_mut().filter_map(Option::take).collect());
            table.exchanges += 1;
            self.shared.changed.notify_all();
        }
        while table.exchanges == exchange {
            if table.gone {
                return Err(MeshError::Gone);
            }
            table = self.shared.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(Arc::clone(&table.complete))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.table().gone = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decimal;
    use crate::reduce::Moments;

    fn moments(units: i32) -> Moments {
        let mut moments = Moments::default();
        moments.add(Decimal::from_units(units));
        moments
    }

    #[test]
    fn every_world_gets_everything_in_rank_order() {
        std::thread::scope(|scope| {
            for mesh in Mesh::of_threads(3) {
                scope.spawn(move || {
                    for round in 0..200 {
                        let all = mesh.gather(mesh.rank() as u32 + round).unwrap();
                        assert_eq!(all, [round, round + 1, round + 2]);
                    }
                });
            }
        });
    }

    #[test]
    fn totals_are_merged_over_worlds() {
        std::thread::scope(|scope| {
            for mesh in Mesh::of_threads(2) {
                scope.spawn(move || {
                    let total = mesh.total(moments(10 * (mesh.rank() as i32 + 1))).unwrap();
                    assert_eq!((total.n(), total.sum_units()), (2, 30));
                });
            }
        });
        assert_eq!(Mesh::alone().total(moments(7)).unwrap(), moments(7));
    }

    #[test]
    fn every_world_gets_its_own_parcels_in_rank_order() {
        std::thread::scope(|scope| {
            for mesh in Mesh::of_threads(3) {
                scope.spawn(move || {
                    let rank = mesh.rank();
                    let got = mesh.exchange((0..3).map(|to| (rank, to)).collect()).unwrap();
                    assert_eq!(got, [(0, rank), (1, rank), (2, rank)]);
                });
            }
        });
        assert_eq!(Mesh::alone().exchange(vec![7]).unwrap(), [7]);
    }

    /// A transport that only gathers.
    struct Gathering(Seat);

    impl Transport for Gathering {
        fn rank(&self) -> usize {
            self.0.rank()
        }
        fn size(&self) -> usize {
            self.0.size()
        }
        fn allgather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, MeshError> {
            self.0.allgather(mine)
        }
    }

    #[test]
    fn a_transport_that_only_gathers_exchanges_too() {
        let shared = Arc::new(Shared::new(2));
        std::thread::scope(|scope| {
            for rank in 0..2 {
                let seat = Seat { rank, size: 2, shared: Arc::clone(&shared) };
                scope.spawn(move || {
                    let mesh = Mesh::new(Gathering(seat));
                    let got = mesh.exchange(vec![(rank, 0), (rank, 1)]).unwrap();
                    assert_eq!(got, [(0, rank), (1, rank)]);
                });
            }
        });
    }

    #[test]
    fn a_world_that_ends_does_not_leave_the_others_waiting() {
        let mut meshes = Mesh::of_threads(2);
        let stays = meshes.remove(0);
        std::thread::scope(|scope| {
            let waits = scope.spawn(move || stays.gather(1_u8));
            drop(meshes);
            assert!(matches!(waits.join().unwrap(), Err(MeshError::Gone)));
        });
    }
}
