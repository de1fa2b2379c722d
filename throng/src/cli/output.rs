//! Results go to standard output, everything else to standard error.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failure::Failure;

/// Standard output, shared by all who write results; remembers when it does not take any more.
#[derive(Clone, Debug)]
pub(crate) struct Results(Arc<Mutex<Output>>);

#[derive(Debug)]
struct Output {
    stream: anstream::Stdout,
    failed: Option<io::Error>,
}

impl Results {
    /// Writes to standard output, without colours where nobody sees them.
    pub(crate) fn stdout() -> Self {
        let output = Output { stream: anstream::stdout(), failed: None };
        Self(Arc::new(Mutex::new(output)))
    }

    /// Writes a line; false once results are not taken any more.
    pub(crate) fn line(&self, line: &str) -> bool {
        let mut output = self.output();
        if output.failed.is_none() {
            output.failed = writeln!(output.stream, "{line}").err();
        }
        output.failed.is_none()
    }

    /// Writes lines; those that nobody takes any more are left out.
    pub(crate) fn lines(&self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            if !self.line(&line) {
                return;
            }
        }
    }

    /// Writes what has been held back.
    ///
    /// # Errors
    /// When results could not be written, unless the reader has simply gone: who reads the first lines only
    /// has what they want.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let mut output = self.output();
        let failed = match output.failed.take() {
            None => output.stream.flush().err(),
            failed => failed,
        };
        match failed {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
            _ => Ok(()),
        }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        // Whoever panicked while writing has left whole lines or a broken one; the next line is no worse.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the user something that is no result. Where nobody reads it, there is nobody to tell.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Columns of text, each as wide as its widest cell, without trailing spaces.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
