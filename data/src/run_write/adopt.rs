//! A run that begins with the rounds of another one, and keeps what the other was answered afterwards.

use super::{WritableRun, tables_of};
use crate::commit::{CommitRecord, FileRecord};
use crate::digest::sha256_file;
use crate::durable::{TmpFile, ensure_folder, rename, replace, sync_folder, together};
use crate::error::{Error, Result};
use crate::json;
use crate::layout::{AGENTS, CALLS, COMMITS, DataFile, MANIFEST, PARENT, SCHEMA, TMP, commit_path};
use crate::run_read::RunDir;
use crate::writer::flush;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

impl WritableRun {
    /// Takes over rounds 0 to `through` of another run: their files are copied and compared with its records.
    ///
    /// # Errors
    /// [`Error::NoSuchRound`] where the other run has fewer, [`Error::Corrupt`] where a file is not what its
    /// record says, [`Error::RoundOrder`] where this run has rounds already.
    pub fn adopt(&mut self, parent: &RunDir, through: u32) -> Result<()> {
        let path = self.path.clone();
        if let Some(last) = self.last_round() {
            return Err(Error::RoundOrder { path, expected: last + 1, found: 0 });
        }
        parent.commit(through)?;
        self.promise(parent.schemas()?.iter().cloned())?;
        let records = parent.commits()?.into_iter();
        for record in records.filter(|record| record.round <= through) {
            let (generation, attempt) = (self.generation, self.attempt.clone());
            let folders = copy_files(parent.path(), (&path, &path.join(TMP)), &record.files)?;
            let record = CommitRecord { generation, attempt, ..record };
            record.create(&path, &folders)?;
            self.manifest.commits.add(&record);
            self.present.extend(tables_of(&record));
        }
        self.set_status(self.manifest.status)?;
        self.describe()
    }

    /// Keeps what another run was answered after round `after`, so that nothing of it is asked again: a small
    /// run directory of its own, which [`RunDir::kept_parent`] opens.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a file is not what its record says, [`Error::Io`].
    pub fn keep_answers(&self, parent: &RunDir, after: u32) -> Result<()> {
        let (kept, tmp) = (self.path.join(PARENT), self.path.join(TMP));
        for folder in [&kept, &kept.join(COMMITS)] {
            ensure_folder(folder)?;
        }
        for mut record in parent.commits()?.into_iter().filter(|record| record.round > after) {
            let failed = record.accounting.failed_total() > 0;
            record.files.retain(|file| {
                let table = DataFile::parse(&file.path).map(|file| file.table);
                // Of an agent whose question failed, the table of agents has the cause.
                table.is_some_and(|table| table == CALLS || (failed && table == AGENTS))
            });
            let folders = copy_files(parent.path(), (&kept, &tmp), &record.files)?;
            folders.iter().try_for_each(|folder| sync_folder(folder))?;
            replace(&tmp, &commit_path(&kept, record.round), &json::pretty(&record))?;
        }
        for name in [SCHEMA, MANIFEST] {
            let path = parent.path().join(name);
            let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
            replace(&tmp, &kept.join(name), &bytes)?;
        }
        sync_folder(&self.path)
    }

    /// Lets go of what [`WritableRun::keep_answers`] kept: every round that could need it is committed.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be removed.
    pub fn forget_parent(&self) -> Result<()> {
        let kept = self.path.join(PARENT);
        if !kept.is_dir() {
            return Ok(());
        }
        fs::remove_dir_all(&kept).map_err(|error| Error::io("remove", &kept, error))
    }
}

/// Copies files by way of `tmp`, compares each with its record and makes it durable; returns the folders that
/// have changed.
fn copy_files(
    from: &Path,
    (to, tmp): (&Path, &Path),
    files: &[FileRecord],
) -> Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    let mut copies = Vec::with_capacity(files.len());
    for file in files {
        if DataFile::parse(&file.path).is_none() {
            let problem = format!("a record lists `{}`, which is no table's file", file.path);
            return Err(Error::corrupt(from, problem));
        }
        let copy = TmpFile::new(tmp, &file.path.replace('/', "-"));
        copy_file(&from.join(&file.path), copy.path(), file)?;
        copies.push((copy, file));
    }
    together(&copies, |(copy, _)| {
        let path = copy.path();
        flush(path, &File::open(path).map_err(|error| Error::io("open", path, error))?)
    })?;
    for (copy, file) in copies {
        let target = to.join(&file.path);
        let folder = target.parent().expect("a table's file lies in a folder");
        if ensure_folder(folder)? {
            folders.insert(to.to_owned());
        }
        folders.insert(folder.to_owned());
        rename(copy.path(), &target)?;
    }
    Ok(folders)
}

fn copy_file(from: &Path, to: &Path, record: &FileRecord) -> Result<()> {
    fs::copy(from, to).map_err(|error| Error::io("copy", from, error))?;
    let (sha256, bytes) = sha256_file(to)?;
    if (sha256.as_str(), bytes) == (record.sha256.as_str(), record.bytes) {
        return Ok(());
    }
    Err(Error::corrupt(from, "it is not what its record says; `throng verify` tells more"))
}
