//! The files of a run against their records, and files that no record knows.

use super::{Check, Report, relative};
use crate::commit::{CommitRecord, FileRecord};
use crate::digest::sha256_file;
use crate::interview::interviews;
use crate::layout::{
    COMMITS, DataFile, Folder, INTERVIEWS, PARENT, PRIVATE_FOLDERS, TMP, TOP_FILES, commit_path,
    commit_round,
};
use crate::lock::is_locked;
use crate::read::footer_rows;
use crate::run_read::RunDir;
use crate::run_write::{data_files, list};
use std::collections::BTreeSet;
use std::path::Path;

/// Hashes every listed file; returns the paths of those that are whole.
pub(super) fn check_files(
    run: &Path,
    records: &[CommitRecord],
    report: &mut Report,
) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    let mut whole = BTreeSet::new();
    for record in records {
        let record_path = relative(run, &commit_path(run, record.round));
        for file in &record.files {
            let ours = DataFile::parse(&file.path).is_some_and(|f| f.round == record.round);
            if !ours {
                report.add(&record_path, Check::Listing, "files of its round", &file.path);
            } else if !listed.insert(file.path.clone()) {
                report.add(&record_path, Check::Listing, "each file once", &file.path);
            } else if is_whole(run, file, report) {
                whole.insert(file.path.clone());
            }
        }
    }
    whole
}

/// Hashes what a fork keeps of the run that it began from.
pub(super) fn check_kept(run: &RunDir, report: &mut Report) {
    let records = match run.kept_parent().and_then(|kept| {
        let rounds = kept.as_ref().map_or(Ok(Vec::new()), RunDir::rounds)?;
        kept.map_or(Ok(Vec::new()), |kept| rounds.into_iter().map(|r| kept.commit(r)).collect())
    }) {
        Ok(records) => records,
        Err(error) => return report.add(PARENT, Check::Record, "records of kept rounds", error),
    };
    for file in records.into_iter().flat_map(|record: CommitRecord| record.files) {
        let named = FileRecord { path: format!("{PARENT}/{}", file.path), ..file };
        is_whole(run.path(), &named, report);
    }
}

/// Hashes the tables of finished interviews, and reports what is neither finished nor being held.
pub(super) fn check_interviews(run: &Path, report: &mut Report) {
    let found = match interviews(run) {
        Ok(found) => found,
        Err(error) => return report.add(INTERVIEWS, Check::Record, "records of interviews", error),
    };
    let mut known = BTreeSet::new();
    for (name, record) in found {
        is_whole(run, &record.file, report);
        known.extend([record.file.path, format!("{INTERVIEWS}/{name}.json")]);
    }
    for path in list(&run.join(INTERVIEWS)).unwrap_or_default() {
        let name = relative(run, &path);
        // A folder is an interview that is not finished, or that somebody holds.
        if !path.is_dir() && !known.contains(&name) {
            report.add(name, Check::Unknown, "only interviews", "something else");
        }
    }
}

fn is_whole(run: &Path, file: &FileRecord, report: &mut Report) -> bool {
    let path = run.join(&file.path);
    // Only a plain file: a link may point anywhere, a pipe would never end.
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            report.add(&file.path, Check::Missing, "a file", "something else");
            return false;
        }
        Err(error) => {
            report.add(&file.path, Check::Missing, "a file", error);
            return false;
        }
    }
    let (digest, bytes) = match sha256_file(&path) {
        Ok(found) => found,
        Err(error) => {
            report.add(&file.path, Check::Missing, "a readable file", error);
            return false;
        }
    };
    report.files += 1;
    report.bytes = report.bytes.saturating_add(bytes);
    if bytes != file.bytes {
        report.add(&file.path, Check::Bytes, file.bytes, bytes);
    }
    if digest != file.sha256 {
        // Other bytes than were written: there is no point in decoding them.
        report.add(&file.path, Check::Digest, &file.sha256, digest);
        return false;
    }
    has_rows(&path, file, report)
}

fn has_rows(path: &Path, file: &FileRecord, report: &mut Report) -> bool {
    match footer_rows(path) {
        Err(error) => {
            report.add(&file.path, Check::Decode, "a Parquet file", error);
            false
        }
        Ok(rows) if rows != file.rows => {
            report.add(&file.path, Check::Rows, file.rows, rows);
            false
        }
        Ok(rows) => {
            report.rows = report.rows.saturating_add(rows);
            true
        }
    }
}

/// Reports what lies in the run directory and is in no record.
pub(super) fn check_unknown(run: &Path, records: &[CommitRecord], report: &mut Report) {
    let listed: BTreeSet<&str> =
        records.iter().flat_map(|record| &record.files).map(|file| &*file.path).collect();
    let playing = is_locked(run);
    let last = records.last().map(|record| record.round);
    for (path, _) in data_files(run).unwrap_or_default() {
        // A living process puts the files of the next round in place before its record.
        let coming = DataFile::parse(&path).is_some_and(|file| Some(file.round) > last);
        let expected = listed.contains(path.as_str()) || (playing && coming);
        if !expected {
            report.add(path, Check::Unknown, "only files on record", "a file that is not");
        }
    }
    check_top(run, playing, report);
}

fn check_top(run: &Path, playing: bool, report: &mut Report) {
    for path in list(run).unwrap_or_default() {
        let name = relative(run, &path);
        let folder = PRIVATE_FOLDERS.contains(&name.as_str()) || Folder::is_table(&name);
        let known = if path.is_dir() { folder } else { TOP_FILES.contains(&name.as_str()) };
        if !known {
            report.add(name, Check::Unknown, "only what belongs to a run", "something else");
        }
    }
    for path in list(&run.join(COMMITS)).unwrap_or_default() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.as_deref().and_then(commit_round).is_none() {
            report.add(relative(run, &path), Check::Unknown, "only records", "something else");
        }
    }
    if !playing {
        for path in list(&run.join(TMP)).unwrap_or_default() {
            report.add(relative(run, &path), Check::Unknown, "nothing unfinished", "a leftover");
        }
    }
}
