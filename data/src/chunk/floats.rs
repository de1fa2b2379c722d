//! Floats: a dictionary where few differ, as answers do, and plain bytes where many do.
//!
//! Byte-stream-split would be smaller for many distinct floats, and not every reader can undo it.

use super::bounds::{Bound, Ordered32, Ordered64};
use super::builder::ChunkBuilder;
use super::distinct::Distinct;
use super::packing::{pack, width_of};
use super::{Chunk, Input};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::ArrowNativeType;
use parquet::basic::{Encoding, Type};
use parquet::errors::Result;
use std::ops::Range;

/// Rows per distinct value below which a dictionary saves nothing.
const ROWS_PER_VALUE_MIN: usize = 4;

/// A float type of Parquet.
pub(super) trait Float: ArrowNativeType {
    const TYPE: Type;
    type Ordered: Bound + Copy;
    fn ordered(self) -> Self::Ordered;
    fn nan(self) -> bool;
    fn word(self) -> u64;
    fn put_word(out: &mut Vec<u8>, word: u64);
}

impl Float for f32 {
    const TYPE: Type = Type::FLOAT;
    type Ordered = Ordered32;

    fn ordered(self) -> Ordered32 {
        Ordered32::new(self)
    }

    fn nan(self) -> bool {
        self.is_nan()
    }

    fn word(self) -> u64 {
        u64::from(self.to_bits())
    }

    fn put_word(out: &mut Vec<u8>, word: u64) {
        out.extend_from_slice(&word.to_le_bytes()[..4]);
    }
}

impl Float for f64 {
    const TYPE: Type = Type::DOUBLE;
    type Ordered = Ordered64;

    fn ordered(self) -> Ordered64 {
        Ordered64::new(self)
    }

    fn nan(self) -> bool {
        self.is_nan()
    }

    fn word(self) -> u64 {
        self.to_bits()
    }

    fn put_word(out: &mut Vec<u8>, word: u64) {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Encodes the rows of a chunk in the shorter way.
pub(super) fn encode<F: Float>(input: &Input<'_>, values: &ScalarBuffer<F>) -> Result<Chunk> {
    match dictionary(input, values) {
        Some((distinct, codes)) => with_dictionary(input, values, &distinct, &codes),
        None => plain(input, values),
    }
}

/// The distinct values and the code of each present one; `None` where a dictionary does not pay.
fn dictionary<F: Float>(
    input: &Input<'_>,
    values: &ScalarBuffer<F>,
) -> Option<(Distinct, Vec<u16>)> {
    let mut distinct = Distinct::new();
    let mut codes = Vec::with_capacity(input.rows.len());
    for row in input.present(&input.rows) {
        codes.push(distinct.code(values[row].word())?);
    }
    let pays = codes.len() / ROWS_PER_VALUE_MIN >= distinct.values().len();
    (pays && !codes.is_empty()).then_some((distinct, codes))
}

fn with_dictionary<F: Float>(
    input: &Input<'_>,
    values: &ScalarBuffer<F>,
    distinct: &Distinct,
    codes: &[u16],
) -> Result<Chunk> {
    let mut chunk = ChunkBuilder::new(input.descr, F::TYPE, Encoding::RLE_DICTIONARY)?;
    let mut page = Vec::new();
    distinct.values().iter().for_each(|&word| F::put_word(&mut page, word));
    chunk.dictionary_page(&page, distinct.values().len())?;
    let width = width_of(distinct.values().len());
    let mut rest = codes;
    for rows in input.pages() {
        let (bounds, nans, present) = summary(input, values, &rows);
        let (codes, later) = rest.split_at(present);
        rest = later;
        chunk.data_page(&input.page(&rows), &pack(codes, width), bounds, nans)?;
    }
    chunk.finish()
}

fn plain<F: Float>(input: &Input<'_>, values: &ScalarBuffer<F>) -> Result<Chunk> {
    let mut chunk = ChunkBuilder::new(input.descr, F::TYPE, Encoding::PLAIN)?;
    for rows in input.pages() {
        let (bounds, nans, present) = summary(input, values, &rows);
        let mut bytes = Vec::with_capacity(present * size_of::<F>());
        input.present(&rows).for_each(|row| F::put_word(&mut bytes, values[row].word()));
        chunk.data_page(&input.page(&rows), &bytes, bounds, nans)?;
    }
    chunk.finish()
}

/// Bounds of a page's numbers, or of its NaNs where there is nothing else; how many NaNs; how many
/// rows have a value.
fn summary<F: Float>(
    input: &Input<'_>,
    values: &ScalarBuffer<F>,
    rows: &Range<usize>,
) -> (Option<(F::Ordered, F::Ordered)>, u64, usize) {
    let (mut numbers, mut only_nans) = (None, None);
    let (mut nans, mut present) = (0, 0);
    for row in input.present(rows) {
        let value = values[row];
        present += 1;
        nans += u64::from(value.nan());
        widen(if value.nan() { &mut only_nans } else { &mut numbers }, value.ordered());
    }
    (numbers.or(only_nans), nans, present)
}

fn widen<B: Bound + Copy>(bounds: &mut Option<(B, B)>, value: B) {
    *bounds = Some(match *bounds {
        None => (value, value),
        Some((min, max)) => (min.min(value), max.max(value)),
    });
}
