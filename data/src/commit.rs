//! The record that makes a round exist: its files, its accounts, and who made it.

use crate::digest::hex;
use crate::durable::{Created, create_if_absent};
use crate::error::{Error, Result};
use crate::layout::{COMMITS, TMP, check_round, commit_path, commit_round};
use crate::{SCHEMA_VERSION, json};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// Largest commit record that is read, far above the files of [`crate::SHARD_MAX`] shards.
pub const RECORD_BYTES_MAX: u64 = 64 << 20;

/// Rounds count from 1; the record of round 0 holds the population before anything was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitRecord {
    /// Version of this format.
    pub schema_version: u32,
    /// The round.
    pub round: u32,
    /// The fixed list of hosts that made it; 1 where one process plays the run.
    pub generation: u64,
    /// Who made it: a retry recognises its own record by it.
    pub attempt: AttemptId,
    /// What became of each agent's question.
    pub accounting: Accounting,
    /// Hash of the whole state after the round.
    pub state_hash: Option<String>,
    /// Named numbers that the next round starts from.
    #[serde(default)]
    pub state: BTreeMap<String, Bits>,
    /// The files of the round, sorted by path.
    pub files: Vec<FileRecord>,
    /// How long the round took; only here, since tables must be reproducible.
    pub wall_us: Option<u64>,
    /// What the round's model calls took; nothing in a round without any. Only here, since retries differ from one
    /// play of a round to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallTotals>,
}

/// What the model calls of a round took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallTotals {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Completions paid for.
    pub completions: u64,
    /// Completions that had been paid for earlier.
    pub reused: u64,
    /// Tokens of prompts, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens of completions.
    pub completion_tokens: u64,
    /// Tokens of prompts that servers had cached.
    pub cached_tokens: u64,
    /// Price in millionths of a millionth of a US dollar.
    pub cost_pico_usd: u64,
}

/// One file of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Path relative to the run directory.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes.
    pub sha256: String,
}

/// What became of each agent's question in a round: answered + failed + not asked = agents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounting {
    /// All agents.
    pub agents: u64,
    /// Those with an answer.
    pub answered: u64,
    /// Those without one although asked, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Those who were not asked.
    pub not_asked: u64,
}

impl Accounting {
    /// The accounts before the first round: nobody has been asked.
    pub fn nobody_asked(agents: u64) -> Self {
        Self { agents, not_asked: agents, ..Self::default() }
    }

    /// All failures.
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Checks the identity.
    ///
    /// # Errors
    /// [`Error::Accounting`] where it does not hold.
    pub fn check(&self, round: u32) -> Result<()> {
        let failed = self.failed.values().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        let sum = failed
            .and_then(|failed| failed.checked_add(self.answered))
            .and_then(|sum| sum.checked_add(self.not_asked));
        if sum == Some(self.agents) {
            return Ok(());
        }
        let Self { agents, answered, not_asked, .. } = self;
        let failed = failed.map_or("too many".to_owned(), |failed| failed.to_string());
        let problem = format!(
            "{answered} answered + {failed} failed + {not_asked} not asked is not {agents} agents"
        );
        Err(Error::Accounting { round, problem })
    }
}

/// Names one attempt to make a round; no two processes share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(String);

impl AttemptId {
    /// A name nobody else has. It never feeds state.
    pub fn unique() -> Self {
        let word = || RandomState::new().build_hasher().finish().to_be_bytes();
        Self(hex(&[word(), word()].concat()))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A float as its 16 hexadecimal digits, since decimal text may come back as a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits(u64);

impl Bits {
    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Bits {
    fn from(value: f64) -> Self {
        Self(value.to_bits())
    }
}

impl Serialize for Bits {
    fn serialize<S: serde::Serializer>(&self, out: S) -> std::result::Result<S::Ok, S::Error> {
        out.serialize_str(&format!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let digits = String::deserialize(from)?;
        let bits = u64::from_str_radix(&digits, 16).ok();
        bits.filter(|bits| format!("{bits:016x}") == digits).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("`{digits}` is not 16 lower-case hexadecimal digits"))
        })
    }
}

impl CommitRecord {
    /// Checks what must hold within the record itself.
    ///
    /// # Errors
    /// [`Error::Accounting`] or [`Error::Limit`].
    pub fn check(&self) -> Result<()> {
        check_round(self.round)?;
        self.accounting.check(self.round)
    }

    /// Creates the record in `run` unless the round is committed already. `folders` are those into
    /// which files of the round were moved.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another attempt has committed the round.
    pub(crate) fn create(&self, run: &Path, folders: &BTreeSet<PathBuf>) -> Result<()> {
        self.check()?;
        let path = commit_path(run, self.round);
        match create_if_absent(&run.join(TMP), &path, &json::pretty(self), folders)? {
            Created::New => Ok(()),
            Created::Existed => same_attempt(run, &read_commit(run, self.round)?, &self.attempt),
        }
    }
}

/// Fails where another attempt has committed the round.
pub(crate) fn fence(run: &Path, round: u32, attempt: &AttemptId) -> Result<()> {
    match read_commit(run, round) {
        Err(Error::NoSuchRound { .. }) => Ok(()),
        read => same_attempt(run, &read?, attempt),
    }
}

fn same_attempt(run: &Path, record: &CommitRecord, attempt: &AttemptId) -> Result<()> {
    if record.attempt == *attempt {
        return Ok(());
    }
    let committed_by = record.attempt.to_string();
    let path = commit_path(run, record.round);
    Err(Error::Fenced { path, round: record.round, committed_by })
}

/// Reads the record of a round.
///
/// # Errors
/// [`Error::NoSuchRound`] where there is none, [`Error::Corrupt`] where it is not a valid record.
pub(crate) fn read_commit(run: &Path, round: u32) -> Result<CommitRecord> {
    let path = commit_path(run, round);
    let record: CommitRecord = match json::read(&path, RECORD_BYTES_MAX) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoSuchRound { path: run.to_owned(), round });
        }
        read => read?,
    };
    if record.schema_version != SCHEMA_VERSION {
        let problem = format!(
            "it has version {} of the format, and this program knows version {SCHEMA_VERSION}",
            record.schema_version
        );
        return Err(Error::corrupt(&path, problem));
    }
    if record.round != round {
        return Err(Error::corrupt(&path, format!("it is the record of round {}", record.round)));
    }
    record.check().map_err(|error| Error::corrupt(&path, error.to_string()))?;
    Ok(record)
}

/// The rounds that have a record, ascending.
pub(crate) fn committed_rounds(run: &Path) -> Result<Vec<u32>> {
    let folder = run.join(COMMITS);
    let io = |error| Error::io("list", &folder, error);
    let mut rounds = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        rounds.extend(name.to_str().and_then(commit_round));
    }
    rounds.sort_unstable();
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_identity_is_checked_without_overflow() {
        let mut accounts = Accounting::nobody_asked(5);
        accounts.check(1).unwrap();
        accounts.answered = 1;
        let error = accounts.check(7).unwrap_err().to_string();
        assert_eq!(error, "round 7: 1 answered + 0 failed + 5 not asked is not 5 agents");
        accounts.failed = [("a".to_owned(), u64::MAX), ("b".to_owned(), 2)].into();
        assert!(accounts.check(1).is_err());
    }

    #[test]
    fn attempts_differ() {
        let ids: BTreeSet<AttemptId> = (0..1_000).map(|_| AttemptId::unique()).collect();
        assert_eq!(ids.len(), 1_000);
    }

    proptest! {
        #[test]
        fn every_float_comes_back_bit_by_bit(bits: u64) {
            let text = serde_json::to_string(&Bits(bits)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Bits>(&text).unwrap(), Bits(bits));
        }
    }

    #[test]
    fn other_spellings_of_bits_are_refused() {
        for text in ["\"\"", "\"1\"", "\"+000000000000001\"", "\"ABCDEF0000000000\"", "1"] {
            assert!(serde_json::from_str::<Bits>(text).is_err(), "{text}");
        }
    }
}
