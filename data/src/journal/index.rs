//! Where every completion lies: keys in memory, texts on disk.

use super::name::SegmentName;
use super::record::{Call, JournalRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A completion's place; ordered as the rows of the table `calls`, then by when it became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) agent: u64,
    pub(super) exchange: u32,
    pub(super) attempt: u8,
    /// The segment, by the order in which segments became known.
    pub(super) segment: u32,
    pub(super) offset: u32,
    pub(super) choice: u16,
}

impl Place {
    /// Whether both answer the same question of the same agent.
    pub(super) fn same_question(&self, other: &Self) -> bool {
        (self.agent, self.exchange, self.attempt) == (other.agent, other.exchange, other.attempt)
    }
}

/// A segment that holds completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    /// Bytes that are durable.
    pub(super) bytes: u64,
}

/// All completions that are durable and not yet in the table `calls`.
#[derive(Debug, Default)]
pub(super) struct Index {
    rounds: BTreeMap<u32, BTreeSet<Place>>,
    segments: BTreeMap<u32, Segment>,
    next_segment: u32,
    /// Rounds up to this one have left the journal.
    forgotten: Option<u32>,
}

impl Index {
    /// An index of the rounds after `forgotten`.
    pub(super) fn after_round(forgotten: Option<u32>) -> Self {
        Self { forgotten, ..Self::default() }
    }

    /// Whether a round has left the journal.
    pub(super) fn is_forgotten(&self, round: u32) -> bool {
        self.forgotten.is_some_and(|forgotten| round <= forgotten)
    }

    /// How far a segment is known.
    pub(super) fn known_bytes(&self, name: &SegmentName) -> u64 {
        let same = self.segments.values().filter(|segment| segment.name == *name);
        same.map(|segment| segment.bytes).max().unwrap_or(0)
    }

    /// Notes a segment; the number stands for it from now on.
    pub(super) fn add_segment(&mut self, name: SegmentName) -> u32 {
        let ordinal = self.next_segment;
        self.next_segment += 1;
        self.segments.insert(ordinal, Segment { name, bytes: 0 });
        ordinal
    }

    /// Notes how far a segment is durable.
    pub(super) fn set_bytes(&mut self, ordinal: u32, bytes: u64) {
        if let Some(segment) = self.segments.get_mut(&ordinal) {
            segment.bytes = bytes;
        }
    }

    /// Notes the completions of a record.
    pub(super) fn insert(&mut self, ordinal: u32, offset: u64, record: &JournalRecord) {
        let places = self.rounds.entry(record.call.round).or_default();
        places.extend(Self::places(offset, record).map(|p| Place { segment: ordinal, ..p }));
    }

    /// The places of a record's completions in a segment that has no number yet.
    pub(super) fn places(offset: u64, record: &JournalRecord) -> impl Iterator<Item = Place> {
        let Call { exchange, attempt, .. } = record.call;
        (0..).zip(&record.choices).map(move |(choice, of)| Place {
            agent: of.agent,
            exchange,
            attempt,
            segment: 0,
            offset: offset as u32,
            choice,
        })
    }

    /// Notes places of a segment, or of what was added to one, at once.
    pub(super) fn add_places(&mut self, name: SegmentName, bytes: u64, places: Vec<Place>) {
        let segment = self.add_segment(name);
        self.set_bytes(segment, bytes);
        let known = self.rounds.entry(name.round).or_default();
        known.extend(places.into_iter().map(|place| Place { segment, ..place }));
    }

    /// The segment of that number.
    pub(super) fn segment(&self, ordinal: u32) -> Option<Segment> {
        self.segments.get(&ordinal).copied()
    }

    /// The places that answer a question, in the order in which they became known.
    pub(super) fn answers(
        &self,
        round: u32,
        agent: u64,
        exchange: u32,
        attempt: u8,
    ) -> Vec<(Place, Segment)> {
        let first = Place { agent, exchange, attempt, segment: 0, offset: 0, choice: 0 };
        let Some(places) = self.rounds.get(&round) else { return Vec::new() };
        let same = places.range(first..).take_while(|place| place.same_question(&first));
        same.filter_map(|&place| Some((place, self.segment(place.segment)?))).collect()
    }

    /// The next `count` places of a round after `last`, by agent.
    pub(super) fn after(&self, round: u32, last: Option<Place>, count: usize) -> Vec<Place> {
        let Some(places) = self.rounds.get(&round) else { return Vec::new() };
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        places.range((from, Bound::Unbounded)).take(count).copied().collect()
    }

    /// Whether there is a completion of `round`.
    pub(super) fn holds(&self, round: u32) -> bool {
        self.rounds.get(&round).is_some_and(|places| !places.is_empty())
    }

    /// Completions by round.
    pub(super) fn counts(&self) -> BTreeMap<u32, u64> {
        self.rounds.iter().map(|(&round, places)| (round, places.len() as u64)).collect()
    }

    /// Forgets all rounds up to `round`; returns the segments that hold nothing else.
    pub(super) fn forget(&mut self, round: u32) -> Vec<SegmentName> {
        self.rounds = match round.checked_add(1) {
            Some(next) => self.rounds.split_off(&next),
            None => BTreeMap::new(),
        };
        self.forgotten = self.forgotten.max(Some(round));
        let old = |segment: &Segment| segment.name.round <= round;
        let names: BTreeSet<SegmentName> =
            self.segments.values().filter(|segment| old(segment)).map(|s| s.name).collect();
        self.segments.retain(|_, segment| !old(segment));
        names.into_iter().collect()
    }
}
