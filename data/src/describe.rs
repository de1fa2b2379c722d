//! The generated companions of the tables: `schema.json`, `views.sql` and `README.md`.

use crate::durable::replace;
use crate::error::{Error, Result};
use crate::layout::{PEOPLE, README, SCHEMA, TMP, VIEWS};
use crate::manifest::Manifest;
use crate::schema::{ColumnSchema, Kind, Schemas, TableSchema};
use crate::{SCHEMA_VERSION, json};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::Path;

/// Largest `schema.json` that is read.
const SCHEMA_BYTES_MAX: u64 = 64 << 20;
/// The dialect in which tables are described.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The file `schema.json`: a JSON schema of a row of each table.
#[derive(Debug, Serialize, Deserialize)]
struct SchemaFile {
    schema_version: u32,
    tables: BTreeMap<String, RowSchema>,
}

/// A JSON schema; `x-columns` adds what JSON cannot say and is what this program reads back.
#[derive(Debug, Serialize, Deserialize)]
struct RowSchema {
    #[serde(rename = "$schema")]
    dialect: String,
    title: String,
    #[serde(rename = "type")]
    json_type: String,
    properties: serde_json::Map<String, serde_json::Value>,
    required: Vec<String>,
    #[serde(rename = "additionalProperties")]
    additional_properties: bool,
    #[serde(rename = "x-columns")]
    columns: Vec<ColumnSchema>,
}

/// Writes `schema.json`.
pub(crate) fn write_schema(run: &Path, schemas: &Schemas) -> Result<()> {
    let tables = schemas.iter().map(|schema| (schema.name.clone(), row_schema(schema))).collect();
    let file = SchemaFile { schema_version: SCHEMA_VERSION, tables };
    replace(&run.join(TMP), &run.join(SCHEMA), &json::pretty(&file))
}

/// Reads the promises back from `schema.json`; a run without one has promised nothing yet.
pub(crate) fn read_schema(run: &Path) -> Result<Schemas> {
    let path = run.join(SCHEMA);
    let file: SchemaFile = match json::read(&path, SCHEMA_BYTES_MAX) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Schemas::default());
        }
        read => read?,
    };
    let mut schemas = Schemas::default();
    for (name, row) in file.tables {
        let schema = TableSchema { name, columns: row.columns };
        schemas.admit(schema).map_err(|error| Error::corrupt(&path, error.to_string()))?;
    }
    Ok(schemas)
}

fn row_schema(schema: &TableSchema) -> RowSchema {
    let columns = schema.columns.iter();
    RowSchema {
        dialect: DIALECT.to_owned(),
        title: schema.name.clone(),
        json_type: "object".to_owned(),
        properties: columns.clone().map(|c| (c.name.clone(), property(c))).collect(),
        required: columns.map(|column| column.name.clone()).collect(),
        additional_properties: false,
        columns: schema.columns.clone(),
    }
}

fn property(column: &ColumnSchema) -> serde_json::Value {
    let json_type = match column.kind {
        Kind::I32 | Kind::I64 => "integer",
        Kind::F32 | Kind::F64 => "number",
        Kind::Bool => "boolean",
        Kind::Text | Kind::Category | Kind::TimestampUs => "string",
    };
    let json_type =
        if column.nullable { serde_json::json!([json_type, "null"]) } else { json_type.into() };
    let mut property = serde_json::json!({"type": json_type, "description": column.doc});
    if column.kind == Kind::TimestampUs {
        property["format"] = "date-time".into();
    }
    property
}

/// Writes `views.sql` and `README.md` for the tables that have files.
pub(crate) fn describe(
    run: &Path,
    manifest: &Manifest,
    schemas: &Schemas,
    present: &BTreeSet<String>,
) -> Result<()> {
    let tables: Vec<&TableSchema> =
        schemas.iter().filter(|schema| present.contains(&schema.name)).collect();
    let tmp = run.join(TMP);
    replace(&tmp, &run.join(VIEWS), views(&tables).as_bytes())?;
    replace(&tmp, &run.join(README), readme(manifest, &tables).as_bytes())
}

/// One view per table over a glob relative to the run directory. A table's name is a plain
/// lower-case word, quoted all the same since it may be a keyword of SQL.
fn views(tables: &[&TableSchema]) -> String {
    let mut sql = String::from(
        "-- Views over the tables of this run. Paths are relative, so begin in this folder:\n\
         --   duckdb -init views.sql\n",
    );
    for TableSchema { name, .. } in tables {
        let from = format!("read_parquet('{name}/*.parquet', hive_partitioning = false)");
        writeln!(sql, "CREATE OR REPLACE VIEW \"{name}\" AS SELECT * FROM {from};")
            .expect("a string takes everything");
    }
    sql
}

fn readme(manifest: &Manifest, tables: &[&TableSchema]) -> String {
    let mut page = introduction(manifest);
    for schema in tables {
        page.push_str(&dictionary(schema));
    }
    page.push_str(SNIPPETS);
    page
}

fn introduction(manifest: &Manifest) -> String {
    let Manifest { run_id, config_sha256, origin, .. } = manifest;
    let (scenario, version) = (&origin.scenario, &origin.scenario_version);
    let (agents, rounds, seed) = (origin.agents, origin.rounds, origin.seed);
    format!(
        "# Run `{run_id}`\n\n\
         Scenario `{scenario}` (version {version}) with {agents} agents, {rounds} rounds asked for, \
         seed {seed}, configuration `{config_sha256}`.\n\n\
         `manifest.json` says what the run is, `run.toml` is the configuration that ran, and a \
         round exists exactly if `commits/` has its record, which lists the round's files with \
         rows, bytes and SHA-256. Rounds count from 1; the record of round 0 is the population. \
         `throng verify` checks all of it.\n\n\
         Floats in `commits/` are their 16 hexadecimal digits (IEEE 754 binary64), since decimal \
         text may come back as a neighbouring number.\n\n\
         ## Tables\n\n"
    )
}

fn dictionary(schema: &TableSchema) -> String {
    let rows = match schema.name.as_str() {
        PEOPLE => "one row per agent",
        "agents" => "one row per agent and round, sorted by agent",
        "rounds" => "one row per round and group",
        _ => "rows by round",
    };
    let mut text = format!("### `{}`: {rows}\n\n", schema.name);
    text.push_str("| column | type | unit | may be missing | meaning |\n|---|---|---|---|---|\n");
    for ColumnSchema { name, doc, unit, kind, nullable } in &schema.columns {
        let (unit, missing) = (unit.as_deref().unwrap_or(""), if *nullable { "yes" } else { "no" });
        let (kind, doc) = (kind.word(), doc.replace('|', "\\|").replace('\n', " "));
        writeln!(text, "| `{name}` | {kind} | {unit} | {missing} | {doc} |")
            .expect("a string takes everything");
    }
    text.push('\n');
    text
}

/// Always a glob and never a bare folder: readers differ in what they make of other files there.
const SNIPPETS: &str = r#"## Reading

Begin in this folder, and always give a glob.

```sh
duckdb -init views.sql -c 'SELECT round, count(*) FROM agents GROUP BY round ORDER BY round'
```

```python
import duckdb
db = duckdb.connect()
db.execute(open("views.sql").read())
print(db.sql("SELECT * FROM agents LIMIT 5").df())
```

```python
import glob
import pandas as pd
agents = pd.concat(map(pd.read_parquet, sorted(glob.glob("agents/*.parquet"))))
```

```python
import polars as pl
agents = pl.scan_parquet("agents/*.parquet").collect()
```

```python
import glob
import pyarrow.dataset as ds
agents = ds.dataset(sorted(glob.glob("agents/*.parquet")), partitioning=None).to_table()
```
"#;
