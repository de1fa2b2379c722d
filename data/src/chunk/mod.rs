//! Column chunks of columns whose best encoding is known beforehand: a sequence, one repeated
//! value, categories that are codes already, floats of which few differ. The general encoder would
//! hash or compare each value to find that out, which took most of the time of writing a round.

mod bounds;
mod builder;
mod distinct;
mod floats;
mod packing;
#[cfg(test)]
mod tests;

use crate::arrays::{SLICE_ROWS, Source, SourceValues};
use builder::{ChunkBuilder, PageRows};
use bytes::Bytes;
use packing::{constant_delta, pack, width_of};
use parquet::basic::{Encoding, Type};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// Longest category name that is kept whole in the page index.
const INDEXED_NAME_BYTES_MAX: usize = 64;

/// An encoded chunk and what the file's footer says about it.
pub(crate) type Chunk = (Bytes, ColumnCloseResult);

/// Encodes rows of a column where there is a shorter way than the general one.
pub(crate) fn encode(
    source: &Source,
    descr: &ColumnDescPtr,
    rows: &Range<usize>,
) -> Result<Option<Chunk>> {
    let valid = source.valid.as_deref();
    let input = Input { descr, rows: rows.clone(), valid };
    match &source.values {
        SourceValues::I64Sequence(first) if valid.is_none() => input.sequence(*first).map(Some),
        SourceValues::I32Repeat(values) if valid.is_none() => input.repeat(values[0]).map(Some),
        SourceValues::Category { codes, names } if indexable(names) => {
            input.categories(names, |row| usize::from(codes[row])).map(Some)
        }
        SourceValues::Category16 { codes, names } if indexable(names) => {
            input.categories(names, |row| usize::from(codes[row])).map(Some)
        }
        SourceValues::F32(values) => floats::encode(&input, values).map(Some),
        SourceValues::F64(values) => floats::encode(&input, values).map(Some),
        _ => Ok(None),
    }
}

fn indexable(names: &[String]) -> bool {
    !names.is_empty() && names.iter().all(|name| name.len() <= INDEXED_NAME_BYTES_MAX)
}

/// The rows of one chunk.
struct Input<'a> {
    descr: &'a ColumnDescPtr,
    rows: Range<usize>,
    valid: Option<&'a [bool]>,
}

impl Input<'_> {
    /// The rows of each page.
    fn pages(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let end = self.rows.end;
        self.rows.clone().step_by(SLICE_ROWS).map(move |start| start..end.min(start + SLICE_ROWS))
    }

    fn page(&self, rows: &Range<usize>) -> PageRows<'_> {
        PageRows { rows: rows.len(), valid: self.valid.map(|valid| &valid[rows.clone()]) }
    }

    fn is_valid(&self, row: usize) -> bool {
        self.valid.is_none_or(|valid| valid[row])
    }

    /// The rows of a page that have a value.
    fn present(&self, rows: &Range<usize>) -> impl Iterator<Item = usize> {
        rows.clone().filter(|&row| self.is_valid(row))
    }

    fn sequence(&self, first: i64) -> Result<Chunk> {
        let encoding = Encoding::DELTA_BINARY_PACKED;
        let mut chunk = ChunkBuilder::new(self.descr, Type::INT64, encoding)?;
        for rows in self.pages() {
            let id = |row: usize| first + i64::try_from(row).expect("a row number fits in an i64");
            let bounds = (id(rows.start), id(rows.end - 1));
            let values = constant_delta(rows.len(), bounds.0, 1);
            chunk.data_page(&self.page(&rows), &values, Some(bounds), 0)?;
        }
        chunk.finish()
    }

    fn repeat(&self, value: i32) -> Result<Chunk> {
        let encoding = Encoding::DELTA_BINARY_PACKED;
        let mut chunk = ChunkBuilder::new(self.descr, Type::INT32, encoding)?;
        for rows in self.pages() {
            let values = constant_delta(rows.len(), i64::from(value), 0);
            chunk.data_page(&self.page(&rows), &values, Some((value, value)), 0)?;
        }
        chunk.finish()
    }

    /// The codes are the dictionary's indices as they are.
    fn categories(&self, names: &[String], code: impl Fn(usize) -> usize) -> Result<Chunk> {
        let encoding = Encoding::RLE_DICTIONARY;
        let mut chunk = ChunkBuilder::new(self.descr, Type::BYTE_ARRAY, encoding)?;
        chunk.dictionary_page(&dictionary_of(names), names.len())?;
        let width = width_of(names.len());
        let mut used = vec![false; names.len()];
        let mut codes = Vec::with_capacity(SLICE_ROWS);
        for rows in self.pages() {
            codes.clear();
            used.fill(false);
            for row in self.present(&rows) {
                let code = code(row);
                used[code] = true;
                codes.push(u16::try_from(code).expect("a category's code fits in a u16"));
            }
            let bounds = bounds_of(names, &used);
            chunk.data_page(&self.page(&rows), &pack(&codes, width), bounds, 0)?;
        }
        chunk.finish()
    }
}

fn dictionary_of(names: &[String]) -> Vec<u8> {
    let mut page = Vec::new();
    for name in names {
        let length = u32::try_from(name.len()).expect("names are short enough to be indexed");
        page.extend_from_slice(&length.to_le_bytes());
        page.extend_from_slice(name.as_bytes());
    }
    page
}

/// Least and greatest name in use; Rust orders text by its bytes, as Parquet does.
fn bounds_of(names: &[String], used: &[bool]) -> Option<(String, String)> {
    let in_use = || names.iter().zip(used).filter(|&(_, &used)| used).map(|(name, _)| name);
    Some((in_use().min()?.clone(), in_use().max()?.clone()))
}
