//! Interviews of a run: a table and a record each, beside the run's rounds and no part of them.

use crate::digest::sha256_hex;
use crate::durable::{TmpFile, ensure_folder, rename, replace, sync_folder};
use crate::error::{Error, Result};
use crate::journal::{Cut, Journal, Opening};
use crate::json;
use crate::layout::INTERVIEWS;
use crate::lock::RunLock;
use crate::run_read::RunDir;
use crate::table::Table;
use crate::writer::{Stamp, write_table};
use crate::{CallTotals, FileRecord, RECORD_BYTES_MAX, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Digits of an interview's digest that its name has.
const NAME_DIGITS: usize = 12;

/// The record of an interview; one that has none was not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterviewRecord {
    /// Version of the format.
    pub schema_version: u32,
    /// The round after which it was held; 0 is before the first.
    pub round: u32,
    /// Hash of the run's state before and after it.
    pub state_hash: String,
    /// What was asked.
    pub question: String,
    /// What could be answered.
    pub answer: String,
    /// Who was asked, as it was written.
    pub agents: String,
    /// Agents that answered.
    pub answered: u64,
    /// Agents that did not, by cause.
    pub failed: BTreeMap<String, u64>,
    /// What it took.
    pub calls: CallTotals,
    /// Its table.
    pub file: FileRecord,
}

/// An interview that is being held: nobody else holds it, and its completions are in a journal of its own.
#[derive(Debug)]
pub struct Interviewing {
    run: PathBuf,
    name: String,
    folder: PathBuf,
    journal: Arc<Journal>,
    lock: RunLock,
}

/// The name of the interview after `round` that all of `identity` decides.
pub fn interview_name(round: u32, identity: &str) -> String {
    let digest: String = sha256_hex(identity.as_bytes()).chars().take(NAME_DIGITS).collect();
    format!("round-{round:06}-{digest}")
}

impl RunDir {
    /// The record of an interview; `None` while it is not finished.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it cannot be read.
    pub fn interview(&self, name: &str) -> Result<Option<InterviewRecord>> {
        let path = self.path().join(INTERVIEWS).join(format!("{name}.json"));
        if !path.is_file() {
            return Ok(None);
        }
        let record: InterviewRecord = json::read(&path, RECORD_BYTES_MAX)?;
        if record.schema_version == SCHEMA_VERSION {
            return Ok(Some(record));
        }
        let found = record.schema_version;
        let problem = format!("it has version {found}, this program knows {SCHEMA_VERSION}");
        Err(Error::corrupt(&path, problem))
    }
}

impl Interviewing {
    /// Begins an interview of a run or goes on with it. Also returns the torn ends that a process which died left.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process holds it, [`Error::Corrupt`] where completions are lost that had
    /// been durable.
    pub fn open(run: &RunDir, name: &str) -> Result<(Self, Vec<Cut>)> {
        let all = run.path().join(INTERVIEWS);
        let folder = all.join(name);
        let journal = folder.join("journal");
        for folder in [&all, &folder, &journal] {
            ensure_folder(folder)?;
        }
        let lock = RunLock::take(&folder)?;
        let (journal, cuts) = Journal::open(&journal, None, Opening::Alone)?;
        let (run, name) = (run.path().to_owned(), name.to_owned());
        Ok((Self { run, name, folder, journal: Arc::new(journal), lock }, cuts))
    }

    /// Where its completions are kept until it is finished.
    pub fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    /// Writes the table and then the record, which makes it a finished interview; returns the record.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses; what was paid for stays in the journal.
    pub fn finish(
        self,
        table: Table,
        stamp: &Stamp,
        record: InterviewRecord,
    ) -> Result<InterviewRecord> {
        let path = format!("{INTERVIEWS}/{}.parquet", self.name);
        let unfinished = TmpFile::new(&self.folder, "table");
        let written = write_table(unfinished.path(), table, stamp, 1)?;
        rename(unfinished.path(), &self.run.join(&path))?;
        let all = self.run.join(INTERVIEWS);
        sync_folder(&all)?;
        let (rows, bytes, sha256) = (written.rows, written.bytes, written.sha256);
        let file = FileRecord { path, rows, bytes, sha256 };
        let record = InterviewRecord { file, ..record };
        let target = all.join(format!("{}.json", self.name));
        replace(&self.folder, &target, &json::pretty(&record))?;
        let Self { folder, journal, lock, .. } = self;
        drop((journal, lock));
        fs::remove_dir_all(&folder).map_err(|error| Error::io("remove", &folder, error))?;
        Ok(record)
    }
}

/// The files of a run's finished interviews, and the names of those that are not finished.
pub(crate) fn interviews(run: &Path) -> Result<Vec<(String, InterviewRecord)>> {
    let folder = run.join(INTERVIEWS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let dir = RunDir::open(run)?;
    let mut found = Vec::new();
    for path in crate::run_write::list(&folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.as_deref().and_then(|name| name.strip_suffix(".json"));
        if let Some(name) = name
            && let Some(record) = dir.interview(name)?
        {
            found.push((name.to_owned(), record));
        }
    }
    Ok(found)
}
