//! A table to one Parquet file on disk, hashed on its way out.

use crate::arrays::{Source, arrow_schema};
use crate::digest::HashingFile;
use crate::encode::{ROW_GROUP_ROWS, encode};
use crate::error::{Error, Result};
use crate::layout::PROMPT_HASH;
use crate::schema::{ColumnSchema, Kind, TableSchema};
use crate::table::Table;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Level of the zstd codec; higher ones bought nothing on agents' tables.
pub(crate) const ZSTD_LEVEL: i32 = 3;
/// What the files say made them.
pub const CREATED_BY: &str = concat!("throng ", env!("CARGO_PKG_VERSION"));

/// What each file says about the run it belongs to. No secret and no host's name belongs in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The run.
    pub run_id: String,
    /// The round; 0 before the first.
    pub round: u32,
    /// The run's seed.
    pub seed: u64,
    /// The scenario.
    pub scenario: String,
    /// The scenario's version.
    pub scenario_version: String,
    /// The engine's version.
    pub engine_version: String,
    /// The hash of the resolved configuration.
    pub config_sha256: String,
    /// The hash of the state after the round.
    pub state_hash: Option<String>,
}

impl Stamp {
    fn key_values(&self) -> Vec<KeyValue> {
        let pairs = [
            ("throng.run_id", Some(self.run_id.clone())),
            ("throng.round", Some(self.round.to_string())),
            ("throng.seed", Some(self.seed.to_string())),
            ("throng.scenario", Some(self.scenario.clone())),
            ("throng.scenario_version", Some(self.scenario_version.clone())),
            ("throng.engine_version", Some(self.engine_version.clone())),
            ("throng.schema_version", Some(crate::SCHEMA_VERSION.to_string())),
            ("throng.config_sha256", Some(self.config_sha256.clone())),
            ("throng.state_hash", self.state_hash.clone()),
        ];
        pairs
            .into_iter()
            .filter_map(|(key, value)| Some(KeyValue::new(key.to_owned(), value?)))
            .collect()
    }
}

/// What was written: enough to prove later that the file is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes.
    pub sha256: String,
}

/// Writes a table to a new file at `path` on up to `encoders` threads and makes it durable.
///
/// # Errors
/// [`Error::Io`] where the system refuses; what was written so far is left at `path`.
pub fn write_table(path: &Path, table: Table, stamp: &Stamp, encoders: usize) -> Result<Written> {
    let (file, written) = write_unflushed(path, table, stamp, encoders)?;
    flush(path, &file)?;
    Ok(written)
}

/// Makes a written file durable.
pub(crate) fn flush(path: &Path, file: &File) -> Result<()> {
    file.sync_all().map_err(|error| Error::io("flush", path, error))
}

/// Writes a table to a new file that is not durable yet.
pub(crate) fn write_unflushed(
    path: &Path,
    table: Table,
    stamp: &Stamp,
    encoders: usize,
) -> Result<(File, Written)> {
    let (schema, rows) = (table.schema(), table.rows());
    let file = File::create_new(path).map_err(|error| Error::io("create", path, error))?;
    let sources: Vec<Source> = table.into_columns().into_iter().map(Source::new).collect();
    let file = write_columns(HashingFile::new(file), &schema, &sources, rows, stamp, encoders)
        .map_err(|error| parquet_error(path, error))?;
    let (file, sha256, bytes) = file.finish();
    Ok((file, Written { rows: rows as u64, bytes, sha256 }))
}

fn write_columns(
    file: HashingFile,
    schema: &TableSchema,
    sources: &[Source],
    rows: usize,
    stamp: &Stamp,
    encoders: usize,
) -> parquet::errors::Result<HashingFile> {
    let arrow = Arc::new(arrow_schema(schema));
    let mut properties = properties(schema, stamp)?;
    add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
    let parquet = ArrowSchemaConverter::new().convert(&arrow)?;
    let mut writer =
        SerializedFileWriter::new(file, parquet.root_schema_ptr(), Arc::new(properties))?;
    encode(&mut writer, &arrow, sources, rows, encoders)?;
    writer.into_inner()
}

/// Tells a full disk from columns that cannot be encoded.
pub(crate) fn parquet_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(other) => Error::Encode { path: path.to_owned(), problem: other.to_string() },
        },
        other => Error::Encode { path: path.to_owned(), problem: other.to_string() },
    }
}

/// How a table is encoded.
pub(crate) fn properties(
    schema: &TableSchema,
    stamp: &Stamp,
) -> parquet::errors::Result<WriterProperties> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_bloom_filter_enabled(false)
        .set_dictionary_enabled(false)
        .set_sorting_columns(sorting(schema))
        .set_key_value_metadata(Some(stamp.key_values()));
    for column in &schema.columns {
        builder = column_properties(builder, column);
    }
    Ok(builder.build())
}

fn sorting(schema: &TableSchema) -> Option<Vec<SortingColumn>> {
    let agent = schema.columns.iter().position(|column| column.name == "agent")?;
    let column_idx = i32::try_from(agent).ok()?;
    Some(vec![SortingColumn { column_idx, descending: false, nulls_first: false }])
}

/// Encodings by type, for the columns that the general encoder gets.
fn column_properties(
    builder: WriterPropertiesBuilder,
    column: &ColumnSchema,
) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name.as_str());
    match column.kind {
        Kind::I32 | Kind::I64 | Kind::TimestampUs => {
            builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
        }
        // Of digests the least and greatest tell where a prompt is not.
        Kind::Text if column.name == PROMPT_HASH => builder,
        // Those of long texts help nobody and would be stored whole.
        Kind::Text => builder.set_column_statistics_enabled(path, EnabledStatistics::None),
        Kind::Category => builder.set_column_dictionary_enabled(path, true),
        Kind::F32 | Kind::F64 | Kind::Bool => builder,
    }
}
