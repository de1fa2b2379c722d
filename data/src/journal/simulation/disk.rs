//! A disk that fails as a seed says: it tears writes, refuses flushes, dies, and forgets what was not
//! flushed, block by block.

use super::super::disk::{Disk, DiskFile, Shelf};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes that survive together or not at all; small, so that frames tear often.
const BLOCK_BYTES: usize = 64;

/// Random numbers from a seed (`SplitMix64`, Steele et al. 2014).
#[derive(Debug, Clone)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
}

/// How often what goes wrong, in a thousand times.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) short_write: u64,
    pub(super) failed_write: u64,
    pub(super) failed_sync: u64,
    pub(super) failed_other: u64,
    /// The number of the operation at which the process dies.
    pub(super) death_at: Option<u64>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Default)]
struct SimFile {
    /// What a reader sees.
    now: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// What is not yet flushed.
    changes: Vec<Change>,
}

#[derive(Debug)]
struct World {
    draws: Draws,
    faults: Faults,
    operations: u64,
    dead: bool,
    files: BTreeMap<u64, SimFile>,
    next_file: u64,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
}

/// The disk; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct SimDisk(Arc<Mutex<World>>);

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            draws: Draws::new(seed),
            faults: Faults::default(),
            operations: 0,
            dead: false,
            files: BTreeMap::new(),
            next_file: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// What goes wrong from now on; operations count from 0 again.
    pub(super) fn set_faults(&self, faults: Faults) {
        let mut world = self.world();
        world.faults = faults;
        world.operations = 0;
    }

    /// What goes wrong at present.
    pub(super) fn faults(&self) -> Faults {
        self.world().faults
    }

    /// Whether the process has died.
    pub(super) fn is_dead(&self) -> bool {
        self.world().dead
    }

    /// A new process; the machine has gone on.
    pub(super) fn restart(&self) {
        self.world().dead = false;
    }

    /// A new process after the machine lost its power: each block and name that was not flushed is
    /// there or not.
    pub(super) fn power_cycle(&self) {
        let mut world = self.world();
        let world = &mut *world;
        world.dead = false;
        for file in world.files.values_mut() {
            let changes = std::mem::take(&mut file.changes);
            survive(&mut file.durable, changes, &mut world.draws);
            file.now.clone_from(&file.durable);
        }
        let either: BTreeSet<String> =
            world.names.keys().chain(world.durable_names.keys()).cloned().collect();
        let mut names = BTreeMap::new();
        for name in either {
            let (now, durable) = (world.names.get(&name), world.durable_names.get(&name));
            let kept = if world.draws.chance(500) { now } else { durable };
            names.extend(kept.map(|&file| (name, file)));
        }
        world.durable_names.clone_from(&names);
        world.names = names;
    }

    /// Flips bits of one byte of a file that is on the disk.
    pub(super) fn rot(&self, name: &str, offset: u64, bits: u8) {
        let mut world = self.world();
        let file = world.names[name];
        let file = world.files.get_mut(&file).unwrap();
        file.now[offset as usize] ^= bits;
        file.durable[offset as usize] ^= bits;
    }
}

/// Applies what survives of changes that were not flushed.
fn survive(durable: &mut Vec<u8>, changes: Vec<Change>, draws: &mut Draws) {
    let share = [0, 200, 500, 800, 1_000][draws.below(5) as usize];
    for change in changes {
        match change {
            Change::Truncate(len) if draws.chance(share) => durable.truncate(len),
            Change::Truncate(_) => {}
            Change::Write { offset, bytes } => {
                let mut at = 0;
                while at < bytes.len() {
                    // Blocks lie at fixed places of the file.
                    let block = BLOCK_BYTES - (offset + at) % BLOCK_BYTES;
                    let end = bytes.len().min(at + block);
                    if draws.chance(share) {
                        write_over(durable, offset + at, &bytes[at..end]);
                    }
                    at = end;
                }
            }
        }
    }
}

fn write_over(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    content.resize(content.len().max(end), 0);
    content[offset..end].copy_from_slice(bytes);
}

impl World {
    /// Counts an operation; fails where the process is or becomes dead.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        self.dead |= self.faults.death_at.is_some_and(|at| self.operations > at);
        if self.dead { Err(io::Error::other("the process is dead")) } else { Ok(()) }
    }

    fn other(&mut self) -> io::Result<()> {
        self.operate()?;
        let fails = self.draws.chance(self.faults.failed_other);
        if fails { Err(io::Error::other("an operation failed")) } else { Ok(()) }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut SimFile> {
        let file = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.files.get_mut(&file).expect("a name has a file"))
    }
}

impl Shelf for SimDisk {
    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(self.world().file(name)?.now.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut world = self.world();
        world.other()?;
        let now = &world.file(name)?.now;
        let found = now.get(offset as usize..offset as usize + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.world();
        world.other()?;
        Ok(world.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.other()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.next_file;
        world.next_file += 1;
        world.files.insert(file, SimFile::default());
        world.names.insert(name.to_owned(), file);
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn open_end(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.world();
        world.other()?;
        let file = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.other()?;
        world.names.remove(name);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.world();
        world.other()?;
        let names = world.names.clone();
        world.durable_names = names;
        Ok(())
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    file: u64,
}

impl Handle {
    fn change(&self, world: &mut World, change: Change) {
        let file = world.files.get_mut(&self.file).unwrap();
        match &change {
            Change::Write { offset, bytes } => write_over(&mut file.now, *offset, bytes),
            Change::Truncate(len) => file.now.truncate(*len),
        }
        file.changes.push(change);
    }
}

impl DiskFile for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.disk.world();
        let was_dead = world.dead;
        let alive = world.operate();
        if was_dead {
            return alive.map(|()| 0);
        }
        let faults = world.faults;
        let fails = alive.is_err() || world.draws.chance(faults.failed_write);
        let short = fails || world.draws.chance(faults.short_write);
        let len =
            if short { world.draws.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        let offset = world.files[&self.file].now.len();
        self.change(&mut world, Change::Write { offset, bytes: bytes[..len].to_owned() });
        alive?;
        // A write of nothing is a full disk.
        if fails || len == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(len) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.operate()?;
        let fails = {
            let faults = world.faults;
            world.draws.chance(faults.failed_sync)
        };
        let world = &mut *world;
        let file = world.files.get_mut(&self.file).unwrap();
        let changes = std::mem::take(&mut file.changes);
        if fails {
            // What was not written is from now on taken for written.
            survive(&mut file.durable, changes, &mut world.draws);
            return Err(io::Error::other("a flush failed"));
        }
        for change in changes {
            match change {
                Change::Write { offset, bytes } => write_over(&mut file.durable, offset, &bytes),
                Change::Truncate(len) => file.durable.truncate(len),
            }
        }
        Ok(())
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.disk.world();
        world.other()?;
        let offset = offset as usize;
        self.change(&mut world, Change::Write { offset, bytes: bytes.to_owned() });
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.other()?;
        self.change(&mut world, Change::Truncate(len as usize));
        Ok(())
    }
}
