//! What joins the worlds of a generation, and remembers whether it broke: then no error is this host's fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use throng_shard::{Seat, ShardError, TimelyMesh};
use throng_systems::engine::{MeshError, Transport};

use crate::play::PlayError;

/// Whether a line has broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(Arc<AtomicBool>);

impl Broken {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A mesh that is shared by a world and by whoever plays it.
pub(super) struct Line {
    mesh: TimelyMesh,
    broken: Broken,
}

/// Takes the mesh of a seat.
pub(super) fn of(seat: &mut Seat) -> Result<(Arc<Line>, Broken), PlayError> {
    let mesh = seat.take_mesh().ok_or(ShardError::Gone)?;
    let broken = Broken::default();
    Ok((Arc::new(Line { mesh, broken: broken.clone() }), broken))
}

impl Line {
    fn note<A>(&self, outcome: Result<A, MeshError>) -> Result<A, MeshError> {
        if outcome.is_err() {
            self.broken.0.store(true, Ordering::SeqCst);
        }
        outcome
    }
}

impl Transport for Line {
    fn rank(&self) -> usize {
        self.mesh.rank()
    }

    fn size(&self) -> usize {
        self.mesh.size()
    }

    fn allgather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, MeshError> {
        self.note(self.mesh.allgather(mine))
    }

    fn exchange(&self, parcels: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, MeshError> {
        self.note(self.mesh.exchange(parcels))
    }
}
