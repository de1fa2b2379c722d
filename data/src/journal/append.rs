//! Makes batches of records durable: one write and one flush for all records of a round that wait.

use super::disk::{Disk, DiskFile, write_all};
use super::format::{Frame, HEAD_BYTES, InBatch, PAYLOAD_BYTES_MAX, push_frame, push_header};
use super::index::Index;
use super::name::SegmentName;
use super::record::{AppendError, JournalRecord};
use super::room::Taken;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A segment that has grown to this many bytes is finished; offsets fit in 32 bits with room to spare.
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;
/// Rounds with an open segment; beyond it the earliest is finished.
const OPEN_ROUNDS_MAX: usize = 4;
/// Room that is kept for the next batch; a larger one is given back.
const BUFFER_BYTES_KEPT: usize = 16 << 20;

const _: () = assert!(
    SEGMENT_BYTES_MAX + super::BATCH_BYTES_MAX as u64 + 2 * (PAYLOAD_BYTES_MAX + HEAD_BYTES) as u64
        <= u32::MAX as u64,
    "an offset must fit in 32 bits"
);

/// Called once with the outcome of an append, whatever happens to the journal.
pub(super) struct Receipt(Option<Box<dyn FnOnce(Outcome) + Send>>);

/// What an append came to.
pub(super) type Outcome = Result<(), AppendError>;

impl Receipt {
    pub(super) fn new(done: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Some(Box::new(done)))
    }

    pub(super) fn done(mut self, outcome: Outcome) {
        self.call(outcome);
    }

    fn call(&mut self, outcome: Outcome) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.call(Err(AppendError::Ended));
    }
}

/// A record that waits to become durable.
pub(super) struct Pending {
    pub(super) record: JournalRecord,
    pub(super) receipt: Receipt,
    /// What it takes of the queue's room until it is written.
    pub(super) room: Taken,
}

/// The index, shared by the thread that writes and those that look up.
pub(super) type SharedIndex = Arc<Mutex<Index>>;

/// Locks the index. It stays sound when a holder panics: every change of it is a single insertion.
pub(super) fn lock(index: &SharedIndex) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the segments of one incarnation.
#[derive(Debug)]
pub(super) struct Appender {
    disk: Arc<dyn Disk>,
    index: SharedIndex,
    incarnation: u64,
    next_number: u32,
    open: BTreeMap<u32, OpenSegment>,
    /// Rounds up to this one take no more records.
    closed: Option<u32>,
    failed: Option<AppendError>,
    buffer: Vec<u8>,
    /// Bytes at which a segment is finished.
    segment_bytes_max: u64,
}

#[derive(Debug)]
struct OpenSegment {
    name: SegmentName,
    seed: u64,
    ordinal: u32,
    file: Box<dyn DiskFile>,
    /// Bytes that are durable.
    bytes: u64,
    records: u64,
}

impl Appender {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        index: SharedIndex,
        incarnation: u64,
        closed: Option<u32>,
    ) -> Self {
        Self {
            disk,
            index,
            incarnation,
            next_number: 0,
            open: BTreeMap::new(),
            closed,
            failed: None,
            buffer: Vec::new(),
            segment_bytes_max: SEGMENT_BYTES_MAX,
        }
    }

    /// The same with smaller segments.
    #[cfg(test)]
    pub(super) fn with_segment_bytes_max(self, segment_bytes_max: u64) -> Self {
        Self { segment_bytes_max, ..self }
    }

    /// Makes a batch durable and reports to each receipt.
    pub(super) fn commit(&mut self, batch: impl IntoIterator<Item = Pending>) {
        let mut rounds: BTreeMap<u32, (Vec<JournalRecord>, Vec<(Receipt, Taken)>)> =
            BTreeMap::new();
        for Pending { record, receipt, room } in batch {
            match self.admit(&record) {
                Err(refusal) => receipt.done(Err(refusal)),
                Ok(()) => {
                    let (records, receipts) = rounds.entry(record.call.round).or_default();
                    records.push(record);
                    receipts.push((receipt, room));
                }
            }
        }
        for (round, (records, receipts)) in rounds {
            let outcome = self.write_round(round, &records);
            drop(records);
            for (receipt, room) in receipts {
                drop(room);
                receipt.done(outcome.clone());
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
    }

    fn admit(&self, record: &JournalRecord) -> Outcome {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let round = record.call.round;
        if self.closed.is_some_and(|closed| round <= closed) {
            return Err(AppendError::RoundClosed(round));
        }
        record.check()
    }

    fn write_round(&mut self, round: u32, records: &[JournalRecord]) -> Outcome {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.try_write(round, records).map_err(|error| self.fail(round, &error))
    }

    /// A flush that failed may have dropped what it should have written, so that a second one would
    /// report a success that is none: the journal ends here. The unacknowledged end is cut off, as
    /// far as the disk lets it, so that nobody reads what may be in memory only.
    fn fail(&mut self, round: u32, error: &io::Error) -> AppendError {
        if let Some(mut segment) = self.open.remove(&round) {
            let cut = segment.file.truncate(segment.bytes);
            // The first failure is the one to report.
            let _ = cut.and_then(|()| segment.file.sync());
        }
        self.open.clear();
        let failed = AppendError::Failed(error.to_string().into());
        self.failed = Some(failed.clone());
        failed
    }

    fn try_write(&mut self, round: u32, records: &[JournalRecord]) -> io::Result<()> {
        if self.open.get(&round).is_some_and(|segment| segment.bytes >= self.segment_bytes_max) {
            self.seal(round)?;
        }
        if !self.open.contains_key(&round) {
            self.create(round)?;
        }
        let segment = self.open.get_mut(&round).expect("it was created above");
        let buffer = &mut self.buffer;
        buffer.clear();
        let fresh = segment.bytes == 0;
        if fresh {
            push_header(buffer, &segment.name);
        }
        let (start, mut left) = (segment.bytes as u32, records.len() as u32);
        let mut offsets = Vec::with_capacity(records.len());
        for record in records {
            left -= 1;
            let offset = segment.bytes + buffer.len() as u64;
            offsets.push(offset);
            let batch = InBatch { start, left };
            push_frame(buffer, segment.seed, offset, batch, Frame::Record(record));
        }
        write_all(&mut *segment.file, buffer)?;
        segment.file.sync()?;
        if fresh {
            self.disk.sync_names()?;
        }
        segment.bytes += buffer.len() as u64;
        segment.records += records.len() as u64;
        let mut index = lock(&self.index);
        index.set_bytes(segment.ordinal, segment.bytes);
        for (&offset, record) in offsets.iter().zip(records) {
            index.insert(segment.ordinal, offset, record);
        }
        Ok(())
    }

    fn create(&mut self, round: u32) -> io::Result<()> {
        if self.open.len() >= OPEN_ROUNDS_MAX {
            let earliest = self.open.keys().next().copied();
            earliest.map_or(Ok(()), |round| self.seal(round))?;
        }
        let number = self.next_number;
        let name = SegmentName { round, incarnation: self.incarnation, number };
        let file = self.disk.create(&name.to_string())?;
        self.next_number += 1;
        let ordinal = lock(&self.index).add_segment(name);
        let seed = name.seed();
        self.open.insert(round, OpenSegment { name, seed, ordinal, file, bytes: 0, records: 0 });
        Ok(())
    }

    /// Finishes the segment of a round, so that later damage anywhere in it is found out.
    fn seal(&mut self, round: u32) -> io::Result<()> {
        let Some(segment) = self.open.get_mut(&round) else { return Ok(()) };
        let mut seal = Vec::new();
        push_seal(&mut seal, segment.seed, segment.bytes, segment.records);
        write_all(&mut *segment.file, &seal)?;
        segment.file.sync()?;
        self.open.remove(&round);
        Ok(())
    }

    /// Takes no more records of rounds up to `round` and finishes their segments.
    pub(super) fn close_rounds(&mut self, round: u32) -> Outcome {
        self.closed = self.closed.max(Some(round));
        // Nobody may have waited for what failed, and a commit must not go without it.
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let open: Vec<u32> = self.open.range(..=round).map(|(&round, _)| round).collect();
        open.into_iter().try_for_each(|round| self.finish_round(round))
    }

    /// Finishes all segments.
    pub(super) fn finish(&mut self) -> Outcome {
        let open: Vec<u32> = self.open.keys().copied().collect();
        open.into_iter().try_for_each(|round| self.finish_round(round))
    }

    fn finish_round(&mut self, round: u32) -> Outcome {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.seal(round).map_err(|error| self.fail(round, &error))
    }
}

/// Appends a seal that will lie at `offset`.
pub(super) fn push_seal(buffer: &mut Vec<u8>, seed: u64, offset: u64, records: u64) {
    let batch = InBatch { start: offset as u32, left: 0 };
    push_frame(buffer, seed, offset, batch, Frame::Seal { records });
}
