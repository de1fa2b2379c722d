//! Why a command failed, as a message with a cause per line and a hint.

use std::io;

use thiserror::Error;
use throng_data::Fault;
use throng_llm_bridge::StartError;
use throng_llm_bridge::service::ServiceError;
use throng_population::generate::Stop;
use throng_shard::ShardError;
use throng_systems::TemplateError;
use throng_systems::engine::EngineError;

use super::exit::Exit;
use super::output::note;
use crate::config::{ConfigError, Refused, ResolveError};
use crate::play::PlayError;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// An argument makes no sense.
    #[error("{0}")]
    Arguments(String),
    /// The scenario or an invariant of the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A prompt.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A run directory.
    #[error(transparent)]
    Data(#[from] throng_data::Error),
    /// A population that cannot be made or written.
    #[error(transparent)]
    Population(#[from] throng_population::Error),
    /// The results could not be written.
    #[error("the results cannot be written: {0}")]
    Output(io::Error),
    /// A thread of the run ended without a word.
    #[error("a thread that plays a part of the population has ended unexpectedly")]
    WorldLost,
    /// The bridge to the models cannot start.
    #[error(transparent)]
    Bridge(StartError),
    /// A model's server cannot be called.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The other hosts of a run, or what joins them.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A run that is played in another way.
    #[error(transparent)]
    NotOfHosts(PlayError),
    /// A committed round does not come out the same.
    #[error(transparent)]
    Diverged(PlayError),
    /// An interview that was not held to its end.
    #[error(transparent)]
    Interview(PlayError),
    /// A fork that died while it was made.
    #[error(transparent)]
    HalfForked(PlayError),
    /// No endpoint of a model answers.
    #[error(transparent)]
    Unreachable(PlayError),
    /// The pictures could not be written.
    #[error("the pictures cannot be written: {0}")]
    Pictures(io::Error),
    /// Signals cannot be received.
    #[error("Ctrl-C cannot be caught: {0}")]
    Signal(#[from] ctrlc::Error),
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Config(error) => Self::Config(error),
            ResolveError::Scenario(error) => Self::Engine(error),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Config(error) => Self::Config(error),
            Refused::System(error) => Self::Population(error),
        }
    }
}

impl From<PlayError> for Failure {
    fn from(error: PlayError) -> Self {
        match error {
            PlayError::Engine(error) => Self::Engine(error),
            PlayError::Data(error) => Self::Data(error),
            PlayError::Population(error) => Self::Population(error),
            PlayError::WorldLost => Self::WorldLost,
            PlayError::Bridge(error) => Self::Bridge(error),
            PlayError::Service(error) => Self::Service(error),
            PlayError::Shard(error) => Self::Shard(error),
            PlayError::NotOfHosts { .. } => Self::NotOfHosts(error),
            PlayError::Selection { .. } | PlayError::Interviewee(_) => {
                Self::Arguments(error.to_string())
            }
            PlayError::Diverged { .. } => Self::Diverged(error),
            PlayError::Interview(_) => Self::Interview(error),
            PlayError::HalfForked { .. } => Self::HalfForked(error),
            PlayError::Unreachable { .. } => Self::Unreachable(error),
        }
    }
}

impl Failure {
    /// Tells the user, and says with which code to end.
    pub(super) fn tell(&self) -> Exit {
        match self {
            Self::Config(error) => note(&error.styled()),
            failure => {
                note(&format!("error: {failure}"));
                if let Some(hint) = failure.hint() {
                    note(&format!("  = help: {hint}"));
                }
            }
        }
        self.exit()
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Data(error) => error.hint(),
            Self::HalfForked(_) => {
                Some("remove its folder and fork again; nothing was paid for it")
            }
            Self::Engine(EngineError::Settings(_)) | Self::Config(_) => None,
            Self::Population(throng_population::Error::Stopped { stop, .. }) => Some(match stop {
                Stop::Budget => {
                    "every answer is kept; the same command with a larger budget goes on"
                }
                Stop::Interrupted | Stop::Broken(_) => {
                    "every answer is kept; the same command goes on"
                }
                Stop::Failures { .. } => {
                    "every answer is kept; raise attempts_max or failed_max of [generate], or take another model"
                }
            }),
            Self::Unreachable(_) => {
                Some("start the server or correct its address; nothing was written")
            }
            Self::Engine(_) => Some(
                "no round was lost, and `throng resume` goes on; unless the disk is full or gone, this is a fault of the \
                      scenario or of Throng",
            ),
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Arguments(_)
            | Self::Engine(EngineError::Settings(_))
            | Self::Bridge(StartError::Config(_))
            | Self::NotOfHosts(_)
            | Self::Service(ServiceError::Config(_)) => Exit::Usage,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Shard(error) if error.is_of_settings() => Exit::Usage,
            Self::Population(throng_population::Error::Stopped { stop, .. }) => match stop {
                Stop::Budget => Exit::OutOfBudget,
                Stop::Interrupted => Exit::Interrupted,
                Stop::Failures { .. } => Exit::TooManyFailures,
                Stop::Broken(_) => Exit::Failed,
            },
            Self::Data(error) if error.fault() == Fault::Settings => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}
