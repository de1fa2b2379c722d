//! Answers kept by what decides them, so that a second run pays only for what changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::problem::{Error, Result};

/// Longest stored answer, in bytes.
pub const STORED_BYTES_MAX: u64 = 64 << 10;

/// Answers by address: 64 hex digits of everything that decides an answer.
pub trait Store {
    /// The answer at an address, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, address: &str) -> Result<Option<String>>;
    /// Keeps an answer; a second one at the same address replaces the first. One that is too long to keep is
    /// not kept, so that it is asked for again.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn put(&mut self, address: &str, answer: &str) -> Result<()>;
}

/// A store for one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    answers: BTreeMap<String, String>,
}

impl Store for MemoryStore {
    fn get(&self, address: &str) -> Result<Option<String>> {
        Ok(self.answers.get(address).cloned())
    }

    fn put(&mut self, address: &str, answer: &str) -> Result<()> {
        self.answers.insert(address.to_owned(), answer.to_owned());
        Ok(())
    }
}

/// A store in a folder: a file for each answer, under the first two digits of its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// The store in a folder, which is made when the first answer is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, address: &str) -> PathBuf {
        let shelf: String = address.chars().take(2).collect();
        self.folder.join(shelf).join(address)
    }
}

impl Store for FolderStore {
    fn get(&self, address: &str) -> Result<Option<String>> {
        let path = self.path(address);
        match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", &path, error)),
            // Nothing that this store wrote is as long.
            Ok(found) if found.len() > STORED_BYTES_MAX => return Ok(None),
            Ok(_) => {}
        }
        fs::read_to_string(&path).map(Some).map_err(|error| Error::file("read", &path, error))
    }

    fn put(&mut self, address: &str, answer: &str) -> Result<()> {
        if answer.len() as u64 > STORED_BYTES_MAX {
            return Ok(());
        }
        let path = self.path(address);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
        // Whole or not there: a crash leaves the unfinished file under another name.
        let unfinished = path.with_extension(std::process::id().to_string());
        fs::write(&unfinished, answer).map_err(|error| Error::file("write", &unfinished, error))?;
        fs::rename(&unfinished, &path)
            .map_err(|error| Error::file("rename into place", &path, error))
    }
}
