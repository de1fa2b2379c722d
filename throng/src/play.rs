//! Playing a run: what it takes, what it tells while it goes, and how it ends.

mod columns;
mod origin;
mod people;
mod rounds;
mod worlds;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use thiserror::Error;
use throng_systems::engine::EngineError;
use throng_systems::engine::record::Table;
use throng_systems::{Cast, Prepared, Scenario};

use crate::config::ResolvedConfig;
pub use crate::population::RunPeople;

pub use rounds::play;

/// Everything that a run is made of.
#[derive(Debug)]
pub struct Plan {
    /// What decides the results.
    pub config: ResolvedConfig,
    /// The scenario.
    pub scenario: Scenario,
    /// Its settings.
    pub prepared: Prepared,
    /// Who plays.
    pub cast: Cast,
    /// The people, where the run has a population of its own.
    pub people: Option<Arc<RunPeople>>,
    /// The name of the run's directory.
    pub run_id: String,
    /// The folder in which it is made.
    pub out: PathBuf,
    /// Compute threads; 0 takes one per core.
    pub threads: usize,
    /// Worlds that play the run together.
    pub shards: usize,
}

/// A run that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHead {
    /// The run's name.
    pub run_id: String,
    /// Its directory.
    pub directory: PathBuf,
    /// The scenario.
    pub scenario: String,
    /// Number of agents.
    pub agents: u64,
    /// Number of rounds.
    pub rounds: u32,
}

/// A round that was played. It is written and committed while the next one is played.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundReport {
    /// The round, from 1.
    pub round: u32,
    /// Rounds of the run.
    pub rounds: u32,
    /// A row for each group; "all" is everyone.
    pub summary: Table,
    /// How long the round took.
    pub seconds: f64,
    /// Agents of the round by its seconds.
    pub agents_per_second: f64,
    /// Model calls.
    pub calls: u64,
    /// Tokens sent and received.
    pub tokens: u64,
    /// Price of the calls, in the currency of the configuration.
    pub cost: f64,
}

/// How a run ended; all but the first can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// All rounds are committed.
    Done,
    /// It was asked to stop.
    Interrupted,
    /// More replies failed than allowed.
    TooManyFailures,
    /// A budget is used up.
    OutOfBudget,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::TooManyFailures => "too_many_failures",
            Self::OutOfBudget => "out_of_budget",
        })
    }
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// How it ended.
    pub status: RunStatus,
    /// Rounds that are committed.
    pub rounds_committed: u32,
    /// The run's directory.
    pub directory: PathBuf,
    /// Digest of the state after the last committed round.
    pub state_hash: String,
    /// How long it took.
    pub seconds: f64,
}

/// Sees a run go by.
pub trait Watch: Send {
    /// The run begins.
    fn started(&mut self, run: &RunHead);
    /// A round was played.
    fn round(&mut self, round: &RoundReport);
    /// The run has ended.
    fn finished(&mut self, end: &RunEnd);
}

/// Why a run failed.
#[derive(Debug, Error)]
pub enum PlayError {
    /// The scenario or an invariant of the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The run directory.
    #[error(transparent)]
    Data(#[from] throng_data::Error),
    /// The people of the run cannot be made.
    #[error(transparent)]
    Population(#[from] throng_population::Error),
    /// A thread that played a part of the population ended without a word.
    #[error("a thread that plays a part of the population has ended unexpectedly")]
    WorldLost,
}

/// Who asked a run to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StopReason {
    /// Ctrl-C, or a signal to end.
    Interrupted = 1,
    /// Nobody reads the results any more.
    ReaderGone = 2,
}

/// A request to stop after the round being played; clones are one flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    reason: Arc<AtomicU8>,
}

impl StopFlag {
    /// Asks for a stop; the first reason stays. Whether this was the first request.
    pub fn request(&self, reason: StopReason) -> bool {
        let order = Ordering::SeqCst;
        self.reason.compare_exchange(0, reason as u8, order, order).is_ok()
    }

    /// Whether a stop was asked for.
    pub fn is_set(&self) -> bool {
        self.reason().is_some()
    }

    /// Who asked for a stop first.
    pub fn reason(&self) -> Option<StopReason> {
        match self.reason.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(StopReason::Interrupted),
            _ => Some(StopReason::ReaderGone),
        }
    }
}
