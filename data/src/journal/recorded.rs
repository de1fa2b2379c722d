//! Completions of earlier rounds and runs, from the table `calls`: one by one, or a round for replay.

use super::calls::{DUPLICATE, PER_DOLLAR};
use super::disk::RealDisk;
use super::format::{Frame, InBatch, push_frame, push_header};
use super::index::Index;
use super::name::{SegmentName, new_incarnation};
use super::read_place;
use super::record::{Call, Choice, Finish, JournalCompletion, JournalKey, JournalRecord, Tokens};
use crate::error::{Error, Result};
use crate::layout::{CALLS, PROMPT_HASH};
use crate::read::{Projection, visit_file};
use crate::rules::{AGENT, ROUND, STATUS};
use crate::run_read::{RunDir, files_of};
use crate::table::{Column, Table};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A scratch file that has grown to this many bytes is followed by another.
const SCRATCH_BYTES_MAX: u64 = 1 << 30;

/// The completion of a committed round that was used under `key`; `None` where there is none. Row groups
/// and pages of other agents are not read.
///
/// # Errors
/// [`Error::NoSuchRound`], [`Error::Corrupt`].
pub fn find_call(run: &RunDir, key: &JournalKey) -> Result<Option<JournalCompletion>> {
    let Ok(agent) = i64::try_from(key.agent) else { return Ok(None) };
    if run.schemas()?.get(CALLS).is_none() {
        return Ok(None);
    }
    let table = run.read_agent(CALLS, key.round, agent, Projection::All)?;
    let rows = RowReader::new(&table, run.path())?;
    for row in 0..table.rows() {
        let Some(JournalRecord { call, choices }) = rows.record(row)? else { continue };
        if call.key(key.agent) == *key {
            return Ok(choices.into_iter().next().map(|choice| call.completion(0, 1, choice)));
        }
    }
    Ok(None)
}

/// The completions of one committed round for any number of lookups: keys in memory, texts in a
/// scratch folder that is removed with it.
#[derive(Debug)]
pub struct RecordedCalls {
    disk: RealDisk,
    folder: PathBuf,
    index: Index,
    len: u64,
}

impl RecordedCalls {
    /// Unpacks the completions of a round into a new folder in `scratch`.
    ///
    /// # Errors
    /// [`Error::NoSuchRound`], [`Error::Corrupt`], or [`Error::Io`] where `scratch` is full.
    pub fn open(run: &RunDir, round: u32, scratch: &Path) -> Result<Self> {
        let folder = scratch.join(format!("calls-{:016x}", new_incarnation()));
        fs::create_dir(&folder).map_err(|error| Error::io("create", &folder, error))?;
        let disk = RealDisk::new(&folder);
        let mut calls = Self { disk, folder, index: Index::default(), len: 0 };
        calls.fill(run, round)?;
        Ok(calls)
    }

    fn fill(&mut self, run: &RunDir, round: u32) -> Result<()> {
        let files = files_of(&run.commit(round)?, CALLS);
        if files.is_empty() {
            return Ok(());
        }
        let schema = run.schema(CALLS)?;
        let mut scratch = Scratch::new(self.folder.clone(), round);
        for file in files {
            let path = run.path().join(file.path());
            visit_file(&path, &schema, &mut |table| {
                let rows = RowReader::new(table, &path)?;
                for row in 0..table.rows() {
                    if let Some(record) = rows.record(row)? {
                        scratch.push(&mut self.index, &record)?;
                        self.len += 1;
                    }
                }
                Ok(())
            })?;
        }
        scratch.flush(&mut self.index)
    }

    /// The completion that was used under `key`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the scratch file has changed, [`Error::Io`].
    pub fn lookup(&self, key: &JournalKey) -> Result<Option<JournalCompletion>> {
        for (place, segment) in self.index.answers(key.round, key.agent, key.exchange, key.attempt)
        {
            let found = read_place(&self.disk, &place, &segment)?;
            if found.call.key(key.agent) == *key {
                return Ok(Some(found.call.completion(0, 1, found.choice)));
            }
        }
        Ok(None)
    }

    /// The number of completions that can be found.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was asked in the round.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for RecordedCalls {
    fn drop(&mut self) {
        // It is scratch; what cannot be removed now is in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Writes records to files in the journal's format, without waiting for the disk.
struct Scratch {
    folder: PathBuf,
    round: u32,
    number: u32,
    open: Option<(u32, u64, File)>,
    bytes: u64,
    buffer: Vec<u8>,
}

/// Bytes that are written at once.
const SCRATCH_BUFFER_BYTES: usize = 1 << 20;

impl Scratch {
    fn new(folder: PathBuf, round: u32) -> Self {
        Self { folder, round, number: 0, open: None, bytes: 0, buffer: Vec::new() }
    }

    fn push(&mut self, index: &mut Index, record: &JournalRecord) -> Result<()> {
        if self.open.is_none() {
            self.create(index)?;
        }
        let (ordinal, seed, _) = self.open.as_ref().expect("it was created above");
        let offset = self.bytes + self.buffer.len() as u64;
        let batch = InBatch { start: 0, left: 0 };
        push_frame(&mut self.buffer, *seed, offset, batch, Frame::Record(record));
        index.insert(*ordinal, offset, record);
        if self.buffer.len() >= SCRATCH_BUFFER_BYTES {
            self.flush(index)?;
        }
        if self.bytes >= SCRATCH_BYTES_MAX {
            self.flush(index)?;
            self.open = None;
        }
        Ok(())
    }

    fn create(&mut self, index: &mut Index) -> Result<()> {
        let (round, number) = (self.round, self.number);
        let name = SegmentName { round, incarnation: 0, number };
        let path = self.folder.join(name.to_string());
        let file = File::create_new(&path).map_err(|error| Error::io("create", &path, error))?;
        self.open = Some((index.add_segment(name), name.seed(), file));
        (self.number, self.bytes) = (number + 1, 0);
        push_header(&mut self.buffer, &name);
        Ok(())
    }

    fn flush(&mut self, index: &mut Index) -> Result<()> {
        let Some((ordinal, _, file)) = &mut self.open else { return Ok(()) };
        let written = file.write_all(&self.buffer);
        written.map_err(|error| Error::io("write", &self.folder, error))?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        index.set_bytes(*ordinal, self.bytes);
        Ok(())
    }
}

/// Reads rows of `calls` back.
struct RowReader<'a> {
    path: &'a Path,
    columns: [&'a Column; NAMES.len()],
}

const NAMES: [&str; 13] = [
    AGENT,
    ROUND,
    "exchange",
    "attempt",
    STATUS,
    PROMPT_HASH,
    "model_hash",
    "parameters_hash",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cost_usd",
    "reply",
];

impl<'a> RowReader<'a> {
    fn new(table: &'a Table, path: &'a Path) -> Result<Self> {
        let mut columns = Vec::with_capacity(NAMES.len());
        for name in NAMES {
            let missing = || Error::corrupt(path, format!("the table has no column `{name}`"));
            columns.push(table.column(name).ok_or_else(missing)?);
        }
        let columns = columns.try_into().expect("there is a column for each name");
        Ok(Self { path, columns })
    }

    /// The completion in a row as a record of its own; `None` for duplicates.
    fn record(&self, row: usize) -> Result<Option<JournalRecord>> {
        let [agent, round, exchange, attempt, status, prompt, model, parameters, ..] = self.columns;
        if status.values.text(row) == Some(DUPLICATE) {
            return Ok(None);
        }
        let record = (|| {
            let call = Call {
                round: integer(round, row)?,
                exchange: integer(exchange, row)?,
                attempt: integer(attempt, row)?,
                prompt: digest(prompt, row)?,
                model: digest(model, row)?,
                parameters: digest(parameters, row)?,
                model_index: 0,
                endpoint: 0,
                latency_us: 0,
                tokens: self.tokens(row)?,
                cost: (self.columns[11].values.number(row)? * PER_DOLLAR).round() as u64,
            };
            let finish = Finish::from_word(status.values.text(row)?)?;
            let text = self.columns[12].values.text(row)?.into();
            let choices = vec![Choice { agent: integer(agent, row)?, text, finish }];
            Some(JournalRecord { call, choices })
        })();
        let problem = || Error::corrupt(self.path, format!("row {row} is not a completion"));
        record.map(Some).ok_or_else(problem)
    }

    fn tokens(&self, row: usize) -> Option<Tokens> {
        Some(Tokens {
            prompt: integer(self.columns[8], row)?,
            completion: integer(self.columns[9], row)?,
            cached: integer(self.columns[10], row)?,
        })
    }
}

fn integer<T: TryFrom<i64>>(column: &Column, row: usize) -> Option<T> {
    column.values.integer(row)?.try_into().ok()
}

fn digest(column: &Column, row: usize) -> Option<[u8; 32]> {
    let text = column.values.text(row)?.as_bytes();
    let mut digest = [0; 32];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, &[high, low]) in digest.iter_mut().zip(pairs) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = ((nibble(high)? << 4) | nibble(low)?) as u8;
    }
    Some(digest)
}
