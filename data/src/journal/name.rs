//! Names of segments: whose round, whose writer, and which of that writer's files.

use crate::layout::ROUND_MAX;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use xxhash_rust::xxh3::xxh3_64;

/// `round-<round>.<incarnation>.<number>`: one file of one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentName {
    /// The round of all its records.
    pub(super) round: u32,
    /// The writer; no two share one.
    pub(super) incarnation: u64,
    /// Counts the writer's files from 0.
    pub(super) number: u32,
}

impl SegmentName {
    /// Reads a file name back; `None` for anything the journal would not have written.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (round, rest) = name.strip_prefix("round-")?.split_once('.')?;
        let (incarnation, number) = rest.split_once('.')?;
        let parsed = Self {
            round: round.parse().ok().filter(|&round| round <= ROUND_MAX)?,
            incarnation: u64::from_str_radix(incarnation, 16).ok()?,
            number: number.parse().ok()?,
        };
        (parsed.to_string() == name).then_some(parsed)
    }

    /// The seed of the checks of its frames.
    pub(super) fn seed(&self) -> u64 {
        xxh3_64(self.to_string().as_bytes())
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, incarnation, number } = self;
        write!(out, "round-{round:06}.{incarnation:016x}.{number:08}")
    }
}

/// A number that no other writer has. It never feeds state.
pub(super) fn new_incarnation() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_other_spellings_do_not() {
        let name = SegmentName { round: 57, incarnation: 0xab, number: 3 };
        assert_eq!(name.to_string(), "round-000057.00000000000000ab.00000003");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in ["round-57.00000000000000ab.00000003", "round-000057.ab.3", "", "x", "round-"]
        {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
