//! Parquet files back into plain tables: whole, by column, some rows at a time, or the rows looked for.

use crate::collect::Collector;
use crate::error::{Error, Result};
use crate::layout::{AGENTS, PEOPLE};
use crate::pick::{Wanted, pick};
use crate::schema::TableSchema;
use crate::table::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::PageIndexPolicy;
use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 32_768;
/// Rows visited at a time; with a long text in each they are still a few megabytes.
const VISITED_ROWS: usize = 4_096;

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

/// Reads files of the table `schema` one after the other: all rows, or those that are wanted.
///
/// # Errors
/// [`Error::Corrupt`] where a file is not what the schema says, whatever bytes it holds.
pub(crate) fn read_files(
    paths: &[PathBuf],
    schema: &TableSchema,
    wanted: Option<&Wanted>,
    projection: Projection<'_>,
) -> Result<Table> {
    projection.check(schema)?;
    let dense = matches!(&*schema.name, AGENTS | PEOPLE);
    let taken = schema.columns.iter().filter(|column| projection.takes(&column.name));
    let mut collectors: Vec<Collector> = taken.cloned().map(Collector::new).collect();
    for path in paths {
        guarded(path, || {
            let builder = match wanted {
                None => open(path, PageIndexPolicy::Skip)?,
                Some(wanted) => pick(open(path, PageIndexPolicy::Optional)?, wanted.clone(), dense),
            };
            check_names(path, schema, &builder)?;
            collect(path, builder, projection, &mut collectors)
        })?;
    }
    Table::new(&schema.name, collectors.into_iter().map(Collector::finish).collect())
}

/// Hands the rows of a file of the table `schema` to `each`, some thousands at a time.
///
/// # Errors
/// [`Error::Corrupt`] where the file is not what the schema says, and whatever `each` fails with.
pub(crate) fn visit_file(
    path: &Path,
    schema: &TableSchema,
    each: &mut dyn FnMut(&Table) -> Result<()>,
) -> Result<()> {
    guarded(path, || {
        let builder = open(path, PageIndexPolicy::Skip)?;
        check_names(path, schema, &builder)?;
        let corrupt = |problem: String| Error::corrupt(path, problem);
        let batches = builder.with_batch_size(VISITED_ROWS).build();
        for batch in batches.map_err(|error| corrupt(error.to_string()))? {
            let batch = batch.map_err(|error| corrupt(error.to_string()))?;
            let mut columns = Vec::with_capacity(schema.columns.len());
            for (column, array) in schema.columns.iter().zip(batch.columns()) {
                let mut collector = Collector::new(column.clone());
                collector.push(array).map_err(corrupt)?;
                columns.push(collector.finish());
            }
            each(&Table::new(&schema.name, columns)?)?;
        }
        Ok(())
    })
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
