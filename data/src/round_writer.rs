//! A thread that writes and commits a round while the next one is computed.

use crate::commit::CommitRecord;
use crate::error::{Error, Result};
use crate::manifest::RunStatus;
use crate::run_write::{RoundOutput, WritableRun};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// Rounds that may wait for the writer besides the one it writes. Each holds a whole population's
/// columns, so that memory, not patience, is the bound.
pub const ROUNDS_WAITING_MAX: usize = 1;

/// Commits rounds in the order in which they are handed over.
#[derive(Debug)]
pub struct RoundWriter {
    path: PathBuf,
    /// `None` once finished.
    outputs: Option<SyncSender<RoundOutput>>,
    records: Receiver<CommitRecord>,
    thread: Option<JoinHandle<Outcome>>,
}

/// The run comes back with its first failure, after which nothing more was written.
type Outcome = (WritableRun, Result<()>);

impl RoundWriter {
    /// Starts the thread; the run is its own until [`RoundWriter::finish`].
    ///
    /// # Errors
    /// [`Error::Io`] where the system has no thread left.
    pub fn start(run: WritableRun) -> Result<Self> {
        let path = run.path().to_owned();
        let (outputs, waiting) = sync_channel(ROUNDS_WAITING_MAX);
        // At most `ROUND_MAX` records, each small; the owner collects them as it pleases.
        let (committed, records) = channel();
        let thread = thread::Builder::new()
            .name("throng-writer".to_owned())
            .spawn(move || write_all(run, &waiting, |record| _ = committed.send(record)))
            .map_err(|error| Error::io("start the writer of", &path, error))?;
        Ok(Self { path, outputs: Some(outputs), records, thread: Some(thread) })
    }

    /// Hands a round over; waits while [`ROUNDS_WAITING_MAX`] rounds wait already.
    ///
    /// # Errors
    /// The failure of an earlier round, which was not committed, nor was anything after it.
    pub fn submit(&mut self, output: RoundOutput) -> Result<()> {
        let sent = self.outputs.as_ref().is_some_and(|outputs| outputs.send(output).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    /// The records of rounds that have been committed since the last call; does not wait.
    pub fn committed(&mut self) -> Vec<CommitRecord> {
        let mut records = Vec::new();
        loop {
            match self.records.try_recv() {
                Ok(record) => records.push(record),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return records,
            }
        }
    }

    /// Waits until everything is committed, notes where the run stands and gives it back.
    ///
    /// # Errors
    /// The first failure; the run then stays at its last commit with the status `failed`.
    pub fn finish(mut self, status: RunStatus) -> Result<WritableRun> {
        let (mut run, written) = self.join()?;
        let noted = run.set_status(if written.is_ok() { status } else { RunStatus::Failed });
        written.and(noted).map(|()| run)
    }

    fn failure(&mut self) -> Error {
        let stopped = Error::WriterStopped { path: self.path.clone() };
        match self.join() {
            Err(error) => error,
            Ok((mut run, written)) => {
                // The first failure is the one to report.
                let _ = run.set_status(RunStatus::Failed);
                written.err().unwrap_or(stopped)
            }
        }
    }

    fn join(&mut self) -> Result<Outcome> {
        self.outputs = None;
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(outcome)) => Ok(outcome),
            Some(Err(_)) | None => Err(Error::WriterStopped { path: self.path.clone() }),
        }
    }
}

impl Drop for RoundWriter {
    /// What was handed over is still written: a caller that stops early loses no round.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

fn write_all(
    mut run: WritableRun,
    waiting: &Receiver<RoundOutput>,
    committed: impl Fn(CommitRecord),
) -> Outcome {
    // A failure leaves the loop; the closed queue then tells whoever submits next.
    for output in waiting {
        match run.commit(output) {
            Ok(record) => committed(record),
            Err(error) => return (run, Err(error)),
        }
    }
    (run, Ok(()))
}
