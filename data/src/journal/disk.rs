//! The few things the journal asks of a file system, and the real one.

use crate::durable::sync_folder;
use crate::error::Error;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open for reading; beyond it the first by name is closed.
const OPEN_FILES_MAX: usize = 64;

/// Segments by name, for reading.
pub(super) trait Shelf: Send + Sync + Debug {
    /// The length of a file.
    fn len(&self, name: &str) -> io::Result<u64>;

    /// Fills `bytes` from a place in a file.
    fn read_at(&self, name: &str, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Where a file lies, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// A folder of segments.
pub(super) trait Disk: Shelf {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file that was not there.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to change its end.
    fn open_end(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file; it may come back in a crash before [`Disk::sync_names`].
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the creations and removals so far durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that changes at its end only.
pub(super) trait DiskFile: Send + Debug {
    /// Appends some of the bytes; returns how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes contents and length durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Writes all bytes over those at `offset`; what is written next still follows the end.
    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file; what is written next follows the cut.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// Appends all bytes.
pub(super) fn write_all(file: &mut dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A real folder.
#[derive(Debug)]
pub(super) struct RealDisk {
    folder: PathBuf,
    open: Mutex<BTreeMap<String, Arc<File>>>,
}

impl RealDisk {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: Mutex::default() }
    }

    /// The file of that name, open for reading.
    fn reader(&self, name: &str) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(name) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(self.folder.join(name))?);
        if open.len() >= OPEN_FILES_MAX {
            open.pop_first();
        }
        open.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }
}

impl Shelf for RealDisk {
    fn len(&self, name: &str) -> io::Result<u64> {
        fs::metadata(self.folder.join(name)).map(|metadata| metadata.len())
    }

    fn read_at(&self, name: &str, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.reader(name)?.read_exact_at(bytes, offset)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string()));
        Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = File::options().write(true).create_new(true).open(self.folder.join(name))?;
        Ok(Box::new(file))
    }

    fn open_end(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut file = File::options().write(true).open(self.folder.join(name))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        match fs::remove_file(self.folder.join(name)) {
            // Another host that works on the run may have been first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.folder).map_err(|error| match error {
            Error::Io { source, .. } => source,
            other => io::Error::other(other.to_string()),
        })
    }
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        Write::write_all(self, bytes)?;
        self.seek(SeekFrom::End(0)).map(drop)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::End(0)).map(drop)
    }
}
