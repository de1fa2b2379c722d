//! Columns: how components and results become tables, one contiguous column at a time.

use crate::{AgentId, Decimal};

/// The type of a column. All analysts' tools read these; there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// One of these labels.
    Category(&'static [&'static str]),
}

/// A column's name, meaning and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Name in tables: lower case with underscores, the unit last.
    pub name: String,
    /// What it means, in a sentence, for the data dictionary.
    pub doc: String,
    /// Its type.
    pub kind: ColumnKind,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl ColumnSpec {
    /// A column of a value type.
    pub fn of<T: ColumnValue>(name: &str, doc: &str) -> Self {
        Self { nullable: T::NULLABLE, ..Self::new(name, doc, T::kind()) }
    }

    /// A column without missing values.
    pub fn new(name: impl Into<String>, doc: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), doc: doc.into(), kind, nullable: false }
    }
}

/// The values of a column, one for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// True or false.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
    /// Places in the list of labels of [`ColumnKind::Category`].
    Category(Vec<u8>),
}

impl Values {
    fn new(kind: ColumnKind, rows: usize) -> Self {
        match kind {
            ColumnKind::I32 => Self::I32(Vec::with_capacity(rows)),
            ColumnKind::I64 => Self::I64(Vec::with_capacity(rows)),
            ColumnKind::F32 => Self::F32(Vec::with_capacity(rows)),
            ColumnKind::F64 => Self::F64(Vec::with_capacity(rows)),
            ColumnKind::Bool => Self::Bool(Vec::with_capacity(rows)),
            ColumnKind::Text => Self::Text(Vec::with_capacity(rows)),
            ColumnKind::Category(_) => Self::Category(Vec::with_capacity(rows)),
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Category(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the values of a column of the same type.
    fn append(&mut self, later: Self) {
        match (self, later) {
            (Self::I32(values), Self::I32(later)) => values.extend(later),
            (Self::I64(values), Self::I64(later)) => values.extend(later),
            (Self::F32(values), Self::F32(later)) => values.extend(later),
            (Self::F64(values), Self::F64(later)) => values.extend(later),
            (Self::Bool(values), Self::Bool(later)) => values.extend(later),
            (Self::Text(values), Self::Text(later)) => values.extend(later),
            (Self::Category(values), Self::Category(later)) => values.extend(later),
            (values, later) => unreachable!("{later:?} cannot follow {values:?}"),
        }
    }

    /// Moves row `r` to `places[r]`.
    fn scatter(&mut self, places: &[u32]) {
        match self {
            Self::I32(values) => scatter(values, places),
            Self::I64(values) => scatter(values, places),
            Self::F32(values) => scatter(values, places),
            Self::F64(values) => scatter(values, places),
            Self::Bool(values) => scatter(values, places),
            Self::Text(values) => scatter(values, places),
            Self::Category(values) => scatter(values, places),
        }
    }
}

/// Moves the value of row `r` to `places[r]`; `places` is a permutation.
fn scatter<T: Default>(values: &mut Vec<T>, places: &[u32]) {
    let mut sorted: Vec<T> = std::iter::repeat_with(T::default).take(values.len()).collect();
    for (value, &place) in values.drain(..).zip(places) {
        sorted[place as usize] = value;
    }
    *values = sorted;
}

/// A column with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name, meaning, type.
    pub spec: ColumnSpec,
    /// One value for each row; a missing one is a default value.
    pub values: Values,
    /// Which values are there, when the column is nullable.
    pub valid: Option<Vec<bool>>,
}

impl Column {
    /// An empty column with room for `rows`.
    pub fn new(spec: ColumnSpec, rows: usize) -> Self {
        let values = Values::new(spec.kind, rows);
        let valid = spec.nullable.then(|| Vec::with_capacity(rows));
        Self { spec, values, valid }
    }

    /// Appends rows of a value type.
    pub fn extend<'a, T: ColumnValue + 'a>(
        &mut self,
        rows: impl Iterator<Item = Option<&'a T>> + Clone,
    ) {
        if let Some(valid) = &mut self.valid {
            valid.extend(rows.clone().map(|row| row.is_some_and(T::is_present)));
        }
        T::extend(&mut self.values, rows);
    }

    /// Moves row `r` to `places[r]`; `places` is a permutation.
    pub(crate) fn scatter(&mut self, places: &[u32]) {
        self.values.scatter(places);
        if let Some(valid) = &mut self.valid {
            scatter(valid, places);
        }
    }
}

/// A named table of columns of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// An empty table with room for `rows`.
    pub fn new(specs: Vec<ColumnSpec>, rows: usize) -> Self {
        Self { columns: specs.into_iter().map(|spec| Column::new(spec, rows)).collect() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.spec.name == name)
    }

    /// Appends the rows of a table with the same columns: those of the agents that come next.
    ///
    /// # Panics
    /// If its columns are others.
    pub fn append(&mut self, later: Self) {
        assert_eq!(self.columns.len(), later.columns.len(), "both tables have the same columns");
        for (column, later) in self.columns.iter_mut().zip(later.columns) {
            assert_eq!(column.spec, later.spec, "both tables have the same columns");
            column.values.append(later.values);
            if let (Some(valid), Some(later)) = (&mut column.valid, later.valid) {
                valid.extend(later);
            }
        }
    }

    /// Appends rows of a type that knows its columns, which must be the columns of this table.
    pub fn extend<C: Columns>(&mut self, rows: &[C]) {
        C::extend(rows.iter().map(Some), &mut self.columns);
    }
}

/// A type of which a column can be made.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no column type",
    note = "use bool, u8, u16, u32, i32, i64, f32, f64, Decimal, AgentId, String or an enum that derives Columns"
)]
pub trait ColumnValue: Sized {
    /// Whether a value may be missing.
    const NULLABLE: bool = false;
    /// The column's type.
    fn kind() -> ColumnKind;
    /// Whether there is a value.
    fn is_present(&self) -> bool {
        true
    }
    /// Appends values; a missing row becomes a default value.
    fn extend<'a>(values: &mut Values, rows: impl Iterator<Item = Option<&'a Self>>)
    where
        Self: 'a;
}

/// A type whose rows become one or more columns. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which columns it has",
    note = "add #[derive(Columns)] to `{Self}`"
)]
pub trait Columns: Sized {
    /// Its columns, in order.
    fn columns() -> Vec<ColumnSpec>;
    /// Appends rows to its columns; a missing row leaves every column without a value.
    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column])
    where
        Self: 'a;
}

/// Fills columns of a category; used by the derive.
pub fn extend_category<'a, T: 'a>(
    values: &mut Values,
    rows: impl Iterator<Item = Option<&'a T>>,
    code: impl Fn(&T) -> u8,
) {
    match values {
        Values::Category(values) => values.extend(rows.map(|row| row.map_or(0, &code))),
        other => unreachable!("a category column holds {other:?}"),
    }
}

macro_rules! column_values {
    ($($type:ty => $kind:ident, $value:ident => $convert:expr;)+) => {$(
        impl ColumnValue for $type {
            fn kind() -> ColumnKind {
                ColumnKind::$kind
            }
            #[inline]
            fn extend<'a>(values: &mut Values, rows: impl Iterator<Item = Option<&'a Self>>) {
                match values {
                    Values::$kind(values) => values.extend(
                        rows.map(|row| row.map_or_else(Default::default, |$value: &$type| $convert)),
                    ),
                    other => unreachable!("a column of another type holds {other:?}"),
                }
            }
        }
    )+};
}
column_values! {
    bool => Bool, value => *value;
    u8 => I32, value => i32::from(*value);
    u16 => I32, value => i32::from(*value);
    i32 => I32, value => *value;
    u32 => I64, value => i64::from(*value);
    i64 => I64, value => *value;
    f32 => F32, value => *value;
    f64 => F64, value => *value;
    Decimal => F64, value => value.to_f64();
    AgentId => I64, value => i64::from(value.0);
    String => Text, value => value.clone();
}

/// A value that may be missing.
impl<T: ColumnValue> ColumnValue for Option<T> {
    const NULLABLE: bool = true;

    fn kind() -> ColumnKind {
        T::kind()
    }

    fn is_present(&self) -> bool {
        self.is_some()
    }

    fn extend<'a>(values: &mut Values, rows: impl Iterator<Item = Option<&'a Self>>)
    where
        T: 'a,
    {
        T::extend(values, rows.map(|row| row.and_then(Option::as_ref)));
    }
}

/// The columns of both, in order.
impl<A: Columns, B: Columns> Columns for (A, B) {
    fn columns() -> Vec<ColumnSpec> {
        [A::columns(), B::columns()].concat()
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column])
    where
        A: 'a,
        B: 'a,
    {
        let (first, second) = columns.split_at_mut(A::columns().len());
        A::extend(rows.clone().map(|row| row.map(|(a, _)| a)), first);
        B::extend(rows.map(|row| row.map(|(_, b)| b)), second);
    }
}
