//! The lock that keeps two processes from writing one run; the system releases it with the process.

use crate::error::{Error, Result};
use crate::layout::LOCK;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Attempts before a lock counts as held: whoever only looks holds it for a moment, too.
const LOCK_ATTEMPTS_MAX: u32 = 5;
/// Wait between two attempts.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// Bytes of the holder's description that are shown.
const HOLDER_BYTES_MAX: u64 = 200;

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct RunLock {
    // The lock belongs to the open file. The file stays: removing it would let two processes lock
    // two files of the same name.
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process holds it.
    pub(crate) fn take(run: &Path) -> Result<Self> {
        let (path, mut file) = open(run)?;
        if !attempt(&path, || file.try_lock())? {
            return Err(Error::Locked { path: run.to_owned(), holder: holder(&file) });
        }
        sign(&mut file).map_err(|error| Error::io("write", &path, error))?;
        Ok(Self { _file: file })
    }

    /// Takes a share in the lock of a run that hosts play together: it keeps out whoever would play alone.
    ///
    /// # Errors
    /// [`Error::Locked`] where a process plays it alone.
    pub(crate) fn share(run: &Path) -> Result<Self> {
        let (path, file) = open(run)?;
        if attempt(&path, || file.try_lock_shared())? {
            return Ok(Self { _file: file });
        }
        Err(Error::Locked { path: run.to_owned(), holder: holder(&file) })
    }
}

fn open(run: &Path) -> Result<(PathBuf, File)> {
    let path = run.join(LOCK);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(&path);
    file.map_err(|error| Error::io("open", &path, error)).map(|file| (path, file))
}

/// Tries to lock some times; whether it could.
fn attempt(path: &Path, lock: impl Fn() -> std::result::Result<(), TryLockError>) -> Result<bool> {
    for attempt in 1.. {
        match lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
            Err(TryLockError::WouldBlock) if attempt == LOCK_ATTEMPTS_MAX => return Ok(false),
            Err(TryLockError::WouldBlock) => thread::park_timeout(LOCK_WAIT),
        }
    }
    Ok(true)
}

/// Says in the file who holds the lock; only for messages.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}", std::process::id())
}

fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    let text = text.trim();
    if read.is_err() || text.is_empty() { "another process".to_owned() } else { text.to_owned() }
}

/// Whether some process holds the lock of a run; `false` where that cannot be found out.
pub(crate) fn is_locked(run: &Path) -> bool {
    let path = run.join(LOCK);
    let Ok(file) = File::open(&path) else { return false };
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return true;
    }
    // Hosts that play together share the lock. Whoever else only looks lets go of it in a moment.
    let free = file.unlock().is_err() || attempt(&path, || file.try_lock()).unwrap_or(true);
    !free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_locked(folder.path()));
        let lock = RunLock::take(folder.path()).unwrap();
        assert!(is_locked(folder.path()));
        let error = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("is in use by process {}", std::process::id())),
            "{error}"
        );
        drop(lock);
        assert!(!is_locked(folder.path()));
        RunLock::take(folder.path()).unwrap();
    }

    #[test]
    fn hosts_share_the_lock_and_keep_out_whoever_plays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let one = RunLock::share(folder.path()).unwrap();
        let other = RunLock::share(folder.path()).unwrap();
        assert!(is_locked(folder.path()));
        assert!(matches!(RunLock::take(folder.path()), Err(Error::Locked { .. })));
        drop((one, other));
        assert!(!is_locked(folder.path()));
        let _alone = RunLock::take(folder.path()).unwrap();
        assert!(matches!(RunLock::share(folder.path()), Err(Error::Locked { .. })));
    }
}
