//! Near duplicates among texts: signatures whose words agree as often as the texts share parts.
//!
//! A. Z. Broder, "On the resemblance and containment of documents", 1997: the share of equal minima of hashed
//! parts estimates the texts' resemblance. Signatures are compared where one of their bands is equal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_engine::Pool;
use xxhash_rust::xxh3::xxh3_64;

/// Minima in a signature.
pub const SIGNATURE_WORDS: usize = 64;
/// Minima in a band; sixteen bands of four find nearly all pairs that resemble by [`NEAR`] or more.
const BAND_WORDS: usize = 4;
/// Words that make a part of a text.
const PART_WORDS: usize = 3;
/// Resemblance from which two texts are near duplicates.
pub const NEAR: f64 = 0.7;
/// Texts of one band that are compared with each other; the first ones stand for the rest.
const BAND_TEXTS_MAX: usize = 200;
/// Pairs that the report names.
const PAIRS_SHOWN: usize = 10;
/// Pairs that are kept until the most alike ones are known.
const PAIRS_KEPT: usize = 1_000;
/// Texts whose signatures one task makes.
const TEXTS_PER_TASK: usize = 256;

/// How much texts differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Distinctness {
    /// Texts.
    pub texts: u64,
    /// Different texts.
    pub distinct: u64,
    /// Texts that resemble an earlier one by 0.7 or more, equal ones included.
    pub near_duplicates: u64,
    /// Pairs of the most alike texts, as their agents, with the estimated resemblance.
    pub most_alike: Vec<(u32, u32, f64)>,
}

type Signature = [u32; SIGNATURE_WORDS];

/// A text as it is compared: whose it is, a hash of all of it, its signature.
#[derive(Clone, Copy, Debug)]
struct Seen {
    agent: u32,
    hash: u64,
    signature: Signature,
}

/// Texts that are compared with each other, without being kept.
#[derive(Debug, Default)]
pub(super) struct Alike {
    seen: Vec<Seen>,
}

impl Alike {
    /// Adds the texts of agents.
    pub(super) fn add(&mut self, texts: Vec<(u32, &str)>, pool: &Pool) {
        let parts = pool.split(texts.as_slice(), TEXTS_PER_TASK, |texts| {
            let see = |(agent, text): &(u32, &str)| Seen {
                agent: *agent,
                hash: xxh3_64(text.as_bytes()),
                signature: signature(text),
            };
            texts.iter().map(see).collect::<Vec<_>>()
        });
        self.seen.extend(parts.into_iter().flatten());
    }

    /// Compares all of them.
    pub(super) fn finish(&self) -> Distinctness {
        let distinct = self.seen.iter().map(|seen| seen.hash).collect::<BTreeSet<_>>();
        let mut near = BTreeSet::new();
        let mut pairs = BTreeMap::new();
        for band in 0..SIGNATURE_WORDS / BAND_WORDS {
            let mut alike: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
            for (place, seen) in self.seen.iter().enumerate() {
                let words = &seen.signature[band * BAND_WORDS..][..BAND_WORDS];
                alike.entry(words).or_default().push(place);
            }
            for places in alike.values().filter(|places| places.len() > 1) {
                self.compare(places, &mut near, &mut pairs);
            }
        }
        let mut most_alike: Vec<(u32, u32, f64)> =
            pairs.into_iter().map(|((first, second), much)| (first, second, much)).collect();
        most_alike.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        most_alike.truncate(PAIRS_SHOWN);
        Distinctness {
            texts: self.seen.len() as u64,
            distinct: distinct.len() as u64,
            near_duplicates: near.len() as u64,
            most_alike,
        }
    }

    /// Compares texts of one band, each until an earlier one is found that it resembles.
    fn compare(
        &self,
        places: &[usize],
        near: &mut BTreeSet<usize>,
        pairs: &mut BTreeMap<(u32, u32), f64>,
    ) {
        for (at, place) in places.iter().enumerate().skip(1) {
            for earlier in &places[..at.min(BAND_TEXTS_MAX)] {
                let (first, second) = (&self.seen[*earlier], &self.seen[*place]);
                let much = resemblance(&first.signature, &second.signature);
                if much >= NEAR {
                    near.insert(*place);
                    if pairs.len() < PAIRS_KEPT {
                        pairs.insert((first.agent, second.agent), much);
                    }
                    break;
                }
            }
        }
    }
}

fn resemblance(first: &Signature, second: &Signature) -> f64 {
    first.iter().zip(second).filter(|(a, b)| a == b).count() as f64 / SIGNATURE_WORDS as f64
}

/// The least hash of all parts of a text, for each of many hash functions.
fn signature(text: &str) -> Signature {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut least = [u32::MAX; SIGNATURE_WORDS];
    let width = PART_WORDS.min(words.len()).max(1);
    for part in words.windows(width) {
        let hash = xxh3_64(part.join(" ").as_bytes());
        for (place, least) in least.iter_mut().enumerate() {
            *least = (*least).min(scattered(hash, place as u64));
        }
    }
    least
}

/// One of many hashes of a hash, by multiplication with an odd number and an addition.
///
/// M. Dietzfelbinger, "Universal hashing and k-wise independent random variables via integer arithmetic", 1996.
fn scattered(hash: u64, which: u64) -> u32 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let factor = GOLDEN.wrapping_mul(2 * which + 1).rotate_left(23) | 1;
    let offset = GOLDEN.rotate_left(which as u32);
    (hash.wrapping_mul(factor).wrapping_add(offset) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinctness(texts: &[&str]) -> Distinctness {
        let mut alike = Alike::default();
        alike.add((10..).zip(texts.iter().copied()).collect(), &Pool::new(1));
        alike.finish()
    }

    #[test]
    fn near_duplicates_are_found_and_others_are_not() {
        let long = "You grew up by the sea, learned to mend nets from your father, and now teach mathematics at a small school in the hills where you keep bees and play the accordion on Sundays with friends from the village.";
        let near = long.replace("Sundays", "Saturdays");
        let other = "As a surgeon in a large hospital you work at night, read novels about polar journeys, and have three brothers who all became carpenters in different countries.";
        let found = distinctness(&[long, other, &near, long]);
        assert_eq!((found.texts, found.distinct, found.near_duplicates), (4, 3, 2));
        assert_eq!((found.most_alike[0].0, found.most_alike[0].1), (10, 13));
    }

    #[test]
    fn no_texts_and_empty_texts_are_no_trouble() {
        assert_eq!(distinctness(&[]), Distinctness::default());
        assert_eq!(distinctness(&["", ""]).near_duplicates, 1);
    }

    /// The estimate is as good as that of 64 independent hashes: its standard error is at most 1/16.
    #[test]
    fn the_share_of_equal_minima_is_the_share_of_common_parts() {
        let text = |from: u32, to: u32| {
            (from..to).map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
        };
        let mut off = 0.0;
        for start in 0..50 {
            let base = start * 10_000;
            let (first, second) = (text(base, base + 200), text(base + 50, base + 250));
            // 148 of 248 parts are common.
            off += resemblance(&signature(&first), &signature(&second)) - 148.0 / 248.0;
        }
        assert!((off / 50.0_f64).abs() < 0.03, "{}", off / 50.0);
    }
}
