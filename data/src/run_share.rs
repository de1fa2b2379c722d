//! A run directory that several hosts write: each its part of a round, and one of them the record.

use crate::SCHEMA_VERSION;
use crate::commit::{Accounting, CallTotals, CommitRecord, FileRecord};
use crate::digest::sha256_of_config;
use crate::durable::{ensure_folder, sync_folder};
use crate::error::{Error, Result};
use crate::layout::{HOSTS, MANIFEST, RunId, TMP};
use crate::lock::RunLock;
use crate::manifest::{CommitSummary, RunStatus};
use crate::out_folder::prepare_out;
use crate::run_read::RunDir;
use crate::run_write::{NewRun, RoundOutput, WritableRun};
use crate::schema::TableSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What one host has written of a round: durable, in its place, and not part of the run yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundPart {
    /// Its files.
    pub files: Vec<FileRecord>,
    /// The schemas of all tables in them.
    pub schemas: Vec<TableSchema>,
    /// What became of the questions of its agents.
    pub accounting: Accounting,
    /// What its model calls took.
    pub calls: Option<CallTotals>,
}

/// What all parts of a round have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundWhole {
    /// The round.
    pub round: u32,
    /// The generation of hosts that played it.
    pub generation: u64,
    /// Hash of the state after the round, lower-case hex.
    pub state_hash: Option<String>,
    /// How long the round took.
    pub wall_us: Option<u64>,
}

/// The folder in which hosts that play the run `id` of `out` agree; it is created where it is missing.
///
/// # Errors
/// [`Error::OutFolder`] where `out` cannot be used, [`Error::Io`].
pub fn hosts_folder(out: &Path, id: &RunId) -> Result<PathBuf> {
    let run = prepare_out(out)?.join(id.as_str());
    for folder in [run.clone(), run.join(HOSTS)] {
        ensure_folder(&folder)?;
    }
    Ok(run.join(HOSTS))
}

impl RunDir {
    /// Whether hosts play this run together; then nobody else goes on with it.
    pub fn is_of_hosts(&self) -> bool {
        self.path().join(HOSTS).is_dir()
    }
}

impl WritableRun {
    /// Makes the folder of a run that hosts play a run directory, unless it is one. One host does this while the
    /// others wait.
    ///
    /// # Errors
    /// [`Error::Locked`] where a process that plays alone has it, [`Error::Io`].
    pub fn create_shared(out: &Path, id: &RunId, new: NewRun) -> Result<()> {
        let out = prepare_out(out)?;
        let path = out.join(id.as_str());
        ensure_folder(&path)?;
        if path.join(MANIFEST).is_file() {
            return Ok(());
        }
        let lock = RunLock::share(&path)?;
        Self::fill(path, id.clone(), new.config_toml, new.origin, lock).map(|_| ())
    }

    /// Opens a run of hosts to write the part of these agents, under the configuration with this text.
    ///
    /// # Errors
    /// [`Error::Locked`] where a process that plays alone has it, [`Error::Corrupt`] where a record or the manifest
    /// cannot be read or the configuration is another one.
    pub fn join(path: &Path, config_toml: &str, agents: Range<u64>) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let lock = RunLock::share(path)?;
        let manifest = dir.manifest()?;
        if manifest.config_sha256 != sha256_of_config(config_toml.as_bytes()) {
            let problem = "it is of a run with another configuration";
            return Err(Error::corrupt(&path.join(MANIFEST), problem));
        }
        let records = dir.commits()?;
        let mut run = Self::new(dir.path().to_owned(), manifest, lock);
        run.schemas = dir.schemas()?;
        run.manifest.commits = CommitSummary::default();
        records.iter().for_each(|record| run.remember(record));
        run.streamed.agents = Some(agents);
        Ok(run)
    }

    /// Writes this host's part of a round: its files are durable and in their places when it returns. The accounts
    /// are those of its agents.
    ///
    /// # Errors
    /// As [`WritableRun::commit`]; what was written then lies where no reader looks for it, or is listed by nobody.
    pub fn write_part(&mut self, output: RoundOutput) -> Result<RoundPart> {
        self.check(&output)?;
        let stamp = self.stamp(output.round, output.state_hash);
        let prepared = self.prepare(output.tables, output.shard, &stamp)?;
        let schemas = prepared.schemas();
        let placed = self.write_files(prepared, output.shard, &stamp)?;
        placed.folders.iter().try_for_each(|folder| sync_folder(folder))?;
        let (accounting, calls) = (output.accounting, output.calls);
        Ok(RoundPart { files: placed.files, schemas, accounting, calls })
    }

    /// The record of a round from the parts of all hosts. Nothing is committed: whoever arbitrates decides, and then
    /// [`WritableRun::publish`] follows.
    ///
    /// # Errors
    /// [`Error::Table`] where the parts do not fit together or break a promise, [`Error::Io`].
    pub fn merge(&mut self, whole: RoundWhole, parts: Vec<RoundPart>) -> Result<CommitRecord> {
        let mut record = CommitRecord {
            schema_version: SCHEMA_VERSION,
            round: whole.round,
            generation: whole.generation,
            attempt: self.attempt.clone(),
            accounting: Accounting::default(),
            state_hash: whole.state_hash,
            state: BTreeMap::new(),
            files: Vec::new(),
            wall_us: whole.wall_us,
            calls: None,
        };
        for part in parts {
            self.promise(part.schemas)?;
            record.accounting.add(&part.accounting);
            record.files.extend(part.files);
            if let Some(calls) = part.calls {
                record.calls.get_or_insert_default().add(&calls);
            }
        }
        record.files.sort_by(|a, b| a.path.cmp(&b.path));
        record.check()?;
        Ok(record)
    }

    /// Puts a record that was decided upon where readers look for it. Several hosts may do so.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another record of the round is there, [`Error::Io`].
    pub fn publish(&mut self, record: &CommitRecord) -> Result<()> {
        record.create(self.path(), &BTreeSet::new())?;
        self.note(record)
    }

    /// Takes note of a round that another host publishes.
    ///
    /// # Errors
    /// [`Error::Io`] where the journal cannot let go of it.
    pub fn follow(&mut self, record: &CommitRecord) -> Result<()> {
        self.remember(record);
        self.streamed.committed(record.round)
    }

    /// Puts records that were decided upon and that nobody lived to publish where readers look for them.
    ///
    /// # Errors
    /// As [`WritableRun::publish`].
    pub fn publish_all(path: &Path, records: &[CommitRecord]) -> Result<()> {
        ensure_folder(&path.join(TMP))?;
        records.iter().try_for_each(|record| record.create(path, &BTreeSet::new()))
    }

    /// Removes files that generations which were replaced have left; `shards` is what the present one writes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn tidy(&self, shards: &Range<u32>) -> Result<()> {
        self.remove_leftovers(&self.reader()?.commits()?, Some(shards))
    }

    /// Writes once more what describes the run, which a host that was thought dead may have replaced, removes what
    /// nobody lists, and notes how the run stands.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn close(&mut self, status: RunStatus) -> Result<()> {
        self.remove_leftovers(&self.reader()?.commits()?, None)?;
        crate::describe::write_schema(self.path(), &self.schemas)?;
        self.describe()?;
        self.set_status(status)
    }
}

impl Accounting {
    /// Adds the accounts of other agents.
    pub fn add(&mut self, other: &Self) {
        self.agents += other.agents;
        self.answered += other.answered;
        self.not_asked += other.not_asked;
        for (cause, count) in &other.failed {
            *self.failed.entry(cause.clone()).or_default() += count;
        }
    }
}

impl CallTotals {
    /// Adds other calls.
    pub const fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.completions += other.completions;
        self.reused += other.reused;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cost_pico_usd += other.cost_pico_usd;
    }
}

impl CommitRecord {
    /// The record as one line of text.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a record has only names for keys")
    }

    /// Reads [`CommitRecord::to_text`] back.
    ///
    /// # Errors
    /// [`Error::Accounting`] or [`Error::Table`] where it is no record.
    pub fn from_text(text: &str) -> Result<Self> {
        let record: Self = serde_json::from_str(text).map_err(|error| Error::Accounting {
            round: 0,
            problem: format!("its record cannot be read: {error}"),
        })?;
        record.check().map(|()| record)
    }
}
