//! Takes stock of the segments that earlier writers left, and puts their ends in order.

use super::append::{SharedIndex, lock, push_seal};
use super::disk::{Disk, write_all};
use super::format::HEADER_BYTES;
use super::index::Index;
use super::name::SegmentName;
use super::scan::{Cut, Scanned, scan};
use crate::error::{Error, Result};
use std::io;

/// Who else writes the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nobody: torn ends are cut from the files, and unfinished segments are finished.
    Alone,
    /// Other hosts may: their files are read and flushed, never changed.
    Shared,
}

/// Reads all segments of rounds after `committed`; removes those of earlier rounds.
///
/// # Errors
/// [`Error::Corrupt`] where something is damaged that was durable once, [`Error::Io`].
pub(super) fn take_stock(
    disk: &dyn Disk,
    committed: Option<u32>,
    opening: Opening,
) -> Result<(Index, Vec<Cut>)> {
    let (old, names): (Vec<_>, Vec<_>) = segments(disk)?
        .into_iter()
        .partition(|name| committed.is_some_and(|committed| name.round <= committed));
    let mut index = Index::after_round(committed);
    let mut unfinished: Vec<(SegmentName, Scanned)> = Vec::new();
    for name in names {
        let ordinal = index.add_segment(name);
        let found =
            scan(disk, &name, &mut |offset, record| index.insert(ordinal, offset, &record))?;
        index.set_bytes(ordinal, found.end);
        let before =
            unfinished.last().filter(|(of, found)| !found.sealed && same_writer(of, &name));
        if let Some((earlier, _)) = before {
            return Err(missing_end(disk, earlier));
        }
        if !found.sealed || found.cut.is_some() {
            unfinished.push((name, found));
        }
    }
    // Nothing is changed before everything has been read.
    old.iter().try_for_each(|name| remove(disk, name))?;
    for (name, found) in &unfinished {
        tidy(disk, name, found, opening)
            .map_err(|error| Error::io("repair", &disk.path(&name.to_string()), error))?;
    }
    disk.sync_names().map_err(|error| Error::io("flush", &disk.path(""), error))?;
    Ok((index, unfinished.into_iter().filter_map(|(_, found)| found.cut).collect()))
}

/// The names of all segments, in order.
fn segments(disk: &dyn Disk) -> Result<Vec<SegmentName>> {
    let names = disk.list().map_err(|error| Error::io("list", &disk.path(""), error))?;
    let mut names: Vec<SegmentName> =
        names.iter().filter_map(|name| SegmentName::parse(name)).collect();
    names.sort_unstable();
    Ok(names)
}

/// Takes in what writers other than `own` have made durable since they were last read. It comes after
/// everything that is known already, so that the first answer to a question stays the first.
///
/// # Errors
/// As [`take_stock`].
pub(super) fn take_in(disk: &dyn Disk, index: &SharedIndex, own: u64) -> Result<()> {
    for name in segments(disk)? {
        if name.incarnation == own || lock(index).is_forgotten(name.round) {
            continue;
        }
        let known = lock(index).known_bytes(&name);
        let mut fresh = Vec::new();
        let found = scan(disk, &name, &mut |offset, record| {
            if offset >= known {
                fresh.extend(Index::places(offset, &record));
            }
        })?;
        if !found.sealed {
            let synced = disk.open_end(&name.to_string()).and_then(|mut end| end.sync());
            synced.map_err(|error| Error::io("flush", &disk.path(&name.to_string()), error))?;
        }
        if !fresh.is_empty() {
            lock(index).add_places(name, found.end, fresh);
        }
    }
    Ok(())
}

/// A writer begins its next file of a round only after the seal of the one before is durable.
fn same_writer(earlier: &SegmentName, later: &SegmentName) -> bool {
    (earlier.round, earlier.incarnation) == (later.round, later.incarnation)
}

fn missing_end(disk: &dyn Disk, name: &SegmentName) -> Error {
    let problem = "its end is missing: its writer had finished it and begun another";
    Error::corrupt(&disk.path(&name.to_string()), problem)
}

fn remove(disk: &dyn Disk, name: &SegmentName) -> Result<()> {
    let name = name.to_string();
    disk.remove(&name).map_err(|error| Error::io("remove", &disk.path(&name), error))
}

/// Makes durable what was read from an unfinished segment: its writer may have died before it had
/// flushed its last batch, or the flush had failed and left the batch in memory only. So the batch is
/// written again over itself. Each change is durable before the next, so that a crash in between
/// leaves a segment that can be read.
fn tidy(disk: &dyn Disk, name: &SegmentName, found: &Scanned, opening: Opening) -> io::Result<()> {
    let file = name.to_string();
    if opening == Opening::Shared {
        return disk.open_end(&file)?.sync();
    }
    if found.end < HEADER_BYTES as u64 {
        return disk.remove(&file);
    }
    let mut end = disk.open_end(&file)?;
    if found.cut.is_some() {
        end.truncate(found.end)?;
        end.sync()?;
    }
    if found.sealed {
        return Ok(());
    }
    let mut batch = vec![0; (found.end - found.last_batch) as usize];
    disk.read_at(&file, found.last_batch, &mut batch)?;
    end.overwrite(found.last_batch, &batch)?;
    end.sync()?;
    let mut seal = Vec::new();
    push_seal(&mut seal, name.seed(), found.end, found.records);
    write_all(&mut *end, &seal)?;
    end.sync()
}
