//! Files that a specification names: beside it on disk, or shipped within this crate.

use std::path::{Path, PathBuf};

use throng_data::{Imported, import_table, sha256_file, sha256_hex};

use crate::problem::Problem;

/// Longest template or prompt file, in bytes.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Where the files of a specification are.
#[derive(Clone, Debug, Default)]
pub struct Source {
    folder: PathBuf,
    shipped: &'static [(&'static str, &'static str)],
}

impl Source {
    /// Files count from this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), shipped: &[] }
    }

    /// Texts that ship with this crate, by name.
    pub const fn shipped(texts: &'static [(&'static str, &'static str)]) -> Self {
        Self { folder: PathBuf::new(), shipped: texts }
    }

    /// Where a file lies.
    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(Path::new(file))
    }

    /// A text file.
    pub(crate) fn text(&self, file: &str, key: &str) -> Result<String, Problem> {
        if let Some((_, text)) = self.shipped.iter().find(|(name, _)| *name == file) {
            return Ok((*text).to_owned());
        }
        let path = self.path(file);
        let refuse = |problem: String| {
            let message = format!("`{}` cannot be read: {problem}", path.display());
            Problem::new(key, message, "give a UTF-8 text file; paths count from the specification")
        };
        let length = std::fs::metadata(&path).map_err(|error| refuse(error.to_string()))?.len();
        if length > TEXT_BYTES_MAX {
            return Err(refuse(format!(
                "it has {length} bytes, and the limit is {TEXT_BYTES_MAX}"
            )));
        }
        let bytes = std::fs::read(&path).map_err(|error| refuse(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| {
            refuse(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
        })
    }

    /// SHA-256 of a file's bytes.
    pub(crate) fn sha256(&self, file: &str) -> Result<String, Problem> {
        if let Some((_, text)) = self.shipped.iter().find(|(name, _)| *name == file) {
            return Ok(sha256_hex(text.as_bytes()));
        }
        let hint = "paths count from the specification";
        let hashed = sha256_file(&self.path(file));
        hashed.map(|(sha256, _)| sha256).map_err(|error| Problem::new("", error.to_string(), hint))
    }

    /// A CSV or Parquet table.
    pub(crate) fn table(&self, file: &str, key: &str) -> Result<FileTable, Problem> {
        let hint = "give a CSV or Parquet file; paths count from the specification";
        match import_table(&self.path(file)) {
            Ok(table) => Ok(FileTable { file: file.to_owned(), table }),
            Err(error) => Err(Problem::new(key, error.to_string(), hint)),
        }
    }
}

/// A table of a file, with its name for messages.
#[derive(Debug)]
pub(crate) struct FileTable {
    file: String,
    pub(crate) table: Imported,
}

impl FileTable {
    /// A column as texts.
    pub(crate) fn texts(&self, column: &str, key: &str) -> Result<&throng_data::Text, Problem> {
        self.table.column(column).ok_or_else(|| {
            let message = format!("`{}` has no column `{column}`", self.file);
            Problem::new(key, message, format!("it has {}", self.table.names.join(", ")))
        })
    }

    /// A column as numbers.
    pub(crate) fn numbers(&self, column: &str, key: &str) -> Result<Vec<f64>, Problem> {
        let texts = self.texts(column, key)?;
        let number = |(row, text): (usize, &str)| {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                let message = format!(
                    "`{}`, column `{column}`, row {}: `{text}` is no number",
                    self.file,
                    row + 1
                );
                Problem::new(key, message, "write finite decimal numbers")
            })
        };
        texts.iter().enumerate().map(number).collect()
    }
}
