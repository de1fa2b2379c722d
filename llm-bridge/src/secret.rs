//! A key that never shows itself: not in logs, errors, manifests or journals.

use std::fmt;

/// A secret read from the environment or a file; `Debug` and `Display` print a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Why a secret could not be had; names the variable or file, never the content.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is not set or is empty.
    #[error("the environment variable `{0}` is not set; set it or remove `api_key_env`")]
    Unset(String),
    /// The variable's name looks like a pasted key.
    #[error("`api_key_env` takes the name of an environment variable, not a key")]
    Pasted,
    /// The file cannot be read.
    #[error("the key file `{0}` cannot be read: {1}")]
    File(String, String),
    /// The key holds characters that cannot go into a header.
    #[error("the key from `{0}` holds characters that a header cannot carry")]
    Characters(String),
}

impl Secret {
    /// Reads the environment variable `name`.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        if !is_variable_name(name) {
            return Err(SecretError::Pasted);
        }
        let value = std::env::var(name).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(SecretError::Unset(name.to_owned()));
        }
        Self::checked(value.trim(), name)
    }

    /// Reads the first line of the file at `path`.
    pub fn from_file(path: &str) -> Result<Self, SecretError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SecretError::File(path.to_owned(), error.to_string()))?;
        Self::checked(text.lines().next().unwrap_or_default().trim(), path)
    }

    fn checked(value: &str, origin: &str) -> Result<Self, SecretError> {
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretError::Characters(origin.to_owned()));
        }
        Ok(Self(value.into()))
    }

    /// The secret itself, for the one place that builds the header.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether `name` can be the name of an environment variable; pasted keys have dashes or lower case
/// letters mixed with digits, names have neither.
fn is_variable_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_');
    first
        && name.len() <= 128
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::checked("sk-very-private", "TEST").unwrap();
        assert_eq!(format!("{secret:?} {secret}"), "Secret(..) (secret)");
    }

    #[test]
    fn a_pasted_key_is_refused_without_being_repeated() {
        let error = Secret::from_env("sk-abc123").unwrap_err();
        assert_eq!(error, SecretError::Pasted);
        assert!(!error.to_string().contains("abc123"));
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "abc\nsecond line\n").unwrap();
        assert_eq!(Secret::from_file(path.to_str().unwrap()).unwrap().expose(), "abc");
        std::fs::write(&path, "a\u{7f}b\n").unwrap();
        assert!(Secret::from_file(path.to_str().unwrap()).is_err());
    }
}
