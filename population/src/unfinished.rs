//! A directory in the making: under another name until it is whole, removed where it is not finished.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::problem::{Error, Result};

/// A directory that is removed unless it is finished. One that a process left that died is made anew.
#[derive(Debug)]
pub(crate) struct Unfinished {
    path: PathBuf,
    /// The lock on it, which the system releases with the process.
    _held: File,
}

impl Unfinished {
    /// Begins a directory beside `out`, which gets its name in the end.
    ///
    /// # Errors
    /// [`Error::File`] where another process makes the same, or the system refuses.
    pub(crate) fn beside(out: &Path) -> Result<Self> {
        let nameless = || Error::file("create", out, io::ErrorKind::InvalidInput.into());
        let name = out.file_name().ok_or_else(nameless)?.to_string_lossy();
        let folder = out.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
        }
        let path = folder.join(format!(".{name}.unfinished"));
        if path.is_dir() {
            let _held = lock(&path)?;
            fs::remove_dir_all(&path).map_err(|error| Error::file("remove", &path, error))?;
        }
        fs::create_dir(&path).map_err(|error| Error::file("create", &path, error))?;
        Ok(Self { _held: lock(&path)?, path })
    }

    /// Where it lies until it is finished.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// [`Error::File`] where there is something of that name by now.
    pub(crate) fn finish(mut self, out: &Path) -> Result<()> {
        // An empty directory would be replaced without a word.
        if fs::symlink_metadata(out).is_ok() {
            return Err(Error::file("create", out, io::ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.path, out).map_err(|error| Error::file("create", out, error))?;
        self.path.clear();
        Ok(())
    }
}

/// Takes the lock of a directory.
fn lock(path: &Path) -> Result<File> {
    let directory = File::open(path).map_err(|error| Error::file("open", path, error))?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::Error(error)) => Err(Error::file("lock", path, error)),
        Err(TryLockError::WouldBlock) => {
            let busy = io::Error::other("another process is making the same population");
            Err(Error::file("use", path, busy))
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Why it was not finished is what the caller hears.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_made_anew_and_what_a_living_one_makes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("people");
        let left = folder.path().join(".people.unfinished/people");
        fs::create_dir_all(&left).unwrap();
        let first = Unfinished::beside(&out).unwrap();
        assert!(!left.exists());
        let error = Unfinished::beside(&out).unwrap_err().to_string();
        assert!(error.contains("another process is making the same population"), "{error}");
        first.finish(&out).unwrap();
        assert!(Unfinished::beside(&out).unwrap().finish(&out).is_err(), "it is there by now");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
