//! Tables that others made, CSV or Parquet, as named columns of text.

use crate::error::{Error, Result};
use crate::read::{guarded, open};
use crate::text::Text;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::file::metadata::PageIndexPolicy;
use std::fs::File;
use std::path::Path;

/// Most rows that are read from one file; above it a table is no census but a data set.
pub const IMPORT_ROWS_MAX: usize = 100_000_000;
/// Most columns of a file.
pub const IMPORT_COLUMNS_MAX: usize = 1_000;

/// A table from a file: every value as text, an absent one as the empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The names of the columns, in file order.
    pub names: Vec<String>,
    /// A column of text for each name.
    pub columns: Vec<Text>,
    /// The number of rows.
    pub rows: usize,
}

impl Imported {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Text> {
        let place = self.names.iter().position(|found| found == name)?;
        self.columns.get(place)
    }

    fn with_names(names: Vec<String>) -> Self {
        let columns = names.iter().map(|_| Text::default()).collect();
        Self { names, columns, rows: 0 }
    }

    fn check_names(&self, path: &Path) -> Result<()> {
        if self.names.is_empty() || self.names.len() > IMPORT_COLUMNS_MAX {
            let found = self.names.len();
            let problem = format!("it has {found} columns; 1 to {IMPORT_COLUMNS_MAX} can be read");
            return Err(Error::corrupt(path, problem));
        }
        for (place, name) in self.names.iter().enumerate() {
            if self.names[..place].contains(name) {
                return Err(Error::corrupt(path, format!("two columns are named `{name}`")));
            }
        }
        Ok(())
    }

    fn check_rows(&self, path: &Path) -> Result<()> {
        if self.rows <= IMPORT_ROWS_MAX {
            return Ok(());
        }
        let what = format!("the number of rows of `{}`", path.display());
        Err(Error::Limit { what, found: self.rows as u64, limit: IMPORT_ROWS_MAX as u64 })
    }
}

/// Reads a table; the file's ending (`.csv` or `.parquet`) says how.
///
/// # Errors
/// [`Error::Io`] where it cannot be opened; [`Error::Corrupt`], with the line of a CSV file, where it is no
/// such table, is not UTF-8 or has rows of different lengths; [`Error::Limit`] where it is too large.
pub fn import_table(path: &Path) -> Result<Imported> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let table = match ending.as_deref() {
        Some("csv") => import_csv(path),
        Some("parquet") => guarded(path, || import_parquet(path)),
        _ => Err(Error::corrupt(path, "its name must end in `.csv` or `.parquet`")),
    }?;
    table.check_rows(path)?;
    Ok(table)
}

fn import_csv(path: &Path) -> Result<Imported> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| csv_error(path, &error))?;
    let unmarked = |name: &str| name.trim_start_matches('\u{feff}').to_owned();
    let mut table = Imported::with_names(header.iter().map(unmarked).collect());
    table.check_names(path)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_error(path, &error))? {
        table.rows += 1;
        table.check_rows(path)?;
        for (column, value) in table.columns.iter_mut().zip(&record) {
            column.push(value);
        }
    }
    Ok(table)
}

/// A failed read is the system's fault, anything else the file's; the line is where the reader stood.
fn csv_error(path: &Path, error: &csv::Error) -> Error {
    let place = error.position().map(|place| format!("line {}: ", place.line()));
    let problem = match error.kind() {
        csv::ErrorKind::Io(source) => {
            return Error::io("read", path, std::io::Error::new(source.kind(), source.to_string()));
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} values where the first line has {expected_len}")
        }
        _ => error.to_string(),
    };
    Error::corrupt(path, format!("{}{problem}", place.unwrap_or_default()))
}

fn import_parquet(path: &Path) -> Result<Imported> {
    let builder = open(path, PageIndexPolicy::Skip)?;
    let fields = builder.schema().fields().iter();
    let mut table = Imported::with_names(fields.map(|field| field.name().clone()).collect());
    table.check_names(path)?;
    let reader = builder.build().map_err(|error| Error::corrupt(path, error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| Error::corrupt(path, error.to_string()))?;
        table.rows += batch.num_rows();
        table.check_rows(path)?;
        push_batch(path, &mut table, &batch)?;
    }
    Ok(table)
}

fn push_batch(path: &Path, table: &mut Imported, batch: &RecordBatch) -> Result<()> {
    for (place, column) in table.columns.iter_mut().enumerate() {
        let texts = cast(batch.column(place), &DataType::Utf8).map_err(|error| {
            Error::corrupt(path, format!("column `{}`: {error}", table.names[place]))
        })?;
        let texts = texts.as_string::<i32>();
        for row in 0..texts.len() {
            column.push(if texts.is_null(row) { "" } else { texts.value(row) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Stamp, Table, Values, write_table};

    fn csv(bytes: &[u8]) -> Result<Imported> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, bytes).unwrap();
        import_table(&path)
    }

    fn problem(bytes: &[u8]) -> String {
        let message = csv(bytes).unwrap_err().to_string();
        message.split_once("cannot be read: ").map(|(_, rest)| rest.to_owned()).unwrap()
    }

    #[test]
    fn a_csv_table_is_read_with_its_quotes() {
        let table =
            csv(b"\xef\xbb\xbfage,\"job, main\",n\n18-29,\"a \"\"b\"\"\",3\n30+, c ,4\n").unwrap();
        assert_eq!(table.names, ["age", "job, main", "n"]);
        assert_eq!(table.rows, 2);
        assert_eq!(table.column("job, main").unwrap().iter().collect::<Vec<_>>(), ["a \"b\"", "c"]);
    }

    #[test]
    fn a_csv_table_that_is_none_is_refused_with_its_line() {
        assert_eq!(problem(b"a,b\n1,2\n3\n"), "line 3: it has 1 values where the first line has 2");
        assert_eq!(problem(b"a,b\n1,2\n\xff,4\n"), "line 3: it is not UTF-8");
        assert_eq!(problem(b"a,a\n1,2\n"), "two columns are named `a`");
        assert_eq!(problem(b""), "it has 0 columns; 1 to 1000 can be read");
    }

    #[test]
    fn a_missing_file_and_an_unknown_ending_are_refused() {
        assert!(matches!(import_table(Path::new("gone.csv")), Err(Error::Io { .. })));
        assert!(matches!(import_table(Path::new("table.xlsx")), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn a_parquet_table_is_read_as_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let names = vec!["low".to_owned(), "high".to_owned()];
        let columns = vec![
            Column::new("level", "level", Values::Category { codes: vec![1, 0], names }),
            Column::new("weight", "weight", Values::F64(vec![0.25, 3.0])),
        ];
        let stamp = Stamp {
            run_id: String::new(),
            round: 0,
            seed: 0,
            scenario: String::new(),
            scenario_version: String::new(),
            engine_version: String::new(),
            config_sha256: String::new(),
            state_hash: None,
        };
        write_table(&path, Table::new("people", columns).unwrap(), &stamp, 1).unwrap();
        let table = import_table(&path).unwrap();
        assert_eq!(table.names, ["level", "weight"]);
        assert_eq!(table.column("level").unwrap().iter().collect::<Vec<_>>(), ["high", "low"]);
        assert_eq!(table.column("weight").unwrap().iter().collect::<Vec<_>>(), ["0.25", "3.0"]);
        std::fs::write(&path, b"PAR1 and no more").unwrap();
        assert!(matches!(import_table(&path), Err(Error::Corrupt { .. })));
    }
}
