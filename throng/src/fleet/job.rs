//! A host's share of one run: a `throng node` of its own, started again until it ends for good.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Share, Word};

/// Words that are kept for whoever asks later; of a longer story the beginning is lost.
const WORDS_MAX: usize = 10_000;
/// Between the end of a process and the next one.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// Processes that may die in one run.
const RESTARTS_MAX: u32 = 1_000;
/// How often it is looked whether a process has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Longest line that a process is believed to write.
const LINE_BYTES_MAX: u64 = 1 << 19;

/// Codes after which starting again changes nothing: done, wrong arguments, too many failures, no budget, left.
const FINAL: [i32; 5] = [0, 2, 3, 4, 130];

/// What a share has told so far.
#[derive(Debug, Default)]
struct Told {
    words: Vec<Word>,
    /// Words that were dropped from the front.
    dropped: usize,
    leaves: bool,
    ended: bool,
}

/// A share that is being played, or was.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) share: Share,
    told: Mutex<Told>,
    changed: Condvar,
}

impl Job {
    pub(super) fn new(share: Share) -> Self {
        Self { share, told: Mutex::default(), changed: Condvar::new() }
    }

    /// Plays it to its end with this command, which lacks the share's own arguments.
    pub(super) fn play(self: &Arc<Self>, command: &dyn Fn() -> Command) {
        for restart in 0..=RESTARTS_MAX {
            let code = match self.process(&mut command()) {
                Ok(code) => code,
                Err(error) => {
                    self.tell(Word::Note(format!("`throng node` cannot be started: {error}")));
                    1
                }
            };
            if FINAL.contains(&code) || self.leaves() || restart == RESTARTS_MAX {
                return self.tell(Word::Ended(u8::try_from(code).unwrap_or(1)));
            }
            self.tell(Word::Note(format!(
                "the process ended with code {code} and is started again"
            )));
            self.pause(RESTART_AFTER);
        }
    }

    /// The exit code of one process; that of a killed one is 1.
    fn process(self: &Arc<Self>, command: &mut Command) -> std::io::Result<i32> {
        // A group of its own: whoever interrupts the daemon at its terminal does not interrupt it.
        command.process_group(0).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = child.stdout.take().map(|out| self.listen(out, Word::Line));
        let notes = child.stderr.take().map(|err| self.listen(err, Word::Note));
        let mut asked = false;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if self.leaves() && !asked {
                asked = true;
                interrupt(&child);
            }
            self.pause(LOOK_INTERVAL);
        };
        // Readers end with their pipes.
        lines.into_iter().chain(notes).for_each(|reader| drop(reader.join()));
        Ok(status.code().unwrap_or(1))
    }

    fn listen(
        self: &Arc<Self>,
        from: impl Read + Send + 'static,
        word: fn(String) -> Word,
    ) -> JoinHandle<()> {
        let job = Arc::clone(self);
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            loop {
                let mut line = Vec::new();
                let read = from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
                if read.is_err() || line.is_empty() {
                    return;
                }
                job.tell(word(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
        })
    }

    fn tell(&self, word: Word) {
        let mut told = self.told();
        told.ended |= matches!(word, Word::Ended(_));
        told.words.push(word);
        if told.words.len() > WORDS_MAX {
            told.words.drain(..WORDS_MAX / 2);
            told.dropped += WORDS_MAX / 2;
        }
        drop(told);
        self.changed.notify_all();
    }

    /// Waits for words from the `from`th on, at most so long; says which comes next, and whether that was the last.
    pub(super) fn words(&self, from: usize, wait: Duration) -> (Vec<Word>, usize, bool) {
        let mut told = self.told();
        if told.dropped + told.words.len() <= from && !told.ended {
            let waited = self.changed.wait_timeout(told, wait);
            told = waited.map_or_else(|error| error.into_inner().0, |(told, _)| told);
        }
        let skip = from.saturating_sub(told.dropped).min(told.words.len());
        let words = told.words[skip..].to_vec();
        (words, told.dropped + told.words.len(), told.ended)
    }

    /// Leaves the run at the end of the round.
    pub(super) fn leave(&self) {
        self.told().leaves = true;
        self.changed.notify_all();
    }

    fn leaves(&self) -> bool {
        self.told().leaves
    }

    pub(super) fn has_ended(&self) -> bool {
        self.told().ended
    }

    fn pause(&self, time: Duration) {
        let told = self.told();
        if told.leaves {
            drop(told);
            return thread::park_timeout(LOOK_INTERVAL);
        }
        // A word or a wish to leave ends the pause early, which does no harm.
        drop(self.changed.wait_timeout(told, time));
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Words are pushed whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn interrupt(child: &Child) {
    // One that has ended meanwhile needs no telling.
    let _ = kill_process(Pid::from_child(child), Signal::INT);
}

/// The command that plays a share on the host with this address.
pub(super) fn command(program: &Path, share: &Share, address: &str, token_env: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&share.folder);
    command.arg("node").args(&share.arguments);
    command.args(["--json", "--run-id", &share.run_id, "--token-env", token_env]);
    command.args(["--advertise", &format!("{address}:{}", share.port)]);
    command.args(["--seeds", &share.seeds.join(","), "--min", &share.min.to_string()]);
    command.args(["--patience", &(share.patience_ms as f64 / 1e3).to_string()]);
    command
}
