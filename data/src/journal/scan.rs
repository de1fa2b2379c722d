//! Reads a segment from its start, tells a torn end from a damaged middle, and finds single choices.

use super::disk::Shelf;
use super::format::{
    CALL_BYTES, CHOICE_BYTES, ChoiceRow, HEAD_BYTES, HEADER_BYTES, Head, Kind, SEAL_BYTES,
    check_header, may_begin, read_call, read_record, read_seal,
};
use super::name::SegmentName;
use super::record::{Call, Choice, JournalRecord};
use crate::error::{Error, Result};
use std::fmt;

/// Bytes read at a time.
const WINDOW_BYTES: usize = 1 << 20;
/// Bytes looked through at a time for a frame after a damage; a part of [`WINDOW_BYTES`].
const SEARCH_BYTES: usize = 1 << 16;
/// Bytes read at once for a single choice; most requests have one short text.
const GLANCE_BYTES: usize = 4_096;

/// The torn end of a segment, which was left out: no record in it had been acknowledged, unless the
/// disk itself lost it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file name.
    pub segment: String,
    /// Where the sound part ends.
    pub offset: u64,
    /// Bytes left out.
    pub bytes: u64,
    /// Records left out, at least; what cannot be read cannot be counted.
    pub records_min: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, offset, bytes, records_min } = self;
        write!(
            out,
            "journal/{segment}: its last write was torn; cut at byte {offset}, dropping {bytes} \
             bytes with at least {records_min} unacknowledged records"
        )
    }
}

/// What a segment was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Records read.
    pub(super) records: u64,
    /// Where the sound part ends.
    pub(super) end: u64,
    /// Where its last batch begins: what lies before is known to be durable.
    pub(super) last_batch: u64,
    /// Whether its writer finished it.
    pub(super) sealed: bool,
    /// What was left out.
    pub(super) cut: Option<Cut>,
}

/// Hands every record of a segment, with its offset, to `each`.
///
/// # Errors
/// [`Error::Corrupt`] with the offset where something is damaged that was durable once: a later
/// batch is there, and a batch is begun only after the one before is durable.
pub(super) fn scan(
    shelf: &dyn Shelf,
    name: &SegmentName,
    each: &mut dyn FnMut(u64, JournalRecord),
) -> Result<Scanned> {
    let file = name.to_string();
    let io = |error| Error::io("read", &shelf.path(&file), error);
    let len = shelf.len(&file).map_err(io)?;
    let window =
        Window { shelf, file: &file, len, chunk: WINDOW_BYTES, start: 0, bytes: Vec::new() };
    let mut scanner = Scanner { name, seed: name.seed(), window, records: 0, left: 0, batch: 0 };
    scanner.run(each)
}

struct Scanner<'a> {
    name: &'a SegmentName,
    seed: u64,
    window: Window<'a>,
    records: u64,
    /// Frames that the batch of the last sound frame still has to come.
    left: u32,
    /// Where the batch of the last sound frame begins.
    batch: u32,
}

impl Scanner<'_> {
    fn run(&mut self, each: &mut dyn FnMut(u64, JournalRecord)) -> Result<Scanned> {
        if !self.header()? {
            return self.damaged(0);
        }
        let mut offset = HEADER_BYTES as u64;
        while offset < self.window.len {
            let Some(head) = self.frame(offset)? else { return self.damaged(offset) };
            let end = offset + head.frame_bytes();
            let payload = self.window.get(offset + HEAD_BYTES as u64, head.payload as usize)?;
            if head.kind == Kind::Seal {
                let records = payload.and_then(read_seal);
                return self.sealed(records, offset, end);
            }
            let Some(record) = payload.and_then(read_record) else {
                return Err(self.corrupt(offset, "the record there makes no sense"));
            };
            if record.call.round != self.name.round {
                return Err(self.corrupt(offset, "the record there is of another round"));
            }
            self.records += 1;
            (self.left, self.batch) = (head.left, head.batch);
            each(offset, record);
            offset = end;
        }
        Ok(self.scanned(offset, false, None))
    }

    fn scanned(&self, end: u64, sealed: bool, cut: Option<Cut>) -> Scanned {
        Scanned { records: self.records, end, last_batch: self.batch.into(), sealed, cut }
    }

    fn header(&mut self) -> Result<bool> {
        let Some(bytes) = self.window.get(0, HEADER_BYTES)? else { return Ok(false) };
        check_header(bytes, self.name).map_err(|version| {
            let problem =
                format!("it has version {version} of the format, which is not known here");
            self.window.corrupt(problem)
        })
    }

    /// The head of a frame whose head and payload are sound.
    fn frame(&mut self, offset: u64) -> Result<Option<Head>> {
        let seed = self.seed;
        let Some(bytes) = self.window.get(offset, HEAD_BYTES)? else { return Ok(None) };
        let Some(head) = Head::read(bytes, seed, offset) else { return Ok(None) };
        let payload = self.window.get(offset + HEAD_BYTES as u64, head.payload as usize)?;
        Ok(payload.is_some_and(|payload| head.is_payload(payload, seed)).then_some(head))
    }

    fn sealed(&mut self, records: Option<u64>, offset: u64, end: u64) -> Result<Scanned> {
        if records != Some(self.records) {
            return Err(self.corrupt(offset, "the seal there counts other records"));
        }
        if end == self.window.len {
            return Ok(self.scanned(end, true, None));
        }
        // Of a batch that was cut off before the seal was written, and whose cut the disk lost.
        self.left = 0;
        self.damaged(end).map(|found| Scanned { sealed: true, ..found })
    }

    /// Something at `offset` is not sound: an error where it was durable once, a cut elsewhere.
    fn damaged(&mut self, offset: u64) -> Result<Scanned> {
        let mut readable = 0;
        let mut at = offset + 1;
        while let Some(found) = self.next_candidate(at)? {
            at = found + 1;
            let Some(head) = self.frame(found)? else { continue };
            if u64::from(head.batch) > offset {
                return Err(self.corrupt(offset, "what was written later is sound"));
            }
            readable += u64::from(head.kind == Kind::Record);
            at = found + head.frame_bytes();
        }
        let bytes = self.window.len - offset;
        let more_than_a_seal = u64::from(bytes > SEAL_BYTES);
        let records_min = readable.max(u64::from(self.left)).max(more_than_a_seal);
        let cut = Cut { segment: self.name.to_string(), offset, bytes, records_min };
        Ok(self.scanned(offset, false, (bytes > 0).then_some(cut)))
    }

    /// The next place from `at` on where a frame may begin.
    fn next_candidate(&mut self, mut at: u64) -> Result<Option<u64>> {
        while self.window.len.saturating_sub(at) >= HEAD_BYTES as u64 {
            let size = (self.window.len - at).min(SEARCH_BYTES as u64) as usize;
            let Some(bytes) = self.window.get(at, size)? else { return Ok(None) };
            if let Some(place) = bytes.windows(4).position(may_begin) {
                return Ok(Some(at + place as u64));
            }
            at += size as u64 - 3;
        }
        Ok(None)
    }

    fn corrupt(&self, offset: u64, problem: &str) -> Error {
        self.window.corrupt(format!("it is damaged at byte {offset}: {problem}"))
    }
}

/// A part of a file in memory.
struct Window<'a> {
    shelf: &'a dyn Shelf,
    file: &'a str,
    len: u64,
    /// Bytes read at a time.
    chunk: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes at `offset`, or `None` where the file ends before.
    fn get(&mut self, offset: u64, size: usize) -> Result<Option<&[u8]>> {
        if self.len.saturating_sub(offset) < size as u64 {
            return Ok(None);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + size as u64 > end {
            let wanted = (self.len - offset).min(size.max(self.chunk) as u64) as usize;
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.resize(wanted, 0);
            let read = self.shelf.read_at(self.file, offset, &mut bytes);
            read.map_err(|error| Error::io("read", &self.shelf.path(self.file), error))?;
            (self.start, self.bytes) = (offset, bytes);
        }
        let from = (offset - self.start) as usize;
        Ok(self.bytes.get(from..from + size))
    }

    fn corrupt(&self, problem: String) -> Error {
        Error::corrupt(&self.shelf.path(self.file), problem)
    }
}

/// One choice and the request it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) call: Call,
    /// Choices of the request.
    pub(super) count: u32,
    pub(super) choice: Choice,
}

/// Reads choice `place` of the frame at `offset`, and little else.
///
/// # Errors
/// [`Error::Corrupt`] where the frame is not what it was when the journal was opened.
pub(super) fn read_choice(
    shelf: &dyn Shelf,
    name: &SegmentName,
    segment_bytes: u64,
    offset: u64,
    place: u32,
) -> Result<Found> {
    let file = name.to_string();
    let (len, chunk) = (segment_bytes, GLANCE_BYTES);
    let mut window = Window { shelf, file: &file, len, chunk, start: 0, bytes: Vec::new() };
    let found = choice_in(&mut window, name.seed(), offset, place)?;
    found.ok_or_else(|| {
        window.corrupt(format!("it is damaged at byte {offset}: the record there has changed"))
    })
}

/// Whether the payload is as it was written. Large ones are read in parts, whose texts have checks
/// of their own.
fn is_whole(window: &mut Window<'_>, seed: u64, offset: u64, head: &Head) -> Result<bool> {
    let payload = window.get(offset + HEAD_BYTES as u64, head.payload as usize)?;
    Ok(payload.is_some_and(|payload| head.is_payload(payload, seed)))
}

fn choice_in(window: &mut Window<'_>, seed: u64, offset: u64, place: u32) -> Result<Option<Found>> {
    let Some(bytes) = window.get(offset, HEAD_BYTES + CALL_BYTES)? else { return Ok(None) };
    let head = Head::read(bytes, seed, offset);
    let call = read_call(&bytes[HEAD_BYTES..]);
    let (Some(head), Some((call, count))) = (head, call) else { return Ok(None) };
    let small = head.frame_bytes() <= GLANCE_BYTES as u64;
    let sound = !small || is_whole(window, seed, offset, &head)?;
    if !sound || head.kind != Kind::Record || place as usize >= count {
        return Ok(None);
    }
    let table = offset + (HEAD_BYTES + CALL_BYTES) as u64;
    let texts = table + (count * CHOICE_BYTES) as u64;
    let mut row = |place: u64| {
        let bytes = window.get(table + place * CHOICE_BYTES as u64, CHOICE_BYTES)?;
        Ok::<_, Error>(bytes.map(ChoiceRow::read))
    };
    let place = u64::from(place);
    let start = if place == 0 { Some(0) } else { row(place - 1)?.map(|row| row.end) };
    let (Some(start), Some(row)) = (start, row(place)?) else { return Ok(None) };
    let Some(size) = row.end.checked_sub(start) else { return Ok(None) };
    let text = window.get(texts + u64::from(start), size as usize)?;
    let choice = text.and_then(|text| row.choice(text));
    Ok(choice.map(|choice| Found { call, count: count as u32, choice }))
}
