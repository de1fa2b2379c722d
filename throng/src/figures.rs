//! The figures of a round, read generically from the table that a scenario summarises.

use serde_json::{Map, Value as Json};
use throng_data::{GROUP, GROUP_BY, WHOLE_POPULATION};
use throng_engine::EVERYONE;
use throng_engine::record::{Column, ColumnKind, Table, Values};

/// How the columns of a histogram begin.
const BIN_PREFIX: &str = "bin_";

/// A value of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// There is none.
    Missing,
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text or category.
    Text(String),
    /// True or false.
    Flag(bool),
}

impl Cell {
    /// The cell of a table of a run.
    pub(crate) fn of_run(column: &throng_data::Column, row: usize) -> Self {
        use throng_data::Values;
        if !column.is_valid(row) {
            return Self::Missing;
        }
        match &column.values {
            Values::F32(values) => Self::Number(values[row].into()),
            Values::F64(values) => Self::Number(values[row]),
            Values::Bool(values) => Self::Flag(values[row]),
            values => match values.integer(row) {
                Some(whole) => Self::Whole(whole),
                None => values.text(row).map_or(Self::Missing, |text| Self::Text(text.to_owned())),
            },
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(whole) => Some(*whole as f64),
            Self::Number(number) if number.is_finite() => Some(*number),
            _ => None,
        }
    }

    /// The cell as JSON.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Missing => Json::Null,
            Self::Whole(whole) => Json::from(*whole),
            // JSON has no NaN; a missing number says the same.
            Self::Number(number) => Json::from(*number),
            Self::Text(text) => Json::from(text.as_str()),
            Self::Flag(flag) => Json::from(*flag),
        }
    }
}

/// The figures of one group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The group; "all" is everyone.
    pub(crate) group: String,
    cells: Vec<(String, Cell)>,
}

impl Row {
    /// The rows of a summary.
    pub(crate) fn of_summary(table: &Table) -> Vec<Self> {
        let row = |row| {
            let cells =
                table.columns.iter().map(|column| (column.spec.name.clone(), cell(column, row)));
            Self::new(cells.collect())
        };
        (0..table.rows()).map(row).collect()
    }

    /// The rows of a committed round.
    pub(crate) fn of_run(table: &throng_data::Table) -> Vec<Self> {
        let row = |row| {
            let cells = table
                .columns()
                .iter()
                .map(|column| (column.name.clone(), Cell::of_run(column, row)));
            Self::new(cells.collect())
        };
        (0..table.rows()).map(row).collect()
    }

    /// Takes the group's name out of its cells.
    fn new(mut cells: Vec<(String, Cell)>) -> Self {
        let mut take = |name: &str| {
            let at = cells.iter().position(|(column, _)| column == name)?;
            match cells.remove(at).1 {
                Cell::Text(text) => Some(text),
                _ => None,
            }
        };
        let (by, group) = (take(GROUP_BY), take(GROUP));
        let group = group.unwrap_or_else(|| EVERYONE.to_owned());
        let group = match by {
            Some(by) if by != WHOLE_POPULATION => format!("{by}:{group}"),
            _ => group,
        };
        Self { group, cells }
    }

    /// The figures of everyone.
    pub(crate) fn everyone(rows: &[Self]) -> Option<&Self> {
        rows.iter().find(|row| row.group == EVERYONE)
    }

    /// A value by its column's name.
    pub(crate) fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|(column, _)| column == name).map(|(_, cell)| cell)
    }

    /// A finite number by its column's name.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.cell(name).and_then(Cell::number)
    }

    /// The finite numbers with their columns' names, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        self.cells.iter().filter_map(|(name, cell)| Some((name.as_str(), cell.number()?)))
    }

    /// The columns that are no bins of a histogram, in order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let names = self.cells.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !is_bin(name))
    }

    /// The counts of the histogram, lowest bin first; none where the scenario has no histogram.
    pub(crate) fn bins(&self) -> Vec<u64> {
        let bins = self.cells.iter().filter(|(name, _)| is_bin(name));
        bins.map(|(_, cell)| cell.number().map_or(0, whole)).collect()
    }

    /// All values as an object.
    pub(crate) fn json(&self) -> Json {
        let entries = self.cells.iter().map(|(name, cell)| (name.clone(), cell.json()));
        Json::Object(entries.collect::<Map<_, _>>())
    }
}

/// Whether a column is a bin of a histogram.
pub(crate) fn is_bin(name: &str) -> bool {
    name.starts_with(BIN_PREFIX)
}

/// A count that may have been written as a float.
fn whole(number: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "counts are whole")]
    #[expect(clippy::cast_sign_loss, reason = "a negative count is none")]
    let count = number.max(0.0) as u64;
    count
}

fn cell(column: &Column, row: usize) -> Cell {
    if column.valid.as_ref().is_some_and(|valid| !valid[row]) {
        return Cell::Missing;
    }
    match &column.values {
        Values::I32(values) => Cell::Whole(values[row].into()),
        Values::I64(values) => Cell::Whole(values[row]),
        Values::F32(values) => Cell::Number(values[row].into()),
        Values::F64(values) => Cell::Number(values[row]),
        Values::Bool(values) => Cell::Flag(values[row]),
        Values::Text(values) => Cell::Text(values[row].clone()),
        Values::Category(codes) => match column.spec.kind {
            ColumnKind::Category(labels) => Cell::Text(labels[usize::from(codes[row])].to_owned()),
            _ => Cell::Missing,
        },
    }
}

/// A whole number with a comma every three digits.
pub(crate) fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number without its fraction, grouped.
pub(crate) fn grouped_whole(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the fraction is not shown")]
    let whole = number.round() as i128;
    grouped(whole)
}

/// A number for reading: three digits after the point below 1, else two.
pub(crate) fn short(number: f64) -> String {
    if number.abs() < 1.0 { format!("{number:.3}") } else { format!("{number:.2}") }
}

/// A number with six significant digits, without zeros at its end.
pub(crate) fn significant(number: f64) -> String {
    const DIGITS: usize = 6;
    let scientific = format!("{number:.0$e}", DIGITS - 1);
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok());
    let trimmed = |text: String| {
        if !text.contains('.') {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match (exponent, scientific.split_once('e')) {
        (Some(-4..=15), _) => {
            let after_point = exponent.map_or(0, |e| usize::try_from(5 - e).unwrap_or(0));
            trimmed(format!("{number:.after_point$}"))
        }
        (_, Some((digits, exponent))) => format!("{}e{exponent}", trimmed(digits.to_owned())),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use throng_engine::record::ColumnSpec;

    use super::*;

    fn table() -> Table {
        let specs = vec![
            ColumnSpec::new("group", "", ColumnKind::Text),
            ColumnSpec::new("n", "", ColumnKind::I64),
            ColumnSpec::of::<Option<f64>>("mean", ""),
            ColumnSpec::new("bin_00", "", ColumnKind::I64),
            ColumnSpec::new("bin_01", "", ColumnKind::I64),
        ];
        let mut table = Table::new(specs, 2);
        table.columns[0].values = Values::Text(vec!["all".into(), "model:a".into()]);
        table.columns[1].values = Values::I64(vec![5, 2]);
        table.columns[2].values = Values::F64(vec![0.5, 0.0]);
        table.columns[2].valid = Some(vec![true, false]);
        table.columns[3].values = Values::I64(vec![4, 1]);
        table.columns[4].values = Values::I64(vec![1, 1]);
        table
    }

    #[test]
    fn rows_have_a_group_values_and_bins() {
        let rows = Row::of_summary(&table());
        let everyone = Row::everyone(&rows).unwrap();
        assert_eq!(everyone.number("mean"), Some(0.5));
        assert_eq!(everyone.bins(), [4, 1]);
        assert_eq!(everyone.columns().collect::<Vec<_>>(), ["n", "mean"]);
        assert_eq!(rows[1].group, "model:a");
        assert_eq!(rows[1].number("mean"), None);
        assert_eq!(rows[1].json().to_string(), r#"{"bin_00":1,"bin_01":1,"mean":null,"n":2}"#);
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-999), "-999");
        assert_eq!(grouped(0), "0");
        assert_eq!(short(0.123_456), "0.123");
        assert_eq!(short(36.729), "36.73");
        let numbers = [0.0, 25.0, -2.0 / 3.0, 1e6, 123_456.789, 2.5e-7, f64::NAN];
        let shown = ["0", "25", "-0.666667", "1000000", "123457", "2.5e-7", "NaN"];
        assert_eq!(numbers.map(significant), shown);
    }
}
