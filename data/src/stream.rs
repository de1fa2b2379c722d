//! A Parquet file that is written some rows at a time, for tables that do not fit in memory.

use crate::arrays::{Source, arrow_schema};
use crate::digest::HashingFile;
use crate::encode::ROW_GROUP_ROWS;
use crate::error::{Error, Result};
use crate::schema::TableSchema;
use crate::table::Table;
use crate::writer::{Stamp, Written, parquet_error, properties};
use arrow::datatypes::Schema;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Encoded bytes at which a row group ends, however few rows it has: a group's columns lie one after
/// the other in the file, so that a group must be in memory until it is whole.
pub(crate) const ROW_GROUP_BYTES_MAX: usize = 32 << 20;

/// A file that is not yet finished.
pub(crate) struct TableStream {
    path: PathBuf,
    promised: TableSchema,
    schema: Arc<Schema>,
    file: SerializedFileWriter<HashingFile>,
    factory: ArrowRowGroupWriterFactory,
    /// The columns of the row group that is being filled.
    columns: Vec<ArrowColumnWriter>,
    group_rows: usize,
    groups: usize,
    rows: u64,
}

impl fmt::Debug for TableStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TableStream({}, {} rows)", self.path.display(), self.rows)
    }
}

impl TableStream {
    /// Creates a file for rows of the table `schema`.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses.
    pub(crate) fn create(path: &Path, promised: TableSchema, stamp: &Stamp) -> Result<Self> {
        let file = File::create_new(path).map_err(|error| Error::io("create", path, error))?;
        let schema = Arc::new(arrow_schema(&promised));
        let file = start(HashingFile::new(file), &promised, &schema, stamp)
            .map_err(|error| parquet_error(path, error))?;
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        let path = path.to_owned();
        let (columns, group_rows, groups, rows) = (Vec::new(), 0, 0, 0);
        Ok(Self { path, promised, schema, file, factory, columns, group_rows, groups, rows })
    }

    /// Appends rows, which must follow those before in the order of the table.
    ///
    /// # Errors
    /// [`Error::SchemaChanged`] where the columns are not those of the file, [`Error::Io`].
    pub(crate) fn push(&mut self, table: Table) -> Result<()> {
        let mut schemas = crate::schema::Schemas::default();
        schemas.admit(self.promised.clone())?;
        schemas.admit(table.schema())?;
        let rows = table.rows();
        let sources: Vec<Source> = table.into_columns().into_iter().map(Source::new).collect();
        let mut done = 0;
        while done < rows {
            let end = rows.min(done + ROW_GROUP_ROWS - self.group_rows);
            self.encode(&sources, done, end).map_err(|error| parquet_error(&self.path, error))?;
            done = end;
        }
        self.rows += rows as u64;
        Ok(())
    }

    fn encode(
        &mut self,
        sources: &[Source],
        start: usize,
        end: usize,
    ) -> parquet::errors::Result<()> {
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.groups)?;
        }
        let columns = sources.iter().zip(self.schema.fields()).zip(&mut self.columns);
        for ((source, field), writer) in columns {
            let mut rows = start..end;
            while !rows.is_empty() {
                let next = source.slice_end(&rows);
                let array = source.array(rows.start..next).map_err(ParquetError::General)?;
                for leaf in compute_leaves(field, &array)? {
                    writer.write(&leaf)?;
                }
                rows.start = next;
            }
        }
        self.group_rows += end - start;
        let bytes: usize =
            self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum();
        if self.group_rows >= ROW_GROUP_ROWS || bytes >= ROW_GROUP_BYTES_MAX {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> parquet::errors::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in self.columns.drain(..) {
            column.close()?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        (self.group_rows, self.groups) = (0, self.groups + 1);
        Ok(())
    }

    /// Finishes the file, which is not durable yet.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses.
    pub(crate) fn finish(mut self) -> Result<(File, Written)> {
        let path = self.path.clone();
        let ended = self.end_group().and_then(|()| self.file.into_inner());
        let file = ended.map_err(|error| parquet_error(&path, error))?;
        let (file, sha256, bytes) = file.finish();
        Ok((file, Written { rows: self.rows, bytes, sha256 }))
    }
}

fn start(
    file: HashingFile,
    promised: &TableSchema,
    schema: &Schema,
    stamp: &Stamp,
) -> parquet::errors::Result<SerializedFileWriter<HashingFile>> {
    let mut properties = properties(promised, stamp)?;
    add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    let parquet = ArrowSchemaConverter::new().convert(schema)?;
    SerializedFileWriter::new(file, parquet.root_schema_ptr(), Arc::new(properties))
}
