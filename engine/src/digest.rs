//! Digests of a round's state: equal states give equal digests, however the population is split.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::record::{Column, Values};
use crate::{BLOCK, Pool};

/// A digest of 128 bits (XXH3). It finds differences; it is no protection against forgery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// One digest for each block of [`BLOCK`] rows; the rows must start at a block's first agent.
pub fn block_digests(pool: &Pool, columns: &[Column]) -> Vec<Digest> {
    let rows = columns.first().map_or(0, |column| column.values.len());
    let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
    let of_blocks = |starts: &[usize]| -> Vec<Digest> {
        starts.iter().map(|&start| block(columns, start, (start + BLOCK).min(rows))).collect()
    };
    pool.split(starts.as_slice(), 32, of_blocks).concat()
}

/// The digest of a whole state from the digests of its blocks in agent order.
pub fn state_digest<'a>(blocks: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut hasher = Xxh3::new();
    for block in blocks {
        hasher.update(&block.0.to_le_bytes());
    }
    Digest(hasher.digest128())
}

fn block(columns: &[Column], start: usize, end: usize) -> Digest {
    let mut hasher = Xxh3::new();
    let mut bytes = Vec::with_capacity(8 * BLOCK);
    for column in columns {
        bytes.clear();
        write_values(&column.values, start, end, &mut bytes);
        hasher.update(&bytes);
        if let Some(valid) = &column.valid {
            bytes.clear();
            bytes.extend(valid[start..end].iter().map(|&valid| u8::from(valid)));
            hasher.update(&bytes);
        }
    }
    Digest(hasher.digest128())
}

/// The values as little-endian bytes, so that every processor digests the same.
fn write_values(values: &Values, start: usize, end: usize, bytes: &mut Vec<u8>) {
    match values {
        Values::I32(values) => {
            values[start..end].iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        Values::I64(values) => {
            values[start..end].iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        Values::F32(values) => {
            values[start..end].iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        Values::F64(values) => {
            values[start..end].iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        Values::Bool(values) => bytes.extend(values[start..end].iter().map(|&v| u8::from(v))),
        Values::Category(values) => bytes.extend(&values[start..end]),
        Values::Text(values) => {
            for value in &values[start..end] {
                bytes.extend((value.len() as u64).to_le_bytes());
                bytes.extend(value.as_bytes());
            }
        }
    }
}
