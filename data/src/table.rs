//! Tables as plain columns: what callers build and readers get back, without an Arrow type in sight.

use crate::error::{Error, Result};
use crate::schema::{ColumnSchema, Kind, TableSchema};
use crate::text::Text;

/// Most columns a table may have; far above any scenario, far below what would slow readers down.
pub const COLUMNS_MAX: usize = 1_000;
/// Most categories a [`Values::Category16`] can tell apart.
pub const CATEGORIES_MAX: usize = 65_536;

/// Named columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    name: String,
    rows: usize,
    columns: Vec<Column>,
}

/// One column: its values, and what they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name in the file: lower-case ASCII letters, digits and `_`.
    pub name: String,
    /// What the values mean, in one sentence, for the data dictionary.
    pub doc: String,
    /// Unit of the values; a unit of time must also end the name, as in `latency_us`.
    pub unit: Option<String>,
    /// The values, one per row.
    pub values: Values,
    /// `false` where a row has no value. A column with `None` can never have a row without one.
    pub valid: Option<Vec<bool>>,
}

/// The values of a column, one variant per type that every reader understands.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit integers.
    I32(Vec<i32>),
    /// The same 32-bit integer in every row, without the memory for it (the round).
    I32Repeat {
        /// The integer.
        value: i32,
        /// The number of rows.
        rows: usize,
    },
    /// 64-bit integers.
    I64(Vec<i64>),
    /// `first`, `first + 1`, … without the memory for it (dense agent ids).
    I64Sequence {
        /// The integer of the first row.
        first: i64,
        /// The number of rows.
        rows: usize,
    },
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats; the right choice for anything an analyst averages.
    F64(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Text with many distinct values.
    Text(Text),
    /// Text with at most 256 distinct values: a code per row and the name of each code.
    Category {
        /// An index into `names` per row.
        codes: Vec<u8>,
        /// The distinct texts.
        names: Vec<String>,
    },
    /// Text with at most 65,536 distinct values: a code per row and the name of each code.
    Category16 {
        /// An index into `names` per row.
        codes: Vec<u16>,
        /// The distinct texts.
        names: Vec<String>,
    },
    /// Microseconds since 1970-01-01 UTC; only in `calls` and `events`.
    TimestampUs(Vec<i64>),
}

impl Values {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::I32(values) => values.len(),
            Self::I64(values) | Self::TimestampUs(values) => values.len(),
            Self::I32Repeat { rows, .. } | Self::I64Sequence { rows, .. } => *rows,
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(text) => text.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Category16 { codes, .. } => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type in the schema.
    pub fn kind(&self) -> Kind {
        match self {
            Self::I32(_) | Self::I32Repeat { .. } => Kind::I32,
            Self::I64(_) | Self::I64Sequence { .. } => Kind::I64,
            Self::F32(_) => Kind::F32,
            Self::F64(_) => Kind::F64,
            Self::Bool(_) => Kind::Bool,
            Self::Text(_) => Kind::Text,
            Self::Category { .. } | Self::Category16 { .. } => Kind::Category,
            Self::TimestampUs(_) => Kind::TimestampUs,
        }
    }

    /// The number in `row`, for the numeric types; `None` for the others.
    pub fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::I32(values) => Some(f64::from(values[row])),
            Self::I32Repeat { value, .. } => Some(f64::from(*value)),
            Self::I64(values) => Some(values[row] as f64),
            Self::I64Sequence { first, .. } => Some((*first + index(row)) as f64),
            Self::F32(values) => Some(f64::from(values[row])),
            Self::F64(values) => Some(values[row]),
            _ => None,
        }
    }

    /// The integer in `row`, for the integer types; `None` for the others.
    pub fn integer(&self, row: usize) -> Option<i64> {
        match self {
            Self::I32(values) => Some(i64::from(values[row])),
            Self::I32Repeat { value, .. } => Some(i64::from(*value)),
            Self::I64(values) | Self::TimestampUs(values) => Some(values[row]),
            Self::I64Sequence { first, .. } => Some(*first + index(row)),
            _ => None,
        }
    }

    /// The text in `row`, for text and categories; `None` for the others.
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.get(row)),
            Self::Category { codes, names } => Some(&names[usize::from(codes[row])]),
            Self::Category16 { codes, names } => Some(&names[usize::from(codes[row])]),
            _ => None,
        }
    }
}

/// A row number as an offset of an id.
fn index(row: usize) -> i64 {
    i64::try_from(row).expect("a row number fits in an i64")
}

impl Column {
    /// A column in which every row has a value.
    pub fn new(name: impl Into<String>, doc: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), doc: doc.into(), unit: None, values, valid: None }
    }

    /// The same column with rows that may lack a value: `valid[row]` is `false` where one does.
    #[must_use]
    pub fn with_valid(mut self, valid: Vec<bool>) -> Self {
        self.valid = Some(valid);
        self
    }

    /// The same column with a unit.
    #[must_use]
    pub fn with_unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Gives a row another category; false where the column has none, or no room for another one.
    pub fn set_category(&mut self, row: usize, value: &str) -> bool {
        let (names, codes_max) = match &mut self.values {
            Values::Category { names, .. } => (names, 1 << 8),
            Values::Category16 { names, .. } => (names, CATEGORIES_MAX),
            _ => return false,
        };
        let code = names.iter().position(|name| name == value).unwrap_or(names.len());
        if code == codes_max || row >= self.values.len() {
            return false;
        }
        match &mut self.values {
            Values::Category { codes, names } => {
                names.extend((code == names.len()).then(|| value.to_owned()));
                codes[row] = code as u8;
            }
            Values::Category16 { codes, names } => {
                names.extend((code == names.len()).then(|| value.to_owned()));
                codes[row] = code as u16;
            }
            _ => return false,
        }
        true
    }

    /// Whether `row` has a value.
    pub fn is_valid(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid[row])
    }

    /// What the schema says about the column.
    pub fn schema(&self) -> ColumnSchema {
        ColumnSchema {
            name: self.name.clone(),
            doc: self.doc.clone(),
            unit: self.unit.clone(),
            kind: self.values.kind(),
            nullable: self.valid.is_some(),
        }
    }
}

impl Table {
    /// Joins columns into a table after checking every rule that a file must keep.
    ///
    /// # Errors
    /// Names the first column that breaks a rule: names, equal lengths, categories, units, and
    /// timestamps outside `calls` and `events`.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Result<Self> {
        let name = name.into();
        let rows = columns.first().map_or(0, |column| column.values.len());
        for column in &columns {
            check_column(&name, column, rows)?;
        }
        let table = Self { name, rows, columns };
        table.schema().check()?;
        Ok(table)
    }

    /// The table's name, which is also its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns in file order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Gives a row of a category column another value; false where there is no such column, row or room.
    pub fn set_category(&mut self, name: &str, row: usize, value: &str) -> bool {
        let column = self.columns.iter_mut().find(|column| column.name == name);
        column.is_some_and(|column| column.set_category(row, value))
    }

    /// The columns, given away.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// What the schema says about the table.
    pub fn schema(&self) -> TableSchema {
        TableSchema {
            name: self.name.clone(),
            columns: self.columns.iter().map(Column::schema).collect(),
        }
    }
}

fn check_column(table: &str, column: &Column, rows: usize) -> Result<()> {
    let problem = length_problem(column, rows)
        .or_else(|| category_problem(&column.values))
        .or_else(|| sequence_problem(&column.values));
    match problem {
        None => Ok(()),
        Some(problem) => {
            Err(Error::Column { table: table.to_owned(), column: column.name.clone(), problem })
        }
    }
}

fn length_problem(column: &Column, rows: usize) -> Option<String> {
    let found = column.values.len();
    if found != rows {
        return Some(format!("it has {found} rows where the first column has {rows}"));
    }
    let valid = column.valid.as_ref()?.len();
    (valid != rows).then(|| format!("its validity has {valid} rows where the values have {rows}"))
}

fn category_problem(values: &Values) -> Option<String> {
    let (largest, names) = match values {
        Values::Category { codes, names } => (codes.iter().max().map(|&code| code.into()), names),
        Values::Category16 { codes, names } => (codes.iter().max().map(|&code| code.into()), names),
        _ => return None,
    };
    let largest: Option<usize> = largest;
    if names.len() > CATEGORIES_MAX {
        return Some(format!("it has {} categories; the limit is {CATEGORIES_MAX}", names.len()));
    }
    if let Some(code) = largest.filter(|&code| code >= names.len()) {
        return Some(format!("code {code} has no name; there are {} names", names.len()));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(format!("the category `{}` is named twice", twice[0]))
}

fn sequence_problem(values: &Values) -> Option<String> {
    let Values::I64Sequence { first, rows } = values else { return None };
    let end = i64::try_from(*rows).ok().and_then(|rows| first.checked_add(rows));
    end.is_none().then(|| format!("{rows} numbers from {first} on do not fit in an i64"))
}
