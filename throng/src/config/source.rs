//! The text of a configuration file: read within a bound, and shown without secrets.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::diagnostic::{ConfigError, Finding, Place};
use super::secrets;

/// The largest configuration file; a population belongs into a table of its own.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration file in memory.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The path as the user wrote it.
    pub(super) name: String,
    /// What the file holds.
    pub(super) text: String,
    /// The same with every secret blacked out, byte for byte, so that places stay where they are.
    pub(super) shown: String,
}

impl Source {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it cannot be read, is longer than [`FILE_BYTES_MAX`] or is not UTF-8.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let hint = "give the path of a TOML file or the name of a scenario";
        Self::read_as("configuration", path, FILE_BYTES_MAX, hint)
    }

    /// Reads a file that is called `what`; `hint` says what to give where there is none.
    ///
    /// # Errors
    /// When it cannot be read, is longer than `bytes_max` or is not UTF-8.
    pub(super) fn read_as(
        what: &str,
        path: &Path,
        bytes_max: u64,
        hint: &str,
    ) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let refuse = |message: String, hint: &str| {
            ConfigError::of(Finding::new(Place::Argument(name.clone()), message).hint(hint))
        };
        let unreadable = |error: std::io::Error| {
            let message = format!("the {what} cannot be read: {error}");
            refuse(message, hint)
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        // One byte more than allowed tells a file that is too long from one that just fits.
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > bytes_max {
            let message = format!("the {what} is longer than {} KiB", bytes_max >> 10);
            let hint = format!("a {what} is a page or two: is this the right file?");
            return Err(refuse(message, &hint));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..at]);
            let line = before.matches('\n').count() + 1;
            let message = format!("the {what} is not UTF-8: byte {at}, in line {line}");
            refuse(message, "save the file as UTF-8 text")
        })?;
        Ok(Self::new(name, text))
    }

    /// A text with a name.
    pub(super) fn new(name: String, text: String) -> Self {
        let shown = secrets::blacked_out(&text);
        Self { name, text, shown }
    }

    /// A range that can be pointed at: within the text and between characters.
    pub(super) fn pointable(&self, span: &Range<usize>) -> Range<usize> {
        let floor = |at: usize| self.shown.floor_char_boundary(at.min(self.shown.len()));
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_file_may_be_as_long_as_the_limit_and_no_longer() {
        let longest = vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap()];
        assert!(Source::read(written(&longest).path()).is_ok());
        let error = Source::read(written(&[longest, vec![b'#']].concat()).path()).unwrap_err();
        assert!(error.to_string().contains("longer than 1024 KiB"), "{error}");
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_named() {
        let error = Source::read(written(b"[run]\nname = \"\xff\"\n").path()).unwrap_err();
        assert!(error.to_string().contains("byte 14, in line 2"), "{error}");
    }

    #[test]
    fn ranges_are_moved_between_characters() {
        let source = Source::new("a".to_owned(), "ä = 1".to_owned());
        assert_eq!(source.pointable(&(1..99)), 0..6);
    }
}
