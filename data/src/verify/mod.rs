//! Proves a run whole, or says exactly what is not: files, records, accounts and reductions.

mod files;
mod kept;
mod reductions;
mod rounds;

use crate::commit::{CommitRecord, committed_rounds, read_commit};
use crate::digest::sha256_of_config;
use crate::layout::{CONFIG, MANIFEST, commit_path};
use crate::manifest::{CommitSummary, Manifest, RunStatus};
use crate::run_read::RunDir;
use std::fmt;
use std::path::Path;

/// Problems that a report lists; a run with more of them is beyond listing.
pub const PROBLEMS_MAX: usize = 10_000;

/// What was looked at, and everything that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Committed rounds that were looked at, the population included.
    pub rounds: u64,
    /// Files that were hashed.
    pub files: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Rows in whole files.
    pub rows: u64,
    /// What is wrong, in the order in which it was found; at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub unlisted: u64,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the run directory.
    pub path: String,
    /// What was checked.
    pub check: Check,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// The checks, from the outside of a run to its inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The manifest can be read and agrees with the records.
    Manifest,
    /// `run.toml` is the configuration that the manifest names.
    Config,
    /// A commit record can be read, and none is missing between two others.
    Record,
    /// A record lists only files of its own round, and no file is listed twice.
    Listing,
    /// A listed file is there.
    Missing,
    /// A file has the length on record.
    Bytes,
    /// A file has the digest on record.
    Digest,
    /// A file has the rows on record.
    Rows,
    /// A file decodes to what the schema says.
    Decode,
    /// Agents ascend by one from 0 on, through all shards; rows about agents name some of these, in order.
    Agents,
    /// Answered + failed + not asked = agents, on record and in the table.
    Accounting,
    /// A reduction in `rounds` follows from `agents`.
    Reduction,
    /// Nothing else lies in the run directory.
    Unknown,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(
        &mut self,
        path: impl Into<String>,
        check: Check,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.unlisted += 1;
            return;
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        self.problems.push(Problem { path: path.into(), check, expected, found });
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, check, expected, found } = self;
        write!(out, "`{path}`: {check:?}: expected {expected}, found {found}")
    }
}

/// Looks at everything in a run directory. Never fails: whatever cannot be read is a problem in
/// the report.
pub(crate) fn verify(run: &RunDir) -> Report {
    let mut report = Report::default();
    let manifest = read_manifest(run, &mut report);
    let records = read_records(run.path(), &mut report);
    let whole = files::check_files(run.path(), &records, &mut report);
    if let Some(manifest) = &manifest {
        rounds::check_rounds(run, manifest, &records, &whole, &mut report);
        // A process may be, or have died, between a commit and its summary.
        if manifest.status != RunStatus::Running {
            check_summary(manifest, &records, &mut report);
        }
    }
    files::check_kept(run, &mut report);
    files::check_interviews(run.path(), &mut report);
    files::check_unknown(run.path(), &records, &mut report);
    report
}

fn read_manifest(run: &RunDir, report: &mut Report) -> Option<Manifest> {
    let manifest = run
        .manifest()
        .inspect_err(|error| report.add(MANIFEST, Check::Manifest, "a manifest", error))
        .ok()?;
    match std::fs::read(run.path().join(CONFIG)) {
        Err(error) => report.add(CONFIG, Check::Config, "the configuration", error),
        Ok(text) => {
            let digest = sha256_of_config(&text);
            if digest != manifest.config_sha256 {
                report.add(CONFIG, Check::Config, &manifest.config_sha256, digest);
            }
        }
    }
    Some(manifest)
}

/// The records that can be read; gaps and unreadable ones go to the report.
fn read_records(run: &Path, report: &mut Report) -> Vec<CommitRecord> {
    let rounds = committed_rounds(run).unwrap_or_else(|error| {
        report.add("commits", Check::Record, "a folder of records", error);
        Vec::new()
    });
    let mut records = Vec::new();
    let mut expected = 0;
    for round in rounds {
        if round != expected {
            let path = relative(run, &commit_path(run, expected));
            report.add(path, Check::Record, "a record before later ones", "none");
        }
        expected = round + 1;
        match read_commit(run, round) {
            Ok(record) => records.push(record),
            Err(error) => {
                let path = relative(run, &commit_path(run, round));
                report.add(path, Check::Record, "a commit record", error);
            }
        }
    }
    report.rounds = records.len() as u64;
    records
}

fn check_summary(manifest: &Manifest, records: &[CommitRecord], report: &mut Report) {
    let mut summary = CommitSummary::default();
    for record in records {
        summary.add(record);
    }
    if summary != manifest.commits {
        let words = |summary: &CommitSummary| {
            let CommitSummary { last_round, files, rows, bytes, state_hash } = summary;
            let last = last_round.map_or("none".to_owned(), |round| round.to_string());
            let hash = state_hash.as_deref().unwrap_or("none");
            format!("last round {last}, {files} files, {rows} rows, {bytes} bytes, state {hash}")
        };
        report.add(MANIFEST, Check::Manifest, words(&summary), words(&manifest.commits));
    }
}

/// A path as the report names it.
fn relative(run: &Path, path: &Path) -> String {
    path.strip_prefix(run).unwrap_or(path).display().to_string()
}
