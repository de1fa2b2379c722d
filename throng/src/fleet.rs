//! Hosts that wait for runs, and whoever gives them one.

mod daemon;
mod job;
mod launch;

use serde::{Deserialize, Serialize};

pub(crate) use daemon::{Daemon, serve};
pub(crate) use launch::{Launch, Launched};

/// What programs must have in common to play one run: version and processor family.
pub(crate) fn program() -> String {
    format!("throng {} ({})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
}

/// What a controller wants of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    /// To play its share of a run, and to tell how it goes; a run that it plays already is only told of.
    Play(Share),
    /// To leave the run of this name at the end of the round.
    Leave(String),
}

/// A host's share of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    /// As of [`program`].
    pub(crate) program: String,
    /// The run's name.
    pub(crate) run_id: String,
    /// The folder in which it was typed, which all hosts see.
    pub(crate) folder: String,
    /// What is played, as typed behind `throng node`.
    pub(crate) arguments: Vec<String>,
    /// The port on which hosts of the run meet.
    pub(crate) port: u16,
    /// Hosts of the run as `HOST:PORT`.
    pub(crate) seeds: Vec<String>,
    /// Fewest hosts that play.
    pub(crate) min: usize,
    /// Milliseconds for which a host may be silent.
    pub(crate) patience_ms: u64,
}

/// What a host tells of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// It does not play it.
    Refused(String),
    /// An object of the run.
    Line(String),
    /// A remark.
    Note(String),
    /// Its share has ended, with this code.
    Ended(u8),
}

/// A message as bytes.
fn text(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have only names for keys")
}
