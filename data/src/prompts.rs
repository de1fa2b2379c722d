//! The table `prompts`: each distinct prompt of a round once, written while the round is played.

use crate::digest::hex;
use crate::durable::TmpFile;
use crate::error::{Error, Result};
use crate::layout::{PROMPT_HASH, PROMPTS};
use crate::pick::Wanted;
use crate::read::Projection;
use crate::rules::ROUND;
use crate::run_read::RunDir;
use crate::schema::TableSchema;
use crate::stream::TableStream;
use crate::table::{Column, Table, Values};
use crate::text::Text;
use crate::writer::{Stamp, Written};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows that wait in memory to be encoded.
const CHUNK_ROWS: usize = 4_096;
/// Bytes of text that wait in memory to be encoded.
const CHUNK_BYTES: usize = 8 << 20;
/// Roles that the messages of a round may have.
pub const ROLES_MAX: usize = 256;

/// Which prompts are kept with their texts; `calls` names each by its digest in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptStorage {
    /// None.
    Hash,
    /// So many of a thousand, chosen by their digests: the same ones in every run.
    Sample {
        /// Of a thousand.
        per_mille: u16,
    },
    /// All.
    All,
}

impl PromptStorage {
    /// Whether the texts of the prompt with this digest are kept.
    pub fn keeps(self, digest: &[u8; 32]) -> bool {
        match self {
            Self::Hash => false,
            Self::All => true,
            Self::Sample { per_mille } => {
                let drawn = u64::from(u16::from_be_bytes([digest[0], digest[1]]));
                drawn * 1_000 < u64::from(per_mille) << 16
            }
        }
    }
}

/// A message of a prompt that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub text: String,
}

/// Takes the prompts of rounds that are not committed yet, from whoever asks them.
#[derive(Debug)]
pub struct PromptLog {
    tmp: PathBuf,
    stamp: Stamp,
    storage: PromptStorage,
    rounds: Mutex<BTreeMap<u32, OpenRound>>,
}

/// A finished file of a round that is neither durable nor in its place.
pub(crate) type Finished = (TmpFile, TableSchema, File, Written);

impl PromptLog {
    /// A log whose unfinished files lie in `tmp`; the stamp's round is left out of account.
    pub(crate) fn new(tmp: PathBuf, stamp: Stamp, storage: PromptStorage) -> Self {
        Self { tmp, stamp, storage, rounds: Mutex::default() }
    }

    /// Adds a prompt: its digest and its messages, as roles and texts. One that the round has already is
    /// passed over. Ascending digests make [`find_prompt`] read little.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses; the round can then no longer be committed.
    pub fn add(&self, round: u32, digest: &[u8; 32], messages: &[(&str, &str)]) -> Result<()> {
        if !self.storage.keeps(digest) {
            return Ok(());
        }
        let mut rounds = self.lock();
        let open = rounds.entry(round).or_insert_with(|| OpenRound::new(&self.tmp, round));
        if !open.known.insert(*digest) {
            return Ok(());
        }
        for (place, (role, text)) in (0..).zip(messages) {
            open.rows.push(digest, place, role, text)?;
        }
        let full = open.rows.hashes.len() >= CHUNK_ROWS || open.rows.text_bytes >= CHUNK_BYTES;
        if full { open.encode(&self.stamp) } else { Ok(()) }
    }

    /// Finishes the file of a round; `None` where nothing was kept.
    pub(crate) fn take(&self, round: u32) -> Result<Option<Finished>> {
        let Some(mut open) = self.lock().remove(&round) else { return Ok(None) };
        open.encode(&self.stamp)?;
        let OpenRound { unfinished, stream, .. } = open;
        let Some((schema, stream)) = stream else { return Ok(None) };
        let (file, written) = stream.finish()?;
        Ok(Some((unfinished, schema, file, written)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, OpenRound>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The prompts of a round so far.
#[derive(Debug)]
struct OpenRound {
    round: u32,
    unfinished: TmpFile,
    stream: Option<(TableSchema, TableStream)>,
    rows: Rows,
    known: BTreeSet<[u8; 32]>,
    /// Set while rows are encoded, and left set where that failed: the file lacks them.
    broken: bool,
}

impl OpenRound {
    fn new(tmp: &Path, round: u32) -> Self {
        let unfinished = TmpFile::new(tmp, &format!("{PROMPTS}-{round:06}"));
        let (rows, known) = (Rows::default(), BTreeSet::new());
        Self { round, unfinished, stream: None, rows, known, broken: false }
    }

    fn encode(&mut self, stamp: &Stamp) -> Result<()> {
        if self.broken {
            return Err(Error::WriterStopped { path: self.unfinished.path().to_owned() });
        }
        if self.rows.hashes.is_empty() {
            return Ok(());
        }
        self.broken = true;
        let table = std::mem::take(&mut self.rows).table(self.round)?;
        let (_, stream) = match &mut self.stream {
            Some(open) => open,
            None => {
                let stamp = Stamp { round: self.round, state_hash: None, ..stamp.clone() };
                let schema = table.schema();
                let path = self.unfinished.path();
                let created = TableStream::create(path, schema.clone(), &stamp)?;
                self.stream.insert((schema, created))
            }
        };
        stream.push(table)?;
        self.broken = false;
        Ok(())
    }
}

/// Rows of the table, column by column.
#[derive(Debug, Default)]
struct Rows {
    hashes: Text,
    places: Vec<i32>,
    roles: Vec<u8>,
    role_names: Vec<String>,
    texts: Text,
    text_bytes: usize,
}

impl Rows {
    fn push(&mut self, digest: &[u8; 32], place: i32, role: &str, text: &str) -> Result<()> {
        let known = self.role_names.iter().position(|name| name == role);
        let code = known.unwrap_or(self.role_names.len());
        let code = u8::try_from(code).map_err(|_| Error::Limit {
            what: "the number of roles".to_owned(),
            found: code as u64 + 1,
            limit: ROLES_MAX as u64,
        })?;
        if known.is_none() {
            self.role_names.push(role.to_owned());
        }
        self.hashes.push(&hex(digest));
        self.places.push(place);
        self.roles.push(code);
        self.texts.push(text);
        self.text_bytes += text.len();
        Ok(())
    }

    fn table(self, round: u32) -> Result<Table> {
        let rounds = Values::I32Repeat { value: round as i32, rows: self.hashes.len() };
        let roles = Values::Category { codes: self.roles, names: self.role_names };
        let column = Column::new;
        Table::new(
            PROMPTS,
            vec![
                column(ROUND, "The round.", rounds),
                column(
                    PROMPT_HASH,
                    "SHA-256 of the prompt, in hex, as in `calls`.",
                    Values::Text(self.hashes),
                ),
                column("message", "Which message of the prompt, from 0.", Values::I32(self.places)),
                column("role", "Who says it: system, user or assistant.", roles),
                column("text", "The message.", Values::Text(self.texts)),
            ],
        )
    }
}

/// The messages of a prompt of a committed round, by its digest in hex as `calls` has it; `None` where they were
/// not kept.
///
/// # Errors
/// [`Error::NoSuchRound`], [`Error::Corrupt`].
pub fn find_prompt(run: &RunDir, round: u32, hash: &str) -> Result<Option<Vec<PromptMessage>>> {
    if run.schemas()?.get(PROMPTS).is_none() {
        return Ok(None);
    }
    let wanted = Wanted::Prompt(hash.to_owned());
    let table = run.read_wanted(PROMPTS, round, Some(&wanted), Projection::All)?;
    let missing = |name: &str| Error::corrupt(run.path(), format!("`{PROMPTS}` has no `{name}`"));
    let column = |name: &str| table.column(name).ok_or_else(|| missing(name));
    let (places, roles, texts) = (column("message")?, column("role")?, column("text")?);
    let mut messages = BTreeMap::new();
    for row in 0..table.rows() {
        let read = || {
            let (role, text) = (roles.values.text(row)?, texts.values.text(row)?);
            let message = PromptMessage { role: role.to_owned(), text: text.to_owned() };
            Some((places.values.integer(row)?, message))
        };
        // Several shards may have kept the same prompt.
        messages.extend(read());
    }
    Ok((!messages.is_empty()).then(|| messages.into_values().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::Accounting;
    use crate::manifest::Origin;
    use crate::run_write::{NewRun, RoundOutput, WritableRun};
    use std::fs;

    fn output(round: u32) -> RoundOutput {
        RoundOutput {
            round,
            shard: 0,
            tables: vec![],
            accounting: Accounting::nobody_asked(3),
            state_hash: None,
            state: BTreeMap::new(),
            wall_us: None,
            calls: None,
        }
    }

    fn new_run(out: &Path) -> WritableRun {
        let origin = Origin { scenario: "game".to_owned(), agents: 3, ..Origin::default() };
        let new = NewRun { id: None, config_toml: String::new(), origin };
        let mut run = WritableRun::create(out, new).unwrap();
        let agents = Values::I64Sequence { first: 0, rows: 3 };
        let people = Table::new("people", vec![Column::new("agent", "Id.", agents)]).unwrap();
        run.commit(RoundOutput { tables: vec![people], ..output(0) }).unwrap();
        run
    }

    fn digest(number: u64) -> [u8; 32] {
        let mut digest = [7; 32];
        digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        digest
    }

    #[test]
    fn prompts_are_kept_once_and_found_by_their_digest() {
        let out = tempfile::tempdir().unwrap();
        let mut run = new_run(out.path());
        let log = run.open_prompts(PromptStorage::All);
        for _ in 0..2 {
            for number in 0..9_000 {
                let text = format!("You are {number}.");
                let messages = [("system", "Guess."), ("user", text.as_str())];
                log.add(1, &digest(number), &messages).unwrap();
            }
        }
        log.add(2, &digest(1), &[("user", "later")]).unwrap();
        let record = run.commit(output(1)).unwrap();
        assert_eq!(record.files[0].path, "prompts/round-000001.s00.parquet");
        assert_eq!(record.files[0].rows, 18_000);
        let reader = run.reader().unwrap();
        for number in [0, 1, 4_095, 4_096, 8_999] {
            let found = find_prompt(&reader, 1, &hex(&digest(number))).unwrap().unwrap();
            let message = |role: &str, text: String| PromptMessage { role: role.to_owned(), text };
            let expected =
                [message("system", "Guess.".into()), message("user", format!("You are {number}."))];
            assert_eq!(found, expected);
        }
        assert_eq!(find_prompt(&reader, 1, &hex(&digest(9_000))).unwrap(), None);
        run.commit(output(2)).unwrap();
        let later = find_prompt(&reader, 2, &hex(&digest(1))).unwrap().unwrap();
        assert_eq!(later[0].text, "later");
        let about: Vec<_> =
            reader.verify().problems.into_iter().filter(|p| p.path.contains(PROMPTS)).collect();
        assert_eq!(about, []);
    }

    #[test]
    fn a_run_that_is_given_up_leaves_no_unfinished_file() {
        let out = tempfile::tempdir().unwrap();
        let mut run = new_run(out.path());
        let tmp = run.path().join("tmp");
        let log = run.open_prompts(PromptStorage::All);
        for number in 0..5_000 {
            log.add(1, &digest(number), &[("user", "x")]).unwrap();
        }
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 1, "it is written meanwhile");
        drop((run, log));
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    }

    #[test]
    fn a_prompt_that_could_not_be_written_is_told_at_the_commit_too() {
        let out = tempfile::tempdir().unwrap();
        let mut run = new_run(out.path());
        let log = run.open_prompts(PromptStorage::All);
        fs::remove_dir_all(run.path().join("tmp")).unwrap();
        let mut added = (0..5_000).map(|number| log.add(1, &digest(number), &[("user", "x")]));
        assert!(added.any(|added| added.is_err()));
        fs::create_dir(run.path().join("tmp")).unwrap();
        assert!(run.commit(output(1)).is_err(), "the round lacks prompts");
    }

    #[test]
    fn a_sample_is_the_same_prompts_everywhere() {
        let kept = |storage: PromptStorage| {
            (0..10_000).filter(|&number| storage.keeps(&digest(number))).count()
        };
        assert_eq!(kept(PromptStorage::Hash), 0);
        assert_eq!(kept(PromptStorage::All), 10_000);
        assert_eq!(kept(PromptStorage::Sample { per_mille: 1_000 }), 10_000);
        let tenth = kept(PromptStorage::Sample { per_mille: 100 });
        assert!((900..1_100).contains(&tenth), "{tenth}");
    }
}
