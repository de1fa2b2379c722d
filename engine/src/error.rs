//! What can go wrong in a run of the engine, by who can mend it.

use thiserror::Error;

use crate::Phase;
use crate::check::Invariant;

/// Why a simulation cannot be built or a round cannot be finished.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The settings: a population or a range that cannot exist.
    #[error("{0}")]
    Settings(String),
    /// The scenario: its systems cannot be scheduled.
    #[error("the systems of phase {phase:?} cannot be ordered:\n{reason}")]
    Schedule {
        /// The phase concerned.
        phase: Phase,
        /// The ECS's own report, with the names of the systems.
        reason: String,
    },
    /// A system returned an error or panicked.
    #[error("round {round}, phase {phase:?}: {reason}")]
    System {
        /// The round that was being played; 0 before the first.
        round: u32,
        /// The phase concerned.
        phase: Phase,
        /// The system's name and what it said.
        reason: String,
    },
    /// A bug, here or in the scenario: something that must always hold does not.
    #[error("invariant {invariant:?} does not hold ({}): {detail}", invariant.sentence())]
    Invariant {
        /// The invariant concerned.
        invariant: Invariant,
        /// What was seen.
        detail: String,
    },
}
