//! The short ways against the general encoder: the same rows, and the same statistics.

#![expect(clippy::cast_possible_truncation, reason = "made-up values may be cut to any width")]

use super::encode;
use crate::arrays::{Source, arrow_schema};
use crate::schema::TableSchema;
use crate::table::{Column, Table, Values};
use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::file::metadata::page_index::RowGroupPageIndex;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use proptest::prelude::*;
use std::sync::Arc;

/// Several pages, the last of them short.
const ROWS: usize = 3 * super::SLICE_ROWS + 777;

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_data_page_row_count_limit(super::SLICE_ROWS)
        .set_write_batch_size(super::SLICE_ROWS)
        .set_dictionary_enabled(false)
        .build()
}

fn generally(schema: &TableSchema, column: Column) -> Bytes {
    let arrow = Arc::new(arrow_schema(schema));
    let rows = column.values.len();
    let source = Source::new(column);
    let mut writer = ArrowWriter::try_new(Vec::new(), arrow.clone(), Some(properties())).unwrap();
    let mut start = 0;
    while start < rows {
        let end = source.slice_end(&(start..rows));
        let array = source.array(start..end).unwrap();
        let array = arrow::compute::cast(&array, arrow.field(0).data_type()).unwrap();
        writer.write(&RecordBatch::try_new(arrow.clone(), vec![array]).unwrap()).unwrap();
        start = end;
    }
    writer.into_inner().unwrap().into()
}

fn shortly(schema: &TableSchema, column: Column) -> Bytes {
    let arrow = Arc::new(arrow_schema(schema));
    let rows = column.values.len();
    let source = Source::new(column);
    let mut properties = properties();
    add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
    let parquet = ArrowSchemaConverter::new().convert(&arrow).unwrap();
    let root = parquet.root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties)).unwrap();
    let descr = writer.schema_descr().column(0);
    let (bytes, close) = encode(&source, &descr, &(0..rows)).unwrap().expect("a short way");
    let mut group = writer.next_row_group().unwrap();
    group.append_column(&bytes, close).unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap().into()
}

fn read(file: Bytes) -> (Arc<ParquetMetaData>, RecordBatch) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let metadata = builder.metadata().clone();
    let schema = builder.schema().clone();
    let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap();
    let batches: Vec<RecordBatch> =
        builder.with_batch_size(rows.max(1)).build().unwrap().map(Result::unwrap).collect();
    (metadata, arrow::compute::concat_batches(&schema, &batches).unwrap())
}

/// Both files hold the same rows and say the same about them.
fn check(column: Column) {
    let table = Table::new("x", vec![column.clone()]).unwrap();
    let (expected, expected_rows) = read(generally(&table.schema(), column.clone()));
    let (found, found_rows) = read(shortly(&table.schema(), column));
    let plain = |rows: &RecordBatch| {
        let data_type = rows.column(0).data_type().clone();
        let unpacked = match data_type {
            arrow::datatypes::DataType::Dictionary(_, value) => *value,
            other => other,
        };
        arrow::compute::cast(rows.column(0), &unpacked).unwrap()
    };
    assert_eq!(plain(&found_rows).to_data(), plain(&expected_rows).to_data());
    let (expected, found) = (expected.row_group(0).column(0), found.row_group(0).column(0));
    let said = |column: &ColumnChunkMetaData| {
        let said = column.statistics().unwrap();
        let bounds =
            [said.min_bytes_opt(), said.max_bytes_opt()].map(|bytes| bytes.map(<[u8]>::to_vec));
        (bounds, said.null_count_opt(), said.nan_count_opt(), format!("{said:?}"))
    };
    assert_eq!(said(found), said(expected));
    assert_eq!(found.num_values(), expected.num_values());
}

fn indexes_agree(column: &Column) {
    let table = Table::new("x", vec![column.clone()]).unwrap();
    let (expected, _) = read(generally(&table.schema(), column.clone()));
    let (found, _) = read(shortly(&table.schema(), column.clone()));
    let (expected, found) =
        (expected.page_index_for_row_group(0), found.page_index_for_row_group(0));
    assert_eq!(found.column_index(0).unwrap(), expected.column_index(0).unwrap());
    let starts = |index: &RowGroupPageIndex| -> Vec<i64> {
        let pages = &index.offset_index(0).unwrap().page_locations;
        pages.iter().map(|page| page.first_row_index).collect()
    };
    assert_eq!(starts(&found), starts(&expected));
}

fn column(values: Values) -> Column {
    Column::new("c", "a column", values)
}

fn every(nth: usize) -> Vec<bool> {
    (0..ROWS).map(|row| row % nth != 0).collect()
}

fn whole_numbers() -> Values {
    Values::F64((0..ROWS).map(|row| (row * 7 % 101) as f64).collect())
}

#[test]
fn sequences_and_repeated_values() {
    for column in [
        column(Values::I64Sequence { first: 0, rows: ROWS }),
        column(Values::I64Sequence { first: i64::MIN, rows: 1 }),
        column(Values::I64Sequence { first: i64::MAX - 200, rows: 129 }),
        column(Values::I64Sequence { first: -130, rows: 130 }),
        column(Values::I32Repeat { value: 57, rows: ROWS }),
        column(Values::I32Repeat { value: i32::MIN, rows: 2 }),
    ] {
        check(column.clone());
        indexes_agree(&column);
    }
}

#[test]
fn floats_of_few_and_of_many_values() {
    let many = |row: usize| (row as f64).sqrt() - 100.0;
    let all_nan = vec![f64::NAN; ROWS];
    let zeros = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN, 1.5];
    let special = |row: usize| zeros[row % zeros.len()];
    for column in [
        column(whole_numbers()),
        column(whole_numbers()).with_valid(vec![true; ROWS]),
        column(whole_numbers()).with_valid(every(3)),
        column(whole_numbers()).with_valid(vec![false; ROWS]),
        column(whole_numbers()).with_valid((0..ROWS).map(|row| row > 50_000).collect()),
        column(Values::F64((0..ROWS).map(many).collect())),
        column(Values::F64((0..ROWS).map(many).collect())).with_valid(every(2)),
        column(Values::F32((0..ROWS).map(|row| many(row) as f32).collect())).with_valid(every(5)),
        column(Values::F32((0..ROWS).map(|row| (row % 9) as f32).collect())),
        column(Values::F64((0..ROWS).map(special).collect())),
        column(Values::F64(vec![1.0; ROWS])),
        column(Values::F64(vec![2.5])),
    ] {
        check(column.clone());
        indexes_agree(&column);
    }
    check(column(Values::F64(all_nan)));
}

#[test]
fn categories_of_any_width() {
    let names = |count: usize| (0..count).map(|name| format!("name {name:05}")).collect();
    for count in [1, 2, 3, 5, 200, 256] {
        let codes = (0..ROWS).map(|row| u8::try_from(row * row % count).unwrap()).collect();
        let values = Values::Category { codes, names: names(count) };
        check(column(values.clone()));
        check(column(values).with_valid(every(7)));
    }
    for count in [257, 40_000, 65_536] {
        let codes = (0..ROWS).map(|row| u16::try_from(row % count).unwrap()).collect();
        check(column(Values::Category16 { codes, names: names(count) }).with_valid(every(2)));
    }
    let values = Values::Category { codes: vec![0; ROWS], names: names(3) };
    indexes_agree(&column(values.clone()));
    indexes_agree(&column(values).with_valid(vec![false; ROWS]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bits_of_floats(bits in proptest::collection::vec(any::<u64>(), 1..40), rows in 1..500_usize) {
        let values = (0..rows).map(|row| f64::from_bits(bits[row % bits.len()])).collect();
        check(column(Values::F64(values)));
        let values = (0..rows).map(|row| f32::from_bits(bits[row % bits.len()] as u32)).collect();
        check(column(Values::F32(values)).with_valid((0..rows).map(|row| bits[row % bits.len()] % 3 > 0).collect()));
    }
}
