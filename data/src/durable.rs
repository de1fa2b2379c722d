//! Files that are either whole and on disk or not there: the few ways this crate changes a folder.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Whether a file was created or had been there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    New,
    Existed,
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).map_err(|error| Error::io("open", path, error))?;
    folder.sync_all().map_err(|error| Error::io("flush", path, error))
}

/// Waits for several flushes at once, which a file system joins into few writes of its journal.
/// Returns the first failure in the order of the items.
pub(crate) fn together<T: Sync>(
    items: &[T],
    flush: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let Some((first, others)) = items.split_first() else { return Ok(()) };
    thread::scope(|scope| {
        let flush = &flush;
        let spawn = |item| thread::Builder::new().spawn_scoped(scope, move || flush(item)).ok();
        let others: Vec<_> = others.iter().map(|item| (item, spawn(item))).collect();
        let mut result = flush(first);
        for (item, thread) in others {
            // Without a thread for it, an item has its turn here.
            let flushed = match thread {
                Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                None => flush(item),
            };
            result = result.and(flushed);
        }
        result
    })
}

/// Creates a folder where there is none; returns whether it did.
pub(crate) fn ensure_folder(path: &Path) -> Result<bool> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(Error::io("create", path, error)),
    }
}

/// Moves a finished file into its place.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::io("rename into place", to, error))
}

/// A file in `tmp/` that vanishes again unless it has been moved away.
#[derive(Debug)]
pub(crate) struct TmpFile {
    path: PathBuf,
}

impl TmpFile {
    /// A name in the folder `tmp` that nobody else uses, be it on another host.
    pub(crate) fn new(tmp: &Path, name: &str) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        static PROCESS: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().build_hasher().finish());
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { path: tmp.join(format!("{name}.{:016x}-{serial}", *PROCESS)) }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all bytes and makes them durable.
    fn fill(&self, bytes: &[u8]) -> Result<()> {
        let io = |action| move |error| Error::io(action, &self.path, error);
        let mut file = File::create_new(&self.path).map_err(io("create"))?;
        file.write_all(bytes).map_err(io("write"))?;
        file.sync_all().map_err(io("flush"))
    }
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        // Moved into place, or unfinished; what cannot be removed now is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Replaces a small file by another in one instant.
pub(crate) fn replace(tmp: &Path, target: &Path, bytes: &[u8]) -> Result<()> {
    let file = TmpFile::new(tmp, &file_name(target));
    file.fill(bytes)?;
    rename(file.path(), target)?;
    target.parent().map_or(Ok(()), sync_folder)
}

/// Creates a small file whole, unless one of that name exists, after `folders` are durable.
pub(crate) fn create_if_absent(
    tmp: &Path,
    target: &Path,
    bytes: &[u8],
    folders: &BTreeSet<PathBuf>,
) -> Result<Created> {
    let file = TmpFile::new(tmp, &file_name(target));
    let folders = folders.iter().map(|folder| Some(folder.as_path()));
    let flushes: Vec<Option<&Path>> = std::iter::once(None).chain(folders).collect();
    together(&flushes, |folder| folder.map_or_else(|| file.fill(bytes), sync_folder))?;
    let created = link_new(file.path(), target)?;
    target.parent().map_or(Ok(()), sync_folder)?;
    Ok(created)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A hard link fails where the name is taken, on local and on network file systems alike.
fn link_new(from: &Path, to: &Path) -> Result<Created> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(Created::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Existed),
        Err(error) if lacks_links(&error) => rename_new(from, to),
        Err(error) => Err(Error::io("create", to, error)),
    }
}

fn lacks_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks
    )
}

/// For file systems without hard links: a rename that refuses to replace.
#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> Result<Created> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        Ok(()) => Ok(Created::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Existed),
        Err(error) => Err(Error::io("create", to, error)),
    }
}

/// For file systems without hard links there is no other way to create a whole file at once.
#[cfg(not(target_os = "linux"))]
fn rename_new(_from: &Path, to: &Path) -> Result<Created> {
    Err(Error::io("create", to, io::ErrorKind::Unsupported.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_first_creator_wins_and_nothing_is_left_in_tmp() {
        let folder = tempfile::tempdir().unwrap();
        let tmp = folder.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        let target = folder.path().join("record");
        let create = |bytes| create_if_absent(&tmp, &target, bytes, &BTreeSet::new()).unwrap();
        assert_eq!(create(b"first"), Created::New);
        assert_eq!(create(b"second"), Created::Existed);
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(entries(&tmp), Vec::<String>::new());
        replace(&tmp, &target, b"third").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"third");
        assert_eq!(entries(&tmp), Vec::<String>::new());
    }

    #[test]
    fn of_many_creators_exactly_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let tmp = folder.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        let target = folder.path().join("record");
        let folders = BTreeSet::from([folder.path().to_owned(), tmp.clone()]);
        let create = |name: u8| create_if_absent(&tmp, &target, &[name; 4096], &folders).unwrap();
        let won: Vec<Created> = thread::scope(|scope| {
            let creators: Vec<_> = (0..8).map(|name| scope.spawn(move || create(name))).collect();
            creators.into_iter().map(|creator| creator.join().unwrap()).collect()
        });
        let winner = won.iter().position(|&created| created == Created::New).unwrap();
        assert_eq!(won.iter().filter(|&&created| created == Created::New).count(), 1);
        assert_eq!(fs::read(&target).unwrap(), [u8::try_from(winner).unwrap(); 4096]);
    }

    #[test]
    fn nothing_appears_before_its_folders_are_durable() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("record");
        let missing = BTreeSet::from([folder.path().to_owned(), folder.path().join("missing")]);
        assert!(create_if_absent(folder.path(), &target, b"x", &missing).is_err());
        assert_eq!(entries(folder.path()), Vec::<String>::new());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn without_hard_links_a_rename_refuses_to_replace() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "a").unwrap();
        fs::write(path("b"), "b").unwrap();
        assert_eq!(rename_new(&path("a"), &path("record")).unwrap(), Created::New);
        assert_eq!(rename_new(&path("b"), &path("record")).unwrap(), Created::Existed);
        assert_eq!(fs::read(path("record")).unwrap(), b"a");
    }
}
