//! Near duplicates among texts: signatures whose words agree as often as the texts share parts.
//!
//! A. Z. Broder, "On the resemblance and containment of documents", 1997: the share of equal minima of hashed
//! parts estimates the texts' resemblance. Signatures are compared where one of their bands is equal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use throng_engine::Pool;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Minima in a signature.
pub const SIGNATURE_WORDS: usize = 64;
/// Minima in a band; sixteen bands of four find nearly all pairs that resemble by 0.7 or more.
const BAND_WORDS: usize = 4;
/// Words that make a part of a text.
const PART_WORDS: usize = 3;
/// Resemblance from which two texts are near duplicates.
const NEAR: f64 = 0.7;
/// Most texts of one band that are compared with each other; the first ones stand for the rest.
const BAND_TEXTS_MAX: usize = 200;

/// How much texts differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Distinctness {
    /// Texts.
    pub texts: u64,
    /// Different texts.
    pub distinct: u64,
    /// Texts that resemble an earlier one by 0.7 or more, equal ones included.
    pub near_duplicates: u64,
    /// Pairs of the most alike texts, as places in their order, with the estimated resemblance.
    pub most_alike: Vec<(usize, usize, f64)>,
}

/// Pairs that the report names.
const PAIRS_SHOWN: usize = 10;

type Signature = [u32; SIGNATURE_WORDS];

/// Compares texts with each other.
pub fn distinctness<'t>(texts: impl Iterator<Item = &'t str>, pool: &Pool) -> Distinctness {
    let texts: Vec<&str> = texts.collect();
    let distinct = texts.iter().collect::<BTreeSet<_>>().len() as u64;
    let parts = pool.split(texts.as_slice(), 256, |texts| {
        texts.iter().map(|text| signature(text)).collect::<Vec<_>>()
    });
    let signatures: Vec<Signature> = parts.into_iter().flatten().collect();
    let mut near = BTreeSet::new();
    let mut pairs = BTreeMap::new();
    for band in 0..SIGNATURE_WORDS / BAND_WORDS {
        let mut alike: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
        for (place, signature) in signatures.iter().enumerate() {
            alike.entry(&signature[band * BAND_WORDS..][..BAND_WORDS]).or_default().push(place);
        }
        for places in alike.values().filter(|places| places.len() > 1) {
            compare(places, &signatures, &mut near, &mut pairs);
        }
    }
    let mut most_alike: Vec<(usize, usize, f64)> =
        pairs.into_iter().map(|((first, second), much)| (first, second, much)).collect();
    most_alike.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    most_alike.truncate(PAIRS_SHOWN);
    Distinctness {
        texts: texts.len() as u64,
        distinct,
        near_duplicates: near.len() as u64,
        most_alike,
    }
}

fn compare(
    places: &[usize],
    signatures: &[Signature],
    near: &mut BTreeSet<usize>,
    pairs: &mut BTreeMap<(usize, usize), f64>,
) {
    for (at, place) in places.iter().enumerate().skip(1) {
        for earlier in &places[..at.min(BAND_TEXTS_MAX)] {
            let much = resemblance(&signatures[*earlier], &signatures[*place]);
            if much >= NEAR {
                near.insert(*place);
                if pairs.len() < 100 * PAIRS_SHOWN {
                    pairs.insert((*earlier, *place), much);
                }
                break;
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
        let part = part.join(" ");
        for (seed, least) in least.iter_mut().enumerate() {
            *least = (*least).min((xxh3_64_with_seed(part.as_bytes(), seed as u64) >> 32) as u32);
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_duplicates_are_found_and_others_are_not() {
        let long = "You grew up by the sea, learned to mend nets from your father, and now teach mathematics at a small school in the hills where you keep bees and play the accordion on Sundays with friends from the village.";
        let near = long.replace("Sundays", "Saturdays");
        let other = "As a surgeon in a large hospital you work at night, read novels about polar journeys, and have three brothers who all became carpenters in different countries.";
        let found = distinctness([long, other, &near, long].into_iter(), &Pool::new(1));
        assert_eq!((found.texts, found.distinct, found.near_duplicates), (4, 3, 2));
        assert_eq!((found.most_alike[0].0, found.most_alike[0].1), (0, 3));
    }

    #[test]
    fn no_texts_and_empty_texts_are_no_trouble() {
        assert_eq!(distinctness(std::iter::empty(), &Pool::new(1)), Distinctness::default());
        assert_eq!(distinctness(["", ""].into_iter(), &Pool::new(1)).near_duplicates, 1);
    }
}
