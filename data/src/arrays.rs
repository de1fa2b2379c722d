//! Plain columns as Arrow arrays, without copying a value that already lies as Arrow wants it.

use crate::schema::{ColumnSchema, Kind, TableSchema};
use crate::table::{Column, Values};
use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray, UInt8Array, UInt16Array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use std::ops::Range;
use std::sync::Arc;

/// Rows that one array holds; small enough that an array and what is derived from it stay in cache.
pub(crate) const SLICE_ROWS: usize = 32_768;
/// Bytes of text that one array may hold: Arrow counts them in an `i32`.
const SLICE_TEXT_BYTES_MAX: usize = 1 << 30;

/// The Arrow schema of a table, as it is embedded in the file.
pub(crate) fn arrow_schema(schema: &TableSchema) -> Schema {
    Schema::new(schema.columns.iter().map(field).collect::<Vec<_>>())
}

fn field(column: &ColumnSchema) -> Field {
    let data_type = match column.kind {
        Kind::I32 => DataType::Int32,
        Kind::I64 => DataType::Int64,
        Kind::F32 => DataType::Float32,
        Kind::F64 => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Text => DataType::Utf8,
        Kind::Category => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        Kind::TimestampUs => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    };
    Field::new(&column.name, data_type, column.nullable)
}

/// A column whose values have been handed over to Arrow buffers.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) values: SourceValues,
    pub(crate) valid: Option<Vec<bool>>,
}

/// The variants of [`Values`] in buffers that slices can share.
#[derive(Debug)]
pub(crate) enum SourceValues {
    I32(ScalarBuffer<i32>),
    I32Repeat(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    I64Sequence(i64),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Bool(Vec<bool>),
    Text { bytes: Buffer, offsets: Vec<usize> },
    Category { codes: ScalarBuffer<u8>, names: Vec<String> },
    Category16 { codes: ScalarBuffer<u16>, names: Vec<String> },
    TimestampUs(ScalarBuffer<i64>),
}

impl Source {
    /// Takes the values over.
    pub(crate) fn new(column: Column) -> Self {
        let values = match column.values {
            Values::I32(values) => SourceValues::I32(values.into()),
            Values::I32Repeat { value, .. } => {
                SourceValues::I32Repeat(vec![value; SLICE_ROWS].into())
            }
            Values::I64(values) => SourceValues::I64(values.into()),
            Values::I64Sequence { first, .. } => SourceValues::I64Sequence(first),
            Values::F32(values) => SourceValues::F32(values.into()),
            Values::F64(values) => SourceValues::F64(values.into()),
            Values::Bool(values) => SourceValues::Bool(values),
            Values::Text(text) => {
                let (joined, offsets) = text.into_parts();
                SourceValues::Text { bytes: Buffer::from_vec(joined.into_bytes()), offsets }
            }
            Values::Category { codes, names } => {
                SourceValues::Category { codes: codes.into(), names }
            }
            Values::Category16 { codes, names } => {
                SourceValues::Category16 { codes: codes.into(), names }
            }
            Values::TimestampUs(values) => SourceValues::TimestampUs(values.into()),
        };
        Self { values, valid: column.valid }
    }

    /// How far an array that begins at `rows.start` may reach.
    pub(crate) fn slice_end(&self, rows: &Range<usize>) -> usize {
        let mut end = rows.end.min(rows.start + SLICE_ROWS);
        if let SourceValues::Text { offsets, .. } = &self.values {
            let too_long = |end: usize| offsets[end] - offsets[rows.start] > SLICE_TEXT_BYTES_MAX;
            while end > rows.start + 1 && too_long(end) {
                end = rows.start + (end - rows.start) / 2;
            }
        }
        end
    }

    /// The rows as an Arrow array of at most [`SLICE_ROWS`] rows.
    pub(crate) fn array(&self, rows: Range<usize>) -> Result<ArrayRef, String> {
        let nulls = self.nulls(&rows);
        let (start, len) = (rows.start, rows.len());
        Ok(match &self.values {
            SourceValues::I32(values) => Arc::new(Int32Array::new(values.slice(start, len), nulls)),
            SourceValues::I32Repeat(values) => {
                Arc::new(Int32Array::new(values.slice(0, len), nulls))
            }
            SourceValues::I64(values) => Arc::new(Int64Array::new(values.slice(start, len), nulls)),
            SourceValues::I64Sequence(first) => {
                Arc::new(Int64Array::new(sequence(*first, &rows), nulls))
            }
            SourceValues::F32(values) => {
                Arc::new(Float32Array::new(values.slice(start, len), nulls))
            }
            SourceValues::F64(values) => {
                Arc::new(Float64Array::new(values.slice(start, len), nulls))
            }
            SourceValues::Bool(values) => {
                Arc::new(BooleanArray::new(BooleanBuffer::from(&values[rows]), nulls))
            }
            SourceValues::Text { bytes, offsets } => {
                Arc::new(text_array(bytes, &offsets[start..=rows.end], nulls)?)
            }
            SourceValues::Category { codes, names } => Arc::new(DictionaryArray::new(
                UInt8Array::new(codes.slice(start, len), nulls),
                names_array(names),
            )),
            SourceValues::Category16 { codes, names } => Arc::new(DictionaryArray::new(
                UInt16Array::new(codes.slice(start, len), nulls),
                names_array(names),
            )),
            SourceValues::TimestampUs(values) => {
                let array = TimestampMicrosecondArray::new(values.slice(start, len), nulls);
                Arc::new(array.with_timezone("UTC"))
            }
        })
    }

    fn nulls(&self, rows: &Range<usize>) -> Option<NullBuffer> {
        let valid = self.valid.as_ref()?;
        let nulls = NullBuffer::new(BooleanBuffer::from(&valid[rows.clone()]));
        (nulls.null_count() > 0).then_some(nulls)
    }
}

fn names_array(names: &[String]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(names))
}

fn sequence(first: i64, rows: &Range<usize>) -> ScalarBuffer<i64> {
    let start = first + i64::try_from(rows.start).expect("a row number fits in an i64");
    (start..).take(rows.len()).collect::<Vec<i64>>().into()
}

fn text_array(
    bytes: &Buffer,
    offsets: &[usize],
    nulls: Option<NullBuffer>,
) -> Result<StringArray, String> {
    let (base, end) = (offsets[0], offsets[offsets.len() - 1]);
    let relative: Vec<i32> = offsets
        .iter()
        .map(|&offset| i32::try_from(offset - base))
        .collect::<Result<_, _>>()
        .map_err(|_| "a text has more than 2 GiB".to_owned())?;
    let bytes = bytes.slice_with_length(base, end - base);
    let offsets = OffsetBuffer::new(relative.into());
    StringArray::try_new(offsets, bytes, nulls).map_err(|error| error.to_string())
}
