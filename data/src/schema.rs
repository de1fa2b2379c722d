//! Types and names that tables may have, and the rule that a run never changes them.

use crate::error::{Error, Result};
use crate::layout::Folder;
use crate::table::COLUMNS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest name of a table or column, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Units of time, which must also be the end of the column's name.
const TIME_UNITS: [&str; 5] = ["ns", "us", "ms", "s", "min"];

/// The type of a column. There are no others: each of these was read back correctly by `DuckDB`,
/// pandas, polars, pyarrow and Spark, and the ones left out were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// Truth value.
    Bool,
    /// Text.
    Text,
    /// Text of few distinct values, dictionary-encoded.
    Category,
    /// Microseconds since 1970-01-01 UTC.
    TimestampUs,
}

impl Kind {
    /// The type as the data dictionary names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Category => "category",
            Self::TimestampUs => "timestamp_us",
        }
    }
}

/// What a run has promised about one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// What it means.
    pub doc: String,
    /// Its unit.
    pub unit: Option<String>,
    /// Its type.
    pub kind: Kind,
    /// Whether rows may lack a value.
    pub nullable: bool,
}

/// What a run has promised about one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Its name, which is also its folder.
    pub name: String,
    /// Its columns in file order.
    pub columns: Vec<ColumnSchema>,
}

impl TableSchema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Checks names, units and types.
    pub(crate) fn check(&self) -> Result<()> {
        Folder::of_table(&self.name)?;
        if self.columns.is_empty() || self.columns.len() > COLUMNS_MAX {
            let problem =
                format!("it has {} columns; 1 to {COLUMNS_MAX} are allowed", self.columns.len());
            return Err(Error::Table { table: self.name.clone(), problem });
        }
        for (index, column) in self.columns.iter().enumerate() {
            self.check_column(index, column)?;
        }
        Ok(())
    }

    fn check_column(&self, index: usize, column: &ColumnSchema) -> Result<()> {
        check_name("column", &column.name)?;
        let problem = if self.columns[..index].iter().any(|other| other.name == column.name) {
            Some("the name is used twice".to_owned())
        } else {
            unit_problem(column).or_else(|| self.kind_problem(column))
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(Error::Column {
                table: self.name.clone(),
                column: column.name.clone(),
                problem,
            }),
        }
    }

    /// State must be reproducible bit for bit, and wall time is not.
    fn kind_problem(&self, column: &ColumnSchema) -> Option<String> {
        let timed = matches!(self.name.as_str(), "calls" | "events");
        (column.kind == Kind::TimestampUs && !timed)
            .then(|| "wall time is recorded only in `calls` and `events`".to_owned())
    }

    /// Compares with what the run has promised; names the first column that differs.
    fn check_unchanged(&self, promised: &Self) -> Result<()> {
        let longest = self.columns.len().max(promised.columns.len());
        for index in 0..longest {
            let (found, expected) = (self.columns.get(index), promised.columns.get(index));
            if let Some((column, change)) = difference(found, expected) {
                return Err(Error::SchemaChanged { table: self.name.clone(), column, change });
            }
        }
        Ok(())
    }
}

fn unit_problem(column: &ColumnSchema) -> Option<String> {
    let unit = column.unit.as_deref()?;
    let suffixed = column.name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
    (TIME_UNITS.contains(&unit) && !suffixed)
        .then(|| format!("a column in `{unit}` must have a name that ends in `_{unit}`"))
}

fn difference(
    found: Option<&ColumnSchema>,
    expected: Option<&ColumnSchema>,
) -> Option<(String, String)> {
    let (found, expected) = match (found, expected) {
        (Some(found), Some(expected)) => (found, expected),
        (Some(found), None) => return Some((found.name.clone(), "it is new".to_owned())),
        (None, expected) => {
            return expected.map(|column| (column.name.clone(), "it is missing".to_owned()));
        }
    };
    let change = if found.name != expected.name {
        format!("it stands where `{}` was", expected.name)
    } else if found.kind != expected.kind {
        format!("it was {} and is now {}", expected.kind.word(), found.kind.word())
    } else if found.nullable != expected.nullable {
        let words = |nullable| if nullable { "may lack values" } else { "always has a value" };
        format!("it was `{}` and is now `{}`", words(expected.nullable), words(found.nullable))
    } else if found.unit != expected.unit {
        format!("its unit was {:?} and is now {:?}", expected.unit, found.unit)
    } else {
        return None;
    };
    Some((found.name.clone(), change))
}

/// The schemas that a run has promised so far, by table name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schemas(BTreeMap<String, TableSchema>);

impl Schemas {
    /// Accepts a table if it is new or as promised; returns whether it is new.
    ///
    /// # Errors
    /// [`Error::SchemaChanged`] names the first column that differs.
    pub fn admit(&mut self, schema: TableSchema) -> Result<bool> {
        match self.0.get(&schema.name) {
            Some(promised) => schema.check_unchanged(promised).map(|()| false),
            None => {
                schema.check()?;
                self.0.insert(schema.name.clone(), schema);
                Ok(true)
            }
        }
    }

    /// The promise about a table.
    pub fn get(&self, table: &str) -> Option<&TableSchema> {
        self.0.get(table)
    }

    /// All promises in the order of the tables' names.
    pub fn iter(&self) -> impl Iterator<Item = &TableSchema> {
        self.0.values()
    }
}

/// Checks the name of a table or a column.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<()> {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    let clean = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if starts && clean && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    let rule = "it must start with a lower-case letter, go on with lower-case letters, digits or \
                `_`, and have at most 64 bytes";
    Err(Error::Name { what, name: name.to_owned(), rule })
}
