//! Playing a run: what it takes, what it tells while it goes, and how it ends.

mod accounts;
mod again;
mod ahead;
mod asked;
mod columns;
mod events;
mod fork;
mod hosts;
mod interview;
mod kept;
mod origin;
mod past;
mod people;
mod rounds;
mod store;
mod way;
mod worlds;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use thiserror::Error;
use throng_llm_bridge::Bridge;
use throng_llm_bridge::exchange::Snapshot;
use throng_llm_bridge::forecast::Forecast;
use throng_systems::engine::EngineError;
use throng_systems::engine::record::Table;
use throng_systems::{Cast, Prepared, Scenario};

use crate::config::{BridgeTable, Change, ResolvedConfig};
pub use crate::population::RunPeople;

pub use again::{replay, resume};
pub use fork::fork;
pub use hosts::play_on_hosts;
pub use interview::{INTERVIEWED_MAX, Interview, Interviewed, interview};
pub use rounds::play;
pub use store::JournalStore;
pub(crate) use way::{Sentry, knock};

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
    /// What changes at the beginning of which round, in this order.
    pub changes: Vec<Change>,
    /// The name of the run's directory.
    pub run_id: String,
    /// The folder in which it is made.
    pub out: PathBuf,
    /// Compute threads; 0 takes one per core.
    pub threads: usize,
    /// Worlds that play the run together.
    pub shards: usize,
    /// How the models' servers are called.
    pub bridge: BridgeTable,
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
    /// What the calls of the whole run will take, by those so far; none where no model was called.
    pub forecast: Option<Forecast>,
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

/// The model calls under way, as they go.
#[derive(Clone, Debug)]
pub struct Live {
    bridge: Arc<Bridge>,
    asks: u64,
}

impl Live {
    pub(crate) fn new(bridge: Arc<Bridge>, asks: u64) -> Self {
        Self { bridge, asks }
    }

    /// The counts now.
    pub fn counts(&self) -> Snapshot {
        self.bridge.live()
    }

    /// Agents whose model answers in words.
    pub fn asks(&self) -> u64 {
        self.asks
    }
}

/// Sees a run go by.
pub trait Watch: Send {
    /// The run begins.
    fn started(&mut self, run: &RunHead);
    /// Models in words will be asked.
    fn asking(&mut self, _: Live) {}
    /// Something that the user should know, in a sentence.
    fn notice(&mut self, text: &str);
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
    /// The bridge to the models cannot start.
    #[error(transparent)]
    Bridge(#[from] throng_llm_bridge::StartError),
    /// The endpoints cannot even be asked whether they are there.
    #[error(transparent)]
    Service(#[from] throng_llm_bridge::service::ServiceError),
    /// No endpoint of a model answers.
    #[error("no endpoint of the model `{model}` can be reached:\n{}", .problems.join("\n"))]
    Unreachable {
        /// The model.
        model: String,
        /// What is wrong with each endpoint, with its address.
        problems: Vec<String>,
    },
    /// A committed round does not come out the same when it is played again.
    #[error("round {round} does not come out as it was committed")]
    Diverged {
        /// The round.
        round: u32,
    },
    /// The other hosts of the run, or what joins them.
    #[error(transparent)]
    Shard(#[from] throng_shard::ShardError),
    /// A run that one process plays.
    #[error("{} is played by one process: go on with `throng resume`", .directory.display())]
    NotOfHosts {
        /// The run's directory.
        directory: PathBuf,
    },
    /// A fork whose shared rounds were not copied to the end.
    #[error(
        "the fork was never finished being made: it has {committed} of the {shared} rounds that it shares"
    )]
    HalfForked {
        /// Rounds that it has.
        committed: u32,
        /// Rounds that it shares with its parent.
        shared: u32,
    },
    /// An interview that cannot be held.
    #[error("the interview: {0}")]
    Interview(String),
    /// An interview that has to be asked for in another way.
    #[error("the interview: {0}")]
    Interviewee(String),
    /// An intervention that is about nobody.
    #[error("the intervention of round {round} is about nobody: `{selector}`: {reason}")]
    Selection {
        /// The round.
        round: u32,
        /// The selection.
        selector: String,
        /// Why it is empty.
        reason: String,
    },
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
