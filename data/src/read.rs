//! Parquet files back into plain tables: whole, by column, or the rows of one agent.

use crate::collect::Collector;
use crate::error::{Error, Result};
use crate::rules::AGENT;
use crate::schema::TableSchema;
use crate::table::Table;
use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::any::Any;
use std::fs::File;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 32_768;

/// Which columns to read.
#[derive(Debug, Clone, Copy)]
pub enum Projection<'a> {
    /// Every column.
    All,
    /// The columns of these names, in file order.
    Columns(&'a [&'a str]),
}

/// Reads the files of one table, one after the other.
///
/// # Errors
/// [`Error::Io`] where one cannot be opened, [`Error::Corrupt`] where it is not what the schema says, whatever
/// bytes it holds.
pub fn read_parts(paths: &[PathBuf], schema: &TableSchema) -> Result<Table> {
    read_files(paths, schema, None, Projection::All)
}

/// Reads files of the table `schema` one after the other: all rows, or those of one agent.
///
/// # Errors
/// [`Error::Corrupt`] where a file is not what the schema says, whatever bytes it holds.
pub(crate) fn read_files(
    paths: &[PathBuf],
    schema: &TableSchema,
    agent: Option<i64>,
    projection: Projection<'_>,
) -> Result<Table> {
    projection.check(schema)?;
    let wanted = schema.columns.iter().filter(|column| projection.takes(&column.name));
    let mut collectors: Vec<Collector> = wanted.cloned().map(Collector::new).collect();
    for path in paths {
        guarded(path, || {
            let builder = match agent {
                None => open(path, PageIndexPolicy::Skip)?,
                Some(agent) => select(open(path, PageIndexPolicy::Optional)?, agent),
            };
            check_names(path, schema, &builder)?;
            collect(path, builder, projection, &mut collectors)
        })?;
    }
    Table::new(&schema.name, collectors.into_iter().map(Collector::finish).collect())
}

/// Decodes little more than the rows of one agent.
fn select(
    builder: ParquetRecordBatchReaderBuilder<File>,
    agent: i64,
) -> ParquetRecordBatchReaderBuilder<File> {
    let (groups, selection) = rows_of(builder.metadata(), agent);
    let mask = ProjectionMask::columns(builder.parquet_schema(), [AGENT]);
    let is_agent = ArrowPredicateFn::new(mask, move |batch| Ok(equal(&batch, agent)));
    builder
        .with_row_groups(groups)
        .with_row_selection(selection)
        .with_row_filter(RowFilter::new(vec![Box::new(is_agent)]))
}

/// The number of rows that the file's own footer claims.
pub(crate) fn footer_rows(path: &Path) -> Result<u64> {
    guarded(path, || {
        let rows = open(path, PageIndexPolicy::Skip)?.metadata().file_metadata().num_rows();
        u64::try_from(rows).map_err(|_| Error::corrupt(path, format!("it claims {rows} rows")))
    })
}

/// The decoder may panic on bytes that nobody wrote; a broken file must never end the process.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        Err(Error::corrupt(path, format!("its bytes make no sense: {}", panic_text(&*panic))))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

pub(crate) fn open(
    path: &Path,
    page_index: PageIndexPolicy,
) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let options = ArrowReaderOptions::new().with_page_index_policy(page_index);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(|error| Error::corrupt(path, error.to_string()))
}

fn collect(
    path: &Path,
    builder: ParquetRecordBatchReaderBuilder<File>,
    projection: Projection<'_>,
    collectors: &mut [Collector],
) -> Result<()> {
    let corrupt = |problem: String| Error::corrupt(path, problem);
    for batch in batches(builder, projection).map_err(|error| corrupt(error.to_string()))? {
        let batch = batch.map_err(|error| corrupt(error.to_string()))?;
        if batch.num_columns() != collectors.len() {
            return Err(corrupt("its columns are not those of the schema".to_owned()));
        }
        for (collector, array) in collectors.iter_mut().zip(batch.columns()) {
            collector.push(array).map_err(corrupt)?;
        }
    }
    Ok(())
}

fn check_names(
    path: &Path,
    schema: &TableSchema,
    builder: &ParquetRecordBatchReaderBuilder<File>,
) -> Result<()> {
    let found = builder.schema().fields();
    let same = found.len() == schema.columns.len()
        && found.iter().zip(&schema.columns).all(|(field, column)| *field.name() == column.name);
    if same {
        return Ok(());
    }
    let names: Vec<&str> = found.iter().map(|field| field.name().as_str()).collect();
    Err(Error::corrupt(path, format!("its columns are {names:?}, the schema has others")))
}

fn batches(
    builder: ParquetRecordBatchReaderBuilder<File>,
    projection: Projection<'_>,
) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let mask = match projection {
        Projection::All => ProjectionMask::all(),
        Projection::Columns(names) => {
            ProjectionMask::columns(builder.parquet_schema(), names.iter().copied())
        }
    };
    builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
}

impl Projection<'_> {
    fn check(self, schema: &TableSchema) -> Result<()> {
        let Self::Columns(names) = self else { return Ok(()) };
        match names.iter().find(|name| schema.column(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(Error::Column {
                table: schema.name.clone(),
                column: (*name).to_owned(),
                problem: "there is no such column".to_owned(),
            }),
        }
    }

    fn takes(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Columns(names) => names.contains(&name),
        }
    }
}

/// The rows of a batch that belong to an agent.
fn equal(batch: &RecordBatch, agent: i64) -> BooleanArray {
    let ids = batch.columns().first().and_then(|ids| ids.as_primitive_opt::<Int64Type>());
    match ids {
        Some(ids) => ids.iter().map(|id| Some(id == Some(agent))).collect(),
        // Of another type: no row is the agent's, and the schema check has its say.
        None => BooleanArray::from(vec![false; batch.num_rows()]),
    }
}

/// The row groups that may hold an agent, and which of their rows to look at.
fn rows_of(metadata: &ParquetMetaData, agent: i64) -> (Vec<usize>, RowSelection) {
    let mut groups = Vec::new();
    let mut selectors = Vec::new();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let Some(agents) = agents_of(group) else {
            groups.push(index);
            selectors.push(RowSelector::select(rows));
            continue;
        };
        if !agents.contains(&agent) {
            continue;
        }
        groups.push(index);
        selectors.extend(select_in(&agents, rows, agent));
    }
    (groups, RowSelection::from(selectors))
}

/// Where ids are dense the row is known; elsewhere the whole group is looked at.
fn select_in(agents: &RangeInclusive<i64>, rows: usize, agent: i64) -> Vec<RowSelector> {
    let distance = |to: i64| to.checked_sub(*agents.start()).and_then(|d| usize::try_from(d).ok());
    match (distance(agent), distance(*agents.end())) {
        (Some(row), Some(last)) if last.checked_add(1) == Some(rows) => {
            vec![RowSelector::skip(row), RowSelector::select(1), RowSelector::skip(rows - row - 1)]
        }
        _ => vec![RowSelector::select(rows)],
    }
}

/// Least and greatest agent of a row group, from its statistics.
fn agents_of(group: &RowGroupMetaData) -> Option<RangeInclusive<i64>> {
    let column = group.columns().iter().find(|column| column.column_path().string() == AGENT)?;
    let Statistics::Int64(statistics) = column.statistics()? else { return None };
    Some(*statistics.min_opt()?..=*statistics.max_opt()?)
}
