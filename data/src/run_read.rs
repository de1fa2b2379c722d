//! A run directory for reading: no lock is taken and nothing is changed.

use crate::commit::{CommitRecord, committed_rounds, read_commit};
use crate::describe;
use crate::error::{Error, Result};
use crate::layout::{AGENTS, DataFile, MANIFEST, PARENT, PEOPLE, ROUNDS};
use crate::lock::is_locked;
use crate::manifest::{Manifest, RunStatus};
use crate::pick::Wanted;
use crate::read::{Projection, read_files};
use crate::schema::{Schemas, TableSchema};
use crate::table::Table;
use crate::verify::{Report, verify};
use std::fs;
use std::path::{Path, PathBuf};

/// A run directory for reading.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

/// Where a run really stands: its manifest, and whether somebody plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A process plays it.
    Running,
    /// The process that played it died; every committed round is intact.
    Crashed,
    /// It ended as the manifest says.
    Ended(RunStatus),
}

/// A run of a folder of runs.
#[derive(Debug)]
pub struct ListedRun {
    /// Its directory.
    pub path: PathBuf,
    /// How it stands, or why that cannot be told.
    pub standing: Result<Standing>,
}

/// What a run is and how far it has really come.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What the run is; its summary of commits may be a moment behind.
    pub manifest: Manifest,
    /// Whether somebody plays it.
    pub state: RunState,
    /// The last round that has a record; 0 is the population.
    pub last_round: Option<u32>,
}

impl RunDir {
    /// Opens a run.
    ///
    /// # Errors
    /// [`Error::NotARun`] where the folder has no readable manifest file.
    pub fn open(path: &Path) -> Result<Self> {
        let not_a_run =
            |problem: &str| Error::NotARun { path: path.to_owned(), problem: problem.to_owned() };
        if !path.is_dir() {
            return Err(not_a_run("there is no such folder"));
        }
        if !path.join(MANIFEST).is_file() {
            return Err(not_a_run("it has no `manifest.json`"));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The run directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a fork keeps of the run that it began from: the completions of later rounds. `None` where it keeps
    /// nothing, or nothing any more.
    ///
    /// # Errors
    /// As [`RunDir::open`].
    pub fn kept_parent(&self) -> Result<Option<Self>> {
        let path = self.path.join(PARENT);
        // The manifest is written last.
        path.join(MANIFEST).is_file().then(|| Self::open(&path)).transpose()
    }

    /// What the run is.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the file is not a manifest.
    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::read(&self.path)
    }

    /// What the run is and where it stands.
    ///
    /// # Errors
    /// As [`RunDir::manifest`] and [`RunDir::rounds`].
    pub fn standing(&self) -> Result<Standing> {
        let manifest = self.manifest()?;
        let state = if is_locked(&self.path) {
            RunState::Running
        } else if manifest.status == RunStatus::Running {
            RunState::Crashed
        } else {
            RunState::Ended(manifest.status)
        };
        Ok(Standing { manifest, state, last_round: self.rounds()?.last().copied() })
    }

    /// The committed rounds, ascending; 0 is the population.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be listed.
    pub fn rounds(&self) -> Result<Vec<u32>> {
        committed_rounds(&self.path)
    }

    /// The record of a round.
    ///
    /// # Errors
    /// [`Error::NoSuchRound`] or [`Error::Corrupt`].
    pub fn commit(&self, round: u32) -> Result<CommitRecord> {
        read_commit(&self.path, round)
    }

    /// The records of all rounds, ascending and without a gap.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a record cannot be read or is missing between two others.
    pub fn commits(&self) -> Result<Vec<CommitRecord>> {
        let rounds = self.rounds()?;
        for (expected, &round) in (0..).zip(&rounds) {
            if round != expected {
                let path = crate::layout::commit_path(&self.path, expected);
                return Err(Error::corrupt(&path, "it is missing, and later rounds exist"));
            }
        }
        rounds.into_iter().map(|round| self.commit(round)).collect()
    }

    /// The schemas that the run has promised.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where `schema.json` cannot be read.
    pub fn schemas(&self) -> Result<Schemas> {
        describe::read_schema(&self.path)
    }

    /// The schema of a table.
    ///
    /// # Errors
    /// [`Error::Table`] where the run has no such table.
    pub fn schema(&self, table: &str) -> Result<TableSchema> {
        self.schemas()?.get(table).cloned().ok_or_else(|| Error::Table {
            table: table.to_owned(),
            problem: format!("the run `{}` has no such table", self.path.display()),
        })
    }

    /// Reads a table of one committed round, all shards joined in order.
    ///
    /// # Errors
    /// [`Error::NoSuchRound`], [`Error::Corrupt`], or [`Error::Table`] where the run has no such
    /// table. A table without rows in that round comes back empty.
    pub fn read(&self, table: &str, round: u32, projection: Projection<'_>) -> Result<Table> {
        self.read_wanted(table, round, None, projection)
    }

    /// Reads the agents' fixed attributes.
    ///
    /// # Errors
    /// As [`RunDir::read`].
    pub fn read_people(&self, projection: Projection<'_>) -> Result<Table> {
        self.read(PEOPLE, 0, projection)
    }

    /// Reads the agents' state after a round.
    ///
    /// # Errors
    /// As [`RunDir::read`].
    pub fn read_agents(&self, round: u32, projection: Projection<'_>) -> Result<Table> {
        self.read(AGENTS, round, projection)
    }

    /// Reads the reductions of a round.
    ///
    /// # Errors
    /// As [`RunDir::read`].
    pub fn read_rounds(&self, round: u32, projection: Projection<'_>) -> Result<Table> {
        self.read(ROUNDS, round, projection)
    }

    /// Reads the rows of one agent in a table of a round, decoding little else.
    ///
    /// # Errors
    /// As [`RunDir::read`].
    pub fn read_agent(
        &self,
        table: &str,
        round: u32,
        agent: i64,
        projection: Projection<'_>,
    ) -> Result<Table> {
        self.read_wanted(table, round, Some(&Wanted::Agent(agent)), projection)
    }

    /// Reads the rows that name an agent in another column of a table of a round, such as who wrote a letter.
    ///
    /// # Errors
    /// As [`RunDir::read`], and [`Error::Column`] where the table has no such column.
    pub fn read_naming(
        &self,
        table: &str,
        round: u32,
        (column, agent): (&str, i64),
        projection: Projection<'_>,
    ) -> Result<Table> {
        if self.schema(table)?.column(column).is_none() {
            return Err(Error::Column {
                table: table.to_owned(),
                column: column.to_owned(),
                problem: "there is no such column".to_owned(),
            });
        }
        let wanted = Wanted::Named(column.to_owned(), agent);
        self.read_wanted(table, round, Some(&wanted), projection)
    }

    /// Hashes, counts and derives everything again. Whatever cannot be read is in the report.
    pub fn verify(&self) -> Report {
        verify(self)
    }

    pub(crate) fn read_wanted(
        &self,
        table: &str,
        round: u32,
        wanted: Option<&Wanted>,
        projection: Projection<'_>,
    ) -> Result<Table> {
        let schema = self.schema(table)?;
        let files = files_of(&self.commit(round)?, table);
        let paths: Vec<PathBuf> = files.iter().map(|file| self.path.join(file.path())).collect();
        read_files(&paths, &schema, wanted, projection)
    }
}

/// The files of a table in a record, by shard.
pub(crate) fn files_of(record: &CommitRecord, table: &str) -> Vec<DataFile> {
    let mut files: Vec<DataFile> = record
        .files
        .iter()
        .filter_map(|file| DataFile::parse(&file.path))
        .filter(|file| file.table == table)
        .collect();
    files.sort_by_key(|file| file.shard);
    files
}

/// The runs in a folder, by name.
///
/// # Errors
/// [`Error::Io`] where the folder cannot be listed; a broken run is an entry, not an error.
pub fn list_runs(folder: &Path) -> Result<Vec<ListedRun>> {
    let io = |error| Error::io("list", folder, error);
    let mut runs = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Ok(run) = RunDir::open(&path) else { continue };
        let standing = run.standing();
        runs.push(ListedRun { path, standing });
    }
    runs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(runs)
}
