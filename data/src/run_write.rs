//! A run directory that this process alone may write: created, or opened again and cleaned.

mod adopt;

use crate::SCHEMA_VERSION;
use crate::commit::{Accounting, AttemptId, CallTotals, CommitRecord, FileRecord, fence};
use crate::describe::{self, describe};
use crate::digest::sha256_of_config;
use crate::durable::{TmpFile, ensure_folder, rename, replace, sync_folder, together};
use crate::error::{Error, Result};
use crate::journal::{Cut, Journal, ModelNames, Opening};
use crate::layout::{
    COMMITS, CONFIG, DataFile, Folder, JOURNAL, RunId, TMP, check_round, commit_path,
};
use crate::lock::RunLock;
use crate::manifest::{CommitSummary, Manifest, Origin, RunStatus};
use crate::out_folder::{claim, prepare_out};
use crate::prompts::{PromptLog, PromptStorage};
use crate::rules::check_output;
use crate::run_read::RunDir;
use crate::schema::{Schemas, TableSchema};
use crate::streamed::{Streamed, Unplaced};
use crate::table::Table;
use crate::time::Utc;
use crate::writer::{Stamp, Written, flush, write_unflushed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZero;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Least time between two summaries of the commits in the manifest. The records are the truth, and
/// a short round must not wait for the disk twice.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(1);
/// Tables of a round.
pub const TABLES_MAX: usize = 64;

/// What a new run starts from.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The name of its directory; made from time, scenario and configuration where `None`.
    pub id: Option<RunId>,
    /// The fully resolved configuration, as it will be in `run.toml`.
    pub config_toml: String,
    /// What decides the contents.
    pub origin: Origin,
}

/// Everything a round leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundOutput {
    /// The round; 0 brings the table `people` and nothing else has been played.
    pub round: u32,
    /// The shard of the tables; 0 where one process plays the run.
    pub shard: u32,
    /// The tables; those without rows are not written.
    pub tables: Vec<Table>,
    /// What became of each agent's question.
    pub accounting: Accounting,
    /// Hash of the state after the round, lower-case hex.
    pub state_hash: Option<String>,
    /// Named numbers that the next round starts from.
    pub state: BTreeMap<String, f64>,
    /// How long the round took.
    pub wall_us: Option<u64>,
    /// What its model calls took.
    pub calls: Option<CallTotals>,
}

/// Files of a round in their places, and the folders that this changed.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub(crate) files: Vec<FileRecord>,
    pub(crate) folders: BTreeSet<PathBuf>,
}

/// What a round's files are made from.
#[derive(Debug)]
pub(crate) struct Prepared {
    tables: Vec<Table>,
    /// Files that were written while the round was played.
    streamed: Vec<(TableSchema, Unplaced)>,
}

impl Prepared {
    /// The schemas of all tables.
    pub(crate) fn schemas(&self) -> Vec<TableSchema> {
        let streamed = self.streamed.iter().map(|(schema, _)| schema.clone());
        self.tables.iter().map(Table::schema).chain(streamed).collect()
    }
}

/// A run directory, locked.
#[derive(Debug)]
pub struct WritableRun {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) schemas: Schemas,
    /// Tables that have a file in some committed round.
    pub(crate) present: BTreeSet<String>,
    pub(crate) generation: u64,
    pub(crate) attempt: AttemptId,
    encoders: usize,
    /// When the manifest was replaced last.
    noted: Instant,
    pub(crate) streamed: Streamed,
    _lock: RunLock,
}

impl WritableRun {
    /// Creates the directory of a new run in `out`, with its configuration and manifest.
    ///
    /// # Errors
    /// [`Error::RunExists`] where the id is taken, [`Error::OutFolder`] where `out` cannot be used.
    pub fn create(out: &Path, new: NewRun) -> Result<Self> {
        let config_sha256 = sha256_of_config(new.config_toml.as_bytes());
        let out = prepare_out(out)?;
        let (id, path) = claim(&out, new.id, &new.origin.scenario, &config_sha256)?;
        let lock = RunLock::take(&path);
        let fill = |lock| Self::fill(path.clone(), id, new.config_toml, new.origin, lock);
        lock.and_then(fill).inspect_err(|_| {
            // A directory without a manifest is not a run; the first error is the one to report.
            let _ = fs::remove_dir_all(&path);
        })
    }

    /// Makes a folder a run directory: its configuration, its folders and its manifest.
    pub(crate) fn fill(
        path: PathBuf,
        id: RunId,
        config_toml: String,
        origin: Origin,
        lock: RunLock,
    ) -> Result<Self> {
        let config_sha256 = sha256_of_config(config_toml.as_bytes());
        for folder in [COMMITS, JOURNAL, TMP] {
            ensure_folder(&path.join(folder))?;
        }
        replace(&path.join(TMP), &path.join(CONFIG), config_toml.as_bytes())?;
        let created = Utc::now().iso();
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            run_id: id.to_string(),
            status: RunStatus::Running,
            created: created.clone(),
            updated: created,
            config_sha256,
            origin,
            commits: CommitSummary::default(),
        };
        let run = Self::new(path, manifest, lock);
        run.manifest.write(&run.path)?;
        run.describe()?;
        if let Some(out) = run.path.parent() {
            sync_folder(out)?;
        }
        Ok(run)
    }

    pub(crate) fn new(path: PathBuf, manifest: Manifest, lock: RunLock) -> Self {
        Self {
            path,
            manifest,
            schemas: Schemas::default(),
            present: BTreeSet::new(),
            generation: 1,
            attempt: AttemptId::unique(),
            encoders: thread::available_parallelism().map_or(1, NonZero::get),
            noted: Instant::now(),
            streamed: Streamed::default(),
            _lock: lock,
        }
    }

    /// Opens a run to go on with it: takes the lock, removes what no commit record lists.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process writes it, [`Error::Corrupt`] where a record or the
    /// manifest cannot be read; then nothing has been removed.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let lock = RunLock::take(path)?;
        let manifest = dir.manifest()?;
        let records = dir.commits()?;
        let mut run = Self::new(dir.path().to_owned(), manifest, lock);
        run.schemas = dir.schemas()?;
        run.manifest.commits = CommitSummary::default();
        records.iter().for_each(|record| run.remember(record));
        for folder in [COMMITS, JOURNAL, TMP] {
            ensure_folder(&run.path.join(folder))?;
        }
        run.remove_leftovers(&records, None)?;
        run.set_status(RunStatus::Running)?;
        run.describe()?;
        Ok(run)
    }

    /// Uses up to that many threads to encode a table.
    pub fn set_encoders(&mut self, encoders: usize) {
        self.encoders = encoders;
    }

    /// Marks all further commits as made by that generation of hosts.
    pub fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Opens the run's journal. From now on a commit turns the completions of its round into the
    /// table [`CALLS`](crate::CALLS) and removes them from the journal once the commit record exists; `models` are
    /// the names that its rows have. Also returns what a writer that died left torn.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with file and offset where completions were lost that had been durable.
    pub fn open_journal(
        &mut self,
        models: Vec<ModelNames>,
        opening: Opening,
    ) -> Result<(Arc<Journal>, Vec<Cut>)> {
        // A record that a dead process left may not be durable yet, and on its strength the journal
        // removes segments.
        sync_folder(&self.path.join(COMMITS))?;
        let (journal, cuts) = Journal::open(&self.path.join(JOURNAL), self.last_round(), opening)?;
        let journal = Arc::new(journal);
        self.streamed.journal = Some((Arc::clone(&journal), models));
        Ok((journal, cuts))
    }

    /// Opens the table [`PROMPTS`](crate::PROMPTS): whoever asks hands the round's prompts over while it
    /// is played, and its commit takes them in.
    pub fn open_prompts(&mut self, storage: PromptStorage) -> Arc<PromptLog> {
        let prompts = PromptLog::new(self.path.join(TMP), self.stamp(0, None), storage);
        let prompts = Arc::new(prompts);
        self.streamed.prompts = Some(Arc::clone(&prompts));
        prompts
    }

    /// The run directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run is and how far it has come.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The same directory for reading.
    ///
    /// # Errors
    /// [`Error::NotARun`] where somebody has removed the manifest.
    pub fn reader(&self) -> Result<RunDir> {
        RunDir::open(&self.path)
    }

    /// The last committed round; 0 is the population.
    pub fn last_round(&self) -> Option<u32> {
        self.manifest.commits.last_round
    }

    /// The round that has to come next; the first is 0, the population.
    pub fn next_round(&self) -> u32 {
        self.last_round().map_or(0, |round| round + 1)
    }

    /// Writes a round's files and commits it.
    ///
    /// # Errors
    /// Leaves the run at its last commit whatever happens. [`Error::Fenced`] where another attempt
    /// has committed the round, [`Error::Io`] where the system refuses.
    pub fn commit(&mut self, output: RoundOutput) -> Result<CommitRecord> {
        self.check(&output)?;
        fence(&self.path, output.round, &self.attempt)?;
        let stamp = self.stamp(output.round, output.state_hash.clone());
        let prepared = self.prepare(output.tables, output.shard, &stamp)?;
        self.promise(prepared.schemas())?;
        let placed = self.write_files(prepared, output.shard, &stamp)?;
        let record = CommitRecord {
            schema_version: SCHEMA_VERSION,
            round: output.round,
            generation: self.generation,
            attempt: self.attempt.clone(),
            accounting: output.accounting,
            state_hash: output.state_hash,
            state: output.state.into_iter().map(|(name, value)| (name, value.into())).collect(),
            files: placed.files,
            wall_us: output.wall_us,
            calls: output.calls,
        };
        record.create(&self.path, &placed.folders).inspect_err(|_| self.withdraw(&record))?;
        self.note(&record)?;
        Ok(record)
    }

    /// Takes note of a round whose record exists.
    pub(crate) fn note(&mut self, record: &CommitRecord) -> Result<()> {
        let present = self.present.len();
        self.remember(record);
        if self.noted.elapsed() >= SUMMARY_INTERVAL {
            self.set_status(self.manifest.status)?;
        }
        if self.present.len() > present {
            self.describe()?;
        }
        // Only now: until the record was durable, the journal was where the completions are.
        self.streamed.committed(record.round)
    }

    /// Counts a round in, in memory.
    pub(crate) fn remember(&mut self, record: &CommitRecord) {
        self.manifest.commits.add(record);
        self.present.extend(tables_of(record));
    }

    /// Notes where the run stands; call it with the outcome before the run is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] where the manifest cannot be replaced.
    pub fn set_status(&mut self, status: RunStatus) -> Result<()> {
        self.manifest.status = status;
        self.manifest.updated = Utc::now().iso();
        self.noted = Instant::now();
        self.manifest.write(&self.path)
    }

    /// Refuses a round that does not fit before a byte of it is written.
    pub(crate) fn check(&self, output: &RoundOutput) -> Result<()> {
        check_round(output.round)?;
        let expected = self.next_round();
        if output.round != expected {
            return Err(Error::RoundOrder {
                path: self.path.clone(),
                expected,
                found: output.round,
            });
        }
        if output.tables.len() > TABLES_MAX {
            let (found, limit) = (output.tables.len() as u64, TABLES_MAX as u64);
            return Err(Error::Limit { what: "the number of tables".to_owned(), found, limit });
        }
        self.streamed.check(&output.tables)?;
        check_output(output)
    }

    /// Freezes the schema of tables that are new; on disk before any row of them is committed.
    pub(crate) fn promise(&mut self, tables: impl IntoIterator<Item = TableSchema>) -> Result<()> {
        let mut schemas = self.schemas.clone();
        let mut grown = false;
        for table in tables {
            grown |= schemas.admit(table)?;
        }
        if grown {
            describe::write_schema(&self.path, &schemas)?;
            self.schemas = schemas;
        }
        Ok(())
    }

    pub(crate) fn stamp(&self, round: u32, state_hash: Option<String>) -> Stamp {
        let origin = &self.manifest.origin;
        Stamp {
            run_id: self.manifest.run_id.clone(),
            round,
            seed: origin.seed,
            scenario: origin.scenario.clone(),
            scenario_version: origin.scenario_version.clone(),
            engine_version: origin.engine_version.clone(),
            config_sha256: self.manifest.config_sha256.clone(),
            state_hash,
        }
    }

    /// Finishes the streamed files of the stamp's round, and leaves out tables without rows.
    pub(crate) fn prepare(
        &self,
        tables: Vec<Table>,
        shard: u32,
        stamp: &Stamp,
    ) -> Result<Prepared> {
        let streamed = self.streamed.write(&self.path, shard, stamp)?;
        let tables = tables.into_iter().filter(|table| table.rows() > 0).collect();
        Ok(Prepared { tables, streamed })
    }

    /// Writes all files to `tmp/`, makes them durable and moves them into place.
    pub(crate) fn write_files(
        &self,
        prepared: Prepared,
        shard: u32,
        stamp: &Stamp,
    ) -> Result<Placed> {
        let tmp = self.path.join(TMP);
        let Prepared { tables, streamed } = prepared;
        let mut files: Vec<Unplaced> = streamed.into_iter().map(|(_, file)| file).collect();
        for table in tables {
            let path = DataFile::new(table.name(), stamp.round, shard)?.path();
            let unfinished = TmpFile::new(&tmp, &path.replace('/', "-"));
            let (file, written) = write_unflushed(unfinished.path(), table, stamp, self.encoders)?;
            let Written { rows, bytes, sha256 } = written;
            files.push((unfinished, file, FileRecord { path, rows, bytes, sha256 }));
        }
        together(&files, |(unfinished, file, _)| flush(unfinished.path(), file))?;
        let mut placed = Placed::default();
        for (unfinished, _, file) in files {
            let target = self.path.join(&file.path);
            if let Some(folder) = target.parent() {
                if ensure_folder(folder)? {
                    placed.folders.insert(self.path.clone());
                }
                placed.folders.insert(folder.to_owned());
            }
            rename(unfinished.path(), &target)?;
            placed.files.push(file);
        }
        placed.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(placed)
    }

    /// Removes the files of a round that could not be committed, unless a record is there after
    /// all: of another attempt, or our own whose last flush failed.
    fn withdraw(&self, record: &CommitRecord) {
        if commit_path(&self.path, record.round).exists() {
            return;
        }
        for file in &record.files {
            // What stays is removed at the next start.
            let _ = fs::remove_file(self.path.join(&file.path));
        }
    }

    /// Removes what dead processes left: everything in `tmp/`, and data files of this crate's naming that no commit
    /// record lists. Files of other names are the user's and stay, and so does what `playing` shards write now.
    pub(crate) fn remove_leftovers(
        &self,
        records: &[CommitRecord],
        playing: Option<&Range<u32>>,
    ) -> Result<()> {
        for path in list(&self.path.join(TMP))?.into_iter().filter(|_| playing.is_none()) {
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|error| Error::io("remove", &path, error))?;
        }
        let listed: BTreeSet<&str> =
            records.iter().flat_map(|record| &record.files).map(|file| &*file.path).collect();
        let committed = records.last().map(|record| record.round);
        for (relative, path) in data_files(&self.path)? {
            let Some(file) = DataFile::parse(&relative) else { continue };
            let awaited = playing.is_some_and(|shards| {
                shards.contains(&file.shard) && committed.is_none_or(|round| file.round > round)
            });
            if !awaited && !listed.contains(relative.as_str()) {
                fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
            }
        }
        Ok(())
    }

    pub(crate) fn describe(&self) -> Result<()> {
        describe(&self.path, &self.manifest, &self.schemas, &self.present)
    }
}

fn tables_of(record: &CommitRecord) -> impl Iterator<Item = String> {
    let files = record.files.iter();
    files.filter_map(|file| file.path.split_once('/')).map(|(table, _)| table.to_owned())
}

/// The entries of a folder, sorted.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |error| Error::io("list", folder, error);
    let entries = fs::read_dir(folder).map_err(io)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(io))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// All entries of all folders that may hold a table, by their path relative to the run.
pub(crate) fn data_files(run: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for folder in list(run)? {
        let Some(table) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        if !Folder::is_table(table) || !folder.is_dir() {
            continue;
        }
        for path in list(&folder)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            files.push((format!("{table}/{}", name.unwrap_or_default()), path));
        }
    }
    Ok(files)
}
