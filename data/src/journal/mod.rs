//! The journal of completions: every paid completion is on disk before anyone may use it.
//!
//! Records wait in a bounded queue for one thread, which writes all that wait at once, flushes them
//! with one `fdatasync`, and then reports to each caller. Keys are kept in memory, texts on disk. When
//! a round is committed its completions have become the table `calls`, and its segments are removed.

mod append;
mod calls;
mod disk;
mod format;
pub(crate) mod fuzz;
mod index;
mod name;
mod open;
mod record;
mod recorded;
mod room;
mod scan;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use self::append::{Appender, Outcome, Pending, Receipt, SharedIndex, lock};
use self::disk::{Disk, RealDisk};
use self::index::{Place, Segment};
use self::room::Room;
use self::scan::{Found, read_choice};
use crate::error::{Error, Result};
use crate::lock::RunLock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

pub use self::append::SEGMENT_BYTES_MAX;
pub(crate) use self::calls::write_calls;
pub use self::calls::{DUPLICATE, ModelNames};
pub use self::format::JOURNAL_VERSION;
pub use self::open::Opening;
pub use self::record::{
    AppendError, CHOICES_MAX, Call, Choice, Finish, JournalCompletion, JournalKey, JournalRecord,
    RECORD_TEXT_BYTES_MAX, Tokens,
};
pub use self::recorded::{RecordedCalls, find_call};
pub use self::scan::Cut;

/// Records that may wait for the thread that writes; a caller of [`Journal::append`] waits beyond it.
pub const QUEUE_RECORDS_MAX: usize = 8_192;
/// Bytes that may wait with them; a caller waits beyond it, unless nothing else waits.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Records that are written and flushed at once.
const BATCH_RECORDS_MAX: usize = 8_192;
/// Bytes at which a batch is full.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// A journal that this process writes.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    index: SharedIndex,
    incarnation: u64,
    /// `None` once finished.
    queue: Option<SyncSender<Command>>,
    room: Arc<Room>,
    thread: Option<JoinHandle<Outcome>>,
    /// Held by a journal that belongs to no run; a run has a lock of its own.
    lock: Option<RunLock>,
}

enum Command {
    Append(Pending),
    CloseRounds(u32, Receipt),
}

impl Journal {
    /// Opens the journal in `folder`, which must exist, and starts its thread.
    ///
    /// Segments of rounds up to `committed` are removed: a commit record exists, so that their
    /// completions are in the table `calls`. The torn ends of others are told as [`Cut`]s.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with file and offset where completions were lost that had been durable,
    /// [`Error::Io`] where the system refuses.
    pub fn open(
        folder: &Path,
        committed: Option<u32>,
        opening: Opening,
    ) -> Result<(Self, Vec<Cut>)> {
        Self::open_on(folder, Arc::new(RealDisk::new(folder)), committed, opening)
    }

    fn open_on(
        folder: &Path,
        disk: Arc<dyn Disk>,
        committed: Option<u32>,
        opening: Opening,
    ) -> Result<(Self, Vec<Cut>)> {
        let (index, cuts) = open::take_stock(&*disk, committed, opening)?;
        let index: SharedIndex = Arc::new(Mutex::new(index));
        let incarnation = name::new_incarnation();
        let appender = Appender::new(Arc::clone(&disk), Arc::clone(&index), incarnation, committed);
        let (queue, waiting) = sync_channel(QUEUE_RECORDS_MAX);
        let thread = thread::Builder::new()
            .name("throng-journal".to_owned())
            .spawn(move || write_all(appender, &waiting))
            .map_err(|error| Error::io("start the writer of", folder, error))?;
        let folder = folder.to_owned();
        let (queue, thread) = (Some(queue), Some(thread));
        let room = Room::new(QUEUE_BYTES_MAX);
        Ok((Self { folder, disk, index, incarnation, queue, room, thread, lock: None }, cuts))
    }

    /// Opens a journal that belongs to no run, in a folder that is made where there is none; nobody else can
    /// open it so until it is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it open, and as [`Journal::open`].
    pub fn open_alone(folder: &Path) -> Result<(Self, Vec<Cut>)> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        let lock = RunLock::take(folder)?;
        let (mut journal, cuts) = Self::open(folder, None, Opening::Alone)?;
        journal.lock = Some(lock);
        Ok((journal, cuts))
    }

    /// Takes a record; calls `done` once, from another thread, when it is durable or never will be.
    ///
    /// Waits only while [`QUEUE_RECORDS_MAX`] records or [`QUEUE_BYTES_MAX`] bytes wait. `done` must return quickly.
    pub fn append(
        &self,
        record: JournalRecord,
        done: impl FnOnce(std::result::Result<(), AppendError>) + Send + 'static,
    ) {
        let receipt = Receipt::new(done);
        let room = self.room.take(record.frame_bytes());
        self.send(Command::Append(Pending { record, receipt, room }));
    }

    /// What is not sent is dropped, and a dropped receipt reports that.
    fn send(&self, command: Command) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(command);
        }
    }

    /// The completion kept under `key`; where several were paid, the one that was known first.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it has changed on disk, [`Error::Io`].
    pub fn lookup(&self, key: &JournalKey) -> Result<Option<JournalCompletion>> {
        let answers = lock(&self.index).answers(key.round, key.agent, key.exchange, key.attempt);
        for (place, segment) in answers {
            let found = self.read(&place, &segment)?;
            if found.call.key(key.agent) == *key {
                let Found { call, count, choice } = found;
                return Ok(Some(call.completion(place.choice.into(), count, choice)));
            }
        }
        Ok(None)
    }

    fn read(&self, place: &Place, segment: &Segment) -> Result<Found> {
        read_place(&*self.disk, place, segment)
    }

    /// Takes in what other hosts have made durable since this journal was opened or refreshed.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn refresh(&self) -> Result<()> {
        open::take_in(&*self.disk, &self.index, self.incarnation)
    }

    /// The folder with its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether completions of `round` are kept.
    pub fn holds(&self, round: u32) -> bool {
        lock(&self.index).holds(round)
    }

    /// The completions that are kept, by round.
    pub fn counts(&self) -> BTreeMap<u32, u64> {
        lock(&self.index).counts()
    }

    /// Takes no more records of rounds up to `round`; returns when all that were taken are durable.
    ///
    /// # Errors
    /// [`Error::Journal`] where the disk refuses.
    pub fn close_rounds(&self, round: u32) -> Result<()> {
        let (sender, outcome) = sync_channel(1);
        // The receiver below outlives the call.
        let receipt = Receipt::new(move |outcome| _ = sender.send(outcome));
        self.send(Command::CloseRounds(round, receipt));
        let outcome = outcome.recv().unwrap_or(Err(AppendError::Ended));
        outcome.map_err(|source| self.failure(source))
    }

    /// Removes the completions of rounds up to `round`; only after the commit record exists.
    ///
    /// # Errors
    /// [`Error::Io`]; what is left is removed when the journal is opened again.
    pub(crate) fn trim(&self, round: u32) -> Result<()> {
        let old = lock(&self.index).forget(round);
        for name in old {
            let name = name.to_string();
            let removed = self.disk.remove(&name);
            removed.map_err(|error| Error::io("remove", &self.disk.path(&name), error))?;
        }
        Ok(())
    }

    /// Writes what waits, finishes all segments and ends the thread.
    ///
    /// # Errors
    /// [`Error::Journal`] where the disk refuses.
    pub fn finish(mut self) -> Result<()> {
        self.end().map_err(|source| self.failure(source))
    }

    fn end(&mut self) -> Outcome {
        self.queue = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(AppendError::Ended),
            None => Ok(()),
        }
    }

    fn failure(&self, source: AppendError) -> Error {
        Error::Journal { path: self.folder.clone(), source }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Whoever wants to know calls `finish`; receipts have told the rest.
        let _ = self.end();
    }
}

/// The choice at `place`, which must be its agent's.
fn read_place(shelf: &dyn disk::Shelf, place: &Place, segment: &Segment) -> Result<Found> {
    let (offset, choice) = (place.offset.into(), place.choice.into());
    let found = read_choice(shelf, &segment.name, segment.bytes, offset, choice)?;
    if found.choice.agent == place.agent {
        return Ok(found);
    }
    let path = shelf.path(&segment.name.to_string());
    Err(Error::corrupt(&path, format!("it is damaged at byte {offset}: it names another agent")))
}

/// Writes until the queue has ended.
fn write_all(mut appender: Appender, waiting: &Receiver<Command>) -> Outcome {
    let mut batch = Vec::new();
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        let mut bytes = 0;
        while let Some(command) = next.take() {
            match command {
                Command::Append(pending) => {
                    bytes += pending.record.frame_bytes();
                    batch.push(pending);
                }
                Command::CloseRounds(round, receipt) => {
                    appender.commit(batch.drain(..));
                    receipt.done(appender.close_rounds(round));
                }
            }
            if batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
                next = waiting.try_recv().ok();
            }
        }
        appender.commit(batch.drain(..));
    }
    appender.finish()
}
