//! The store that all hosts see: the ledger's places, each created once, the beat of the generation, and lives.

use std::fmt;
use std::path::{Path as Folder, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use tokio::runtime::Handle;

use crate::ShardError;
use crate::ledger::Entry;
use crate::member::Name;
use crate::secret;

/// Largest object that is read: an entry of a round of ten thousand files.
const OBJECT_BYTES_MAX: usize = 64 << 20;
/// How long an entry is tried again while the store does not answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// The first pause before another try; it doubles.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Lives of one name.
const LIVES_MAX: u64 = 999_999;

/// Whose entry lies at the place that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The own one.
    Ours,
    /// Another's, who was first.
    Taken,
}

/// A folder that all hosts of a run see.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    place: PathBuf,
    runtime: Handle,
}

impl Store {
    /// Opens a folder, which is created where it is missing, and checks that it can arbitrate.
    ///
    /// # Errors
    /// [`ShardError::Store`] where it cannot be written or lets two create one object.
    pub fn open(folder: &Folder, runtime: Handle) -> Result<Self, ShardError> {
        let fail = |problem: String| store_error(folder, problem);
        std::fs::create_dir_all(folder).map_err(|error| fail(error.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|e| fail(e.to_string()))?;
        let objects = Arc::new(objects.with_fsync(true));
        let store = Self { objects, place: folder.to_owned(), runtime };
        store.check()?;
        Ok(store)
    }

    /// Any store; for tests of stores that fail.
    #[cfg(test)]
    pub(crate) fn of(objects: Arc<dyn ObjectStore>, runtime: Handle) -> Result<Self, ShardError> {
        let store = Self { objects, place: PathBuf::from("memory"), runtime };
        store.check()?;
        Ok(store)
    }

    /// Creates an object twice; the second time must fail.
    fn check(&self) -> Result<(), ShardError> {
        let nonce = u64::from_le_bytes(
            secret::challenge()?[..8].try_into().expect("a challenge is longer than a word"),
        );
        let key = Path::from(format!("check/{nonce:016x}"));
        let first = self.create(&key, b"first".to_vec()).map_err(|e| self.fail(&e))?;
        let second = self.create(&key, b"second".to_vec()).map_err(|e| self.fail(&e))?;
        // What stays is a few bytes in a folder of its own.
        let _ = self.runtime.block_on(self.objects.delete(&key));
        if first && !second {
            return Ok(());
        }
        Err(store_error(&self.place, "two hosts can create the same object in it".to_owned()))
    }

    /// Where it is.
    pub fn place(&self) -> &Folder {
        &self.place
    }

    /// Writes an entry into its place unless that is taken. A store that does not answer is asked again for a
    /// minute; an entry that was written by a try which seemed to fail is recognised as the own one.
    ///
    /// # Errors
    /// [`ShardError::Store`] after that.
    pub fn append(&self, entry: &Entry) -> Result<Appended, ShardError> {
        let bytes = serde_json::to_vec(entry).expect("an entry has only names for keys");
        let key = entry_key(entry.position);
        self.patiently(|| {
            if self.create(&key, bytes.clone())? {
                return Ok(Appended::Ours);
            }
            let there = self.get(&key)?.unwrap_or_default();
            let ours = serde_json::from_slice::<Entry>(&there)
                .is_ok_and(|there| there.attempt == entry.attempt);
            Ok(if ours { Appended::Ours } else { Appended::Taken })
        })
    }

    /// The entry at a place; none where it is free.
    ///
    /// # Errors
    /// [`ShardError::Store`] where the store does not answer or holds something else.
    pub fn entry(&self, position: u64) -> Result<Option<Entry>, ShardError> {
        let bytes = self.get(&entry_key(position)).map_err(|error| self.fail(&error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            store_error(&self.place, format!("entry {position} cannot be read: {error}"))
        })
    }

    /// Leaves a sign of life.
    ///
    /// # Errors
    /// [`ShardError::Store`] where the store does not answer.
    pub fn leave_beat(&self, beat: Vec<u8>) -> Result<(), ShardError> {
        let key = beat_key();
        let put = self.objects.put(&key, PutPayload::from(beat));
        self.runtime.block_on(put).map(|_| ()).map_err(|error| self.fail(&error))
    }

    /// The sign of life that was left last.
    ///
    /// # Errors
    /// [`ShardError::Store`] where the store does not answer.
    pub fn beat(&self) -> Result<Option<Vec<u8>>, ShardError> {
        self.get(&beat_key()).map_err(|error| self.fail(&error))
    }

    /// The number of a new life of this name, above all earlier ones whatever the clocks say.
    ///
    /// # Errors
    /// [`ShardError::Store`] where the store does not answer or the numbers are used up.
    pub fn new_life(&self, name: &Name) -> Result<u64, ShardError> {
        let folder = Path::from(format!("lives/{name}"));
        let listed = self.objects.list_with_delimiter(Some(&folder));
        let listed = self.runtime.block_on(listed).map_err(|error| self.fail(&error))?;
        let number = |key: &Path| key.filename().and_then(|life| life.parse::<u64>().ok());
        let last = listed.objects.iter().filter_map(|object| number(&object.location)).max();
        for life in last.unwrap_or(0) + 1..=LIVES_MAX {
            let key = Path::from(format!("lives/{name}/{life:06}"));
            if self.patiently(|| self.create(&key, Vec::new()))? {
                return Ok(life);
            }
        }
        Err(store_error(&self.place, format!("`{name}` has been started too often")))
    }

    fn create(&self, key: &Path, bytes: Vec<u8>) -> Result<bool, Error> {
        let put = self.objects.put_opts(key, PutPayload::from(bytes), PutMode::Create.into());
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn get(&self, key: &Path) -> Result<Option<Vec<u8>>, Error> {
        let read = async {
            let found = self.objects.get(key).await?;
            if found.meta.size > OBJECT_BYTES_MAX as u64 {
                let source = format!("{key} has {} bytes", found.meta.size).into();
                return Err(Error::Generic { store: "of hosts", source });
            }
            found.bytes().await
        };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks until the store answers.
    fn patiently<A>(&self, mut ask: impl FnMut() -> Result<A, Error>) -> Result<A, ShardError> {
        let (begun, mut pause) = (Instant::now(), PAUSE);
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) if begun.elapsed() >= PATIENCE => return Err(self.fail(&error)),
                Err(_) => {
                    self.runtime.block_on(async { tokio::time::sleep(pause).await });
                    pause = (2 * pause).min(PAUSE_MAX);
                }
            }
        }
    }

    fn fail(&self, error: &Error) -> ShardError {
        store_error(&self.place, error.to_string())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

fn store_error(place: &Folder, problem: String) -> ShardError {
    ShardError::Store { place: place.display().to_string(), problem }
}

fn entry_key(position: u64) -> Path {
    Path::from(format!("ledger/{position:08}.json"))
}

fn beat_key() -> Path {
    Path::from("beat")
}

#[cfg(test)]
mod tests;
