//! Which rows of a file may hold what is looked for, from its statistics and page indexes.

use crate::layout::PROMPT_HASH;
use crate::rules::AGENT;
use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use std::fs::File;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The rows of an agent.
    Agent(i64),
    /// The rows that name an agent in another column.
    Named(String, i64),
    /// The rows of a prompt, by its digest in hex.
    Prompt(String),
}

impl Wanted {
    fn column(&self) -> &str {
        match self {
            Self::Agent(_) => AGENT,
            Self::Named(column, _) => column,
            Self::Prompt(_) => PROMPT_HASH,
        }
    }

    /// The rows of a batch of one column that are looked for.
    fn equal(&self, batch: &RecordBatch) -> BooleanArray {
        let column = batch.columns().first();
        let equal = match self {
            Self::Agent(agent) | Self::Named(_, agent) => column
                .and_then(|ids| ids.as_primitive_opt::<Int64Type>())
                .map(|ids| ids.iter().map(|id| Some(id == Some(*agent))).collect()),
            Self::Prompt(hash) => column
                .and_then(|hashes| hashes.as_string_opt::<i32>())
                .map(|hashes| hashes.iter().map(|found| Some(found == Some(&**hash))).collect()),
        };
        // Of another type: no row is looked for, and the schema check has its say.
        equal.unwrap_or_else(|| BooleanArray::from(vec![false; batch.num_rows()]))
    }

    /// Whether a group with these statistics may hold it.
    fn may_be_in(&self, statistics: &Statistics) -> bool {
        match (self, statistics) {
            (Self::Agent(agent) | Self::Named(_, agent), Statistics::Int64(values)) => {
                values.min_opt().is_none_or(|least| least <= agent)
                    && values.max_opt().is_none_or(|greatest| greatest >= agent)
            }
            (Self::Prompt(hash), Statistics::ByteArray(values)) => {
                values.min_opt().is_none_or(|least| least.data() <= hash.as_bytes())
                    && values.max_opt().is_none_or(|greatest| greatest.data() >= hash.as_bytes())
            }
            _ => true,
        }
    }

    /// Whether a page may hold it.
    fn may_be_on(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        match (self, index) {
            (Self::Agent(agent) | Self::Named(_, agent), ColumnIndexMetaData::INT64(values)) => {
                values.min_value(page).is_none_or(|least| least <= agent)
                    && values.max_value(page).is_none_or(|greatest| greatest >= agent)
            }
            (Self::Prompt(hash), ColumnIndexMetaData::BYTE_ARRAY(values)) => {
                values.min_value(page).is_none_or(|least| least <= hash.as_bytes())
                    && values.max_value(page).is_none_or(|greatest| greatest >= hash.as_bytes())
            }
            _ => true,
        }
    }
}

/// Makes the reader decode little more than what is looked for; in a `dense` table, each agent of a
/// file has one row.
pub(crate) fn pick(
    builder: ParquetRecordBatchReaderBuilder<File>,
    wanted: Wanted,
    dense: bool,
) -> ParquetRecordBatchReaderBuilder<File> {
    let (groups, selection) = rows_of(builder.metadata(), &wanted, dense);
    let mask = ProjectionMask::columns(builder.parquet_schema(), [wanted.column()]);
    let is_wanted = ArrowPredicateFn::new(mask, move |batch| Ok(wanted.equal(&batch)));
    builder
        .with_row_groups(groups)
        .with_row_selection(selection)
        .with_row_filter(RowFilter::new(vec![Box::new(is_wanted)]))
}

/// The row groups that may hold it, and which of their rows to look at.
fn rows_of(metadata: &ParquetMetaData, wanted: &Wanted, dense: bool) -> (Vec<usize>, RowSelection) {
    let mut groups = Vec::new();
    let mut selectors = Vec::new();
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let column =
            group.columns().iter().position(|c| c.column_path().string() == wanted.column());
        let statistics = column.and_then(|column| group.column(column).statistics());
        if statistics.is_some_and(|statistics| !wanted.may_be_in(statistics)) {
            continue;
        }
        groups.push(number);
        let known = statistics.filter(|_| dense).and_then(|found| row_of(found, rows, wanted));
        let picked = known.or_else(|| pages(metadata, (number, column?), rows, wanted));
        selectors.extend(picked.unwrap_or_else(|| vec![RowSelector::select(rows)]));
    }
    (groups, RowSelection::from(selectors))
}

/// Where ids are dense the row is known.
fn row_of(statistics: &Statistics, rows: usize, wanted: &Wanted) -> Option<Vec<RowSelector>> {
    let (Wanted::Agent(agent), Statistics::Int64(values)) = (wanted, statistics) else {
        return None;
    };
    let (least, greatest) = (*values.min_opt()?, *values.max_opt()?);
    let distance = |to: i64| to.checked_sub(least).and_then(|d| usize::try_from(d).ok());
    let (row, others) = (distance(*agent)?, distance(greatest)?);
    let after = rows.checked_sub(row)?.checked_sub(1)?;
    (others.checked_add(1)? == rows)
        .then(|| vec![RowSelector::skip(row), RowSelector::select(1), RowSelector::skip(after)])
}

/// The pages that may hold it.
fn pages(
    metadata: &ParquetMetaData,
    (group, column): (usize, usize),
    rows: usize,
    wanted: &Wanted,
) -> Option<Vec<RowSelector>> {
    let index = metadata.page_index_for_row_group(group);
    let (values, places) = (index.column_index(column)?, index.offset_index(column)?);
    let places = places.page_locations();
    let start = |page: usize| {
        places.get(page).map_or(Some(rows), |place| usize::try_from(place.first_row_index).ok())
    };
    (0..places.len())
        .map(|page| {
            let length = start(page + 1)?.checked_sub(start(page)?)?;
            let may_hold = wanted.may_be_on(values, page);
            Some(if may_hold { RowSelector::select(length) } else { RowSelector::skip(length) })
        })
        .collect()
}
