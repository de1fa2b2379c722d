//! The manifest: what a run is, and a summary of how far it has come.

use crate::commit::CommitRecord;
use crate::durable::replace;
use crate::error::{Error, Result};
use crate::layout::{MANIFEST, TMP};
use crate::{SCHEMA_VERSION, json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Largest manifest that is read.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// The file `manifest.json`. The commit records are the truth; this is what they are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub schema_version: u32,
    /// The run.
    pub run_id: String,
    /// Where it stands, as far as the process that plays it could say.
    pub status: RunStatus,
    /// When it was created, ISO 8601 in UTC.
    pub created: String,
    /// When this file was written, ISO 8601 in UTC.
    pub updated: String,
    /// SHA-256 of `run.toml`.
    pub config_sha256: String,
    /// What made it.
    pub origin: Origin,
    /// How far it has come.
    pub commits: CommitSummary,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// A process plays it, or died while it did.
    Running,
    /// All rounds are committed.
    Done,
    /// It cannot go on as it is.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// A budget stopped it.
    OutOfBudget,
    /// More replies failed than allowed.
    TooManyFailures,
}

/// Everything that decides what a run's tables hold. Never a key, never a host's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Version of the engine.
    pub engine_version: String,
    /// Revision of the source, where known.
    pub git_revision: Option<String>,
    /// SHA-256 of the lock file of dependencies, where known.
    pub lock_sha256: Option<String>,
    /// The scenario.
    pub scenario: String,
    /// The scenario's version.
    pub scenario_version: String,
    /// The run's seed.
    pub seed: u64,
    /// Agents.
    pub agents: u64,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// The models by name.
    #[serde(default)]
    pub models: BTreeMap<String, ModelOrigin>,
    /// SHA-256 of all prompt templates.
    pub prompts_sha256: Option<String>,
    /// SHA-256 of the population's description.
    pub population_sha256: Option<String>,
    /// The run this one was forked from.
    pub parent: Option<Parent>,
    /// The column of `agents` that the reductions in `rounds` are about.
    pub answer: Option<AnswerColumn>,
}

/// A model as far as it decides what is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelOrigin {
    /// Its kind: `openai`, `policy`, `replay`.
    pub kind: String,
    /// SHA-256 of its name, version and parameters.
    pub fingerprint: String,
}

/// The run and round that a fork began from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// The run.
    pub run_id: String,
    /// Its last round that both share.
    pub round: u32,
    /// What was set anew, as it was typed; nothing where the fork is the same run again.
    #[serde(default)]
    pub change: Vec<String>,
}

/// A numeric column of `agents`, and how closely reductions of it can be re-derived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerColumn {
    /// The column's name.
    pub column: String,
    /// The stated error of the engine's quantiles; 0 where they are exact.
    #[serde(default)]
    pub quantile_error: f64,
}

/// How far a run has come; `throng verify` compares it with the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitSummary {
    /// The last committed round; 0 is the population, `None` is nothing yet.
    pub last_round: Option<u32>,
    /// Files of all committed rounds.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Hash of the state after the last round.
    pub state_hash: Option<String>,
}

impl CommitSummary {
    /// Adds the next round.
    pub fn add(&mut self, record: &CommitRecord) {
        self.last_round = Some(record.round);
        self.state_hash.clone_from(&record.state_hash);
        for file in &record.files {
            self.files += 1;
            // A record from disk may claim anything; `throng verify` finds out.
            self.rows = self.rows.saturating_add(file.rows);
            self.bytes = self.bytes.saturating_add(file.bytes);
        }
    }
}

impl Manifest {
    /// Reads the manifest of a run.
    ///
    /// # Errors
    /// [`Error::NotARun`] where there is none, [`Error::Corrupt`] where it is not a valid one.
    pub(crate) fn read(run: &Path) -> Result<Self> {
        let path = run.join(MANIFEST);
        if !path.is_file() {
            let problem = format!("it has no `{MANIFEST}`");
            return Err(Error::NotARun { path: run.to_owned(), problem });
        }
        json::read::<Self>(&path, MANIFEST_BYTES_MAX)?.of_this_version(&path)
    }

    /// The manifest, unless another version of the program wrote it.
    pub(crate) fn of_this_version(self, path: &Path) -> Result<Self> {
        if self.schema_version == SCHEMA_VERSION {
            return Ok(self);
        }
        let found = self.schema_version;
        let problem = format!("it has version {found}, this program knows {SCHEMA_VERSION}");
        Err(Error::corrupt(path, problem))
    }

    /// Replaces the manifest of a run in one instant.
    pub(crate) fn write(&self, run: &Path) -> Result<()> {
        replace(&run.join(TMP), &run.join(MANIFEST), &json::pretty(self))
    }
}
