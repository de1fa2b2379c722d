//! Lives of a journal on a failing disk, thousands of them, each from one seed.

mod disk;

use self::disk::{Draws, Faults, SimDisk};
use super::append::{Appender, Pending, Receipt, SharedIndex};
use super::disk::Disk;
use super::format::SEAL_BYTES;
use super::index::Index;
use super::name::SegmentName;
use super::open::{Opening, take_stock};
use super::record::{
    AppendError, Call, Choice, Finish, JournalCompletion, JournalKey, JournalRecord, Tokens,
};
use super::room::Room;
use super::scan::scan;
use super::{lock, read_place};
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

/// Seeds of an ordinary test run; `THRONG_SEEDS` sets another number, `THRONG_SEED` a single one.
const SEEDS: u64 = 3_000;
/// Processes that work on a journal one after the other.
const LIVES_MAX: u64 = 6;
/// Batches of a process.
const BATCHES_MAX: u64 = 8;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Plays every seed; says how to play the first that fails again.
fn for_each_seed(test: &str, play: fn(u64)) {
    let seeds = match number("THRONG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("THRONG_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(seed))) {
            eprintln!("THRONG_SEED={seed} cargo test -p throng-data {test}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn no_acknowledged_completion_is_lost() {
    for_each_seed("no_acknowledged_completion_is_lost", |seed| Life::new(seed).play());
}

#[test]
fn rot_is_told_or_harmless() {
    for_each_seed("rot_is_told_or_harmless", rot);
}

/// What must be true of the journal, whatever its disk does.
struct Life {
    draws: Draws,
    disk: SimDisk,
    faults: Faults,
    /// Whether processes die.
    mortal: bool,
    written: BTreeMap<JournalKey, JournalCompletion>,
    /// What was acknowledged and is not committed.
    kept: BTreeSet<JournalKey>,
    committed: Option<u32>,
    next_agent: u64,
    incarnation: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut draws = Draws::new(seed ^ 0x6a09_e667_f3bc_c909);
        let disk = SimDisk::new(draws.next());
        // Some seeds have no fault of a kind at all: faults hide each other.
        let mut rate = |most: u64| if draws.chance(500) { 0 } else { draws.below(most) };
        let faults = Faults {
            short_write: rate(400),
            failed_write: rate(60),
            failed_sync: rate(60),
            failed_other: rate(20),
            death_at: None,
        };
        Self {
            draws,
            disk,
            faults,
            mortal: true,
            written: BTreeMap::new(),
            kept: BTreeSet::new(),
            committed: None,
            next_agent: 0,
            incarnation: 0,
        }
    }

    fn play(mut self) {
        for _ in 0..=self.draws.below(LIVES_MAX) {
            let death_at = self.death();
            self.disk.set_faults(Faults { death_at, ..self.faults });
            self.live();
            if self.draws.chance(600) { self.disk.power_cycle() } else { self.disk.restart() }
        }
        self.disk.set_faults(Faults::default());
        let (index, _) = self.open(Opening::Alone).expect("nothing fails any more");
        self.check(&index);
        let (index, cuts) = self.open(Opening::Alone).expect("nothing fails any more");
        assert_eq!(cuts, [], "what was cut once is whole from then on");
        self.check(&index);
    }

    fn open(&self, opening: Opening) -> Option<(Index, Vec<super::scan::Cut>)> {
        match take_stock(&self.disk, self.committed, opening) {
            Ok(stock) => Some(stock),
            Err(Error::Io { .. }) => None,
            Err(error) => panic!("no byte was lost that had been durable, and yet: {error}"),
        }
    }

    /// When the process is to die, if at all.
    fn death(&mut self) -> Option<u64> {
        let dies = self.mortal && self.draws.chance(800);
        dies.then(|| self.draws.below(60))
    }

    /// One process, from its start to its end or death.
    fn live(&mut self) {
        // A failed flush leaves in memory what is not on the disk. In another host's files, which must
        // not be changed, that cannot be put right.
        let shared = self.faults.failed_sync == 0 && self.draws.chance(200);
        let opening = if shared { Opening::Shared } else { Opening::Alone };
        let Some((index, _)) = self.open(opening) else { return };
        if !self.disk.is_dead() {
            self.disk.set_faults(Faults::default());
            self.check(&index);
            let death_at = self.death();
            self.disk.set_faults(Faults { death_at, ..self.faults });
        }
        let index: SharedIndex = Arc::new(Mutex::new(index));
        self.incarnation += 1;
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let mut appender =
            Appender::new(disk, Arc::clone(&index), self.incarnation, self.committed)
                .with_segment_bytes_max(500 + self.draws.below(5_000));
        for _ in 0..self.draws.below(BATCHES_MAX) {
            if self.draws.chance(150) {
                self.commit_round(&mut appender, &index);
            } else {
                self.append(&mut appender);
            }
        }
        if self.draws.chance(300) {
            let _ = appender.finish();
        }
    }

    /// Appends a batch; each receipt is called once.
    fn append(&mut self, appender: &mut Appender) {
        let size = 1 + self.draws.below(5);
        let outcomes: Arc<Mutex<BTreeMap<u64, Vec<Result<(), AppendError>>>>> = Arc::default();
        let mut batch = Vec::new();
        for id in 0..size {
            let record = self.record();
            let count = record.choices.len() as u32;
            for (rank, choice) in (0..).zip(record.choices.iter().cloned()) {
                let key = record.call.key(choice.agent);
                self.written.insert(key, record.call.completion(rank, count, choice));
            }
            let outcomes = Arc::clone(&outcomes);
            let receipt = Receipt::new(move |outcome| {
                outcomes.lock().unwrap().entry(id).or_default().push(outcome);
            });
            let room = Room::new(0).take(0);
            batch.push(Pending { record, receipt, room });
        }
        let records: Vec<JournalRecord> = batch.iter().map(|p| p.record.clone()).collect();
        appender.commit(batch);
        let outcomes = outcomes.lock().unwrap();
        for (id, record) in (0..).zip(&records) {
            let outcome = outcomes.get(&id).map_or(&[][..], Vec::as_slice);
            assert_eq!(outcome.len(), 1, "each append ends in one call");
            if outcome[0].is_ok() {
                assert!(self.committed < Some(record.call.round), "the round was closed");
                self.kept.extend(record.choices.iter().map(|c| record.call.key(c.agent)));
            }
        }
    }

    fn record(&mut self) -> JournalRecord {
        let draws = &mut self.draws;
        let round = self.committed.map_or(0, |round| round + 1) + draws.below(3) as u32;
        let digest = |draws: &mut Draws| [draws.below(3) as u8; 32];
        let call = Call {
            round,
            exchange: draws.below(2) as u32,
            attempt: draws.below(2) as u8,
            prompt: digest(draws),
            model: digest(draws),
            parameters: digest(draws),
            model_index: 1,
            endpoint: 2,
            latency_us: draws.next() as u32,
            tokens: Tokens { prompt: 100, completion: draws.below(50) as u32, cached: 7 },
            cost: draws.below(1_000),
        };
        let choices = (0..=draws.below(3)).map(|_| {
            self.next_agent += 1;
            let text = "ø".repeat(draws.below(120) as usize);
            let finish = [Finish::Stop, Finish::Length][draws.below(2) as usize];
            Choice { agent: self.next_agent, text: text.into(), finish }
        });
        JournalRecord { call, choices: choices.collect() }
    }

    /// Closes the next round; when all its completions can be read for the table, commits and trims.
    fn commit_round(&mut self, appender: &mut Appender, index: &SharedIndex) {
        let round = self.committed.map_or(0, |round| round + 1);
        if appender.close_rounds(round).is_err() || self.disk.is_dead() {
            return;
        }
        let faults = self.disk.faults();
        self.disk.set_faults(Faults::default());
        self.check(&lock(index));
        self.disk.set_faults(faults);
        self.committed = Some(round);
        self.kept.retain(|key| key.round > round);
        let old = lock(index).forget(round);
        for name in old {
            let _ = self.disk.remove(&name.to_string());
        }
    }

    /// Everything acknowledged is there, and everything there was written.
    fn check(&self, index: &Index) {
        let mut found = BTreeSet::new();
        for round in index.counts().into_keys() {
            for place in index.after(round, None, usize::MAX) {
                let segment = index.segment(place.segment).expect("a place has a segment");
                let read = read_place(&self.disk, &place, &segment).expect("it can be read");
                let key = read.call.key(place.agent);
                let completion = read.call.completion(place.choice.into(), read.count, read.choice);
                assert_eq!(self.written.get(&key), Some(&completion), "it was written as such");
                found.insert(key);
            }
        }
        let lost: Vec<&JournalKey> = self.kept.difference(&found).collect();
        assert_eq!(lost, Vec::<&JournalKey>::new(), "these were acknowledged");
    }
}

/// A byte that changed on the disk is told with file and offset, unless it lies in the last batch of
/// a segment that was not finished, or in its seal; then the segment ends before it.
fn rot(seed: u64) {
    let mut life = Life::new(seed);
    (life.faults, life.mortal) = (Faults::default(), false);
    life.live();
    let Some((before, _)) = life.open(Opening::Shared) else { panic!("nothing fails") };
    let mut names = life.disk.list().unwrap();
    names.retain(|name| super::disk::Shelf::len(&life.disk, name).unwrap() > 0);
    if names.is_empty() {
        return;
    }
    let name = names.swap_remove(life.draws.below(names.len() as u64) as usize);
    let len = super::disk::Shelf::len(&life.disk, &name).unwrap();
    let intact = scan(&life.disk, &SegmentName::parse(&name).unwrap(), &mut |_, _| {}).unwrap();
    let last = if intact.sealed { intact.end - SEAL_BYTES } else { intact.last_batch };
    let (offset, bits) = (life.draws.below(len), 1 + life.draws.below(255) as u8);
    life.disk.rot(&name, offset, bits);
    match take_stock(&life.disk, life.committed, Opening::Shared) {
        Err(Error::Corrupt { path, problem }) => {
            assert_eq!(path.to_str(), Some(&*name));
            assert!(problem.contains(" at byte ") || problem.contains(" end "), "{problem}");
        }
        Err(error) => panic!("{error}"),
        Ok((after, cuts)) => {
            assert_eq!(cuts.len(), 1, "what is not an error is a cut");
            assert!(cuts[0].segment == name && cuts[0].offset <= offset);
            assert!(last <= offset, "what lies before the last batch was durable");
            life.kept.clear();
            life.check(&after);
            let count = |index: &Index| index.counts().values().sum::<u64>();
            assert!(count(&after) <= count(&before));
        }
    }
}
