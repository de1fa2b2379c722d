//! What is wrong with a specification: where, what, and what to do.

use std::fmt;

/// Something that has the right form and still makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key as a dotted path with places in lists, such as `attribute.2.normal.sd`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// A problem with one key.
    pub fn new(
        key: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.message, self.hint)
    }
}

impl std::error::Error for Problem {}

/// Why there is no population.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no specification: an unknown key, a wrong type, or no TOML at all.
    #[error("{message}")]
    Form {
        /// The dotted path of the key, as far as known.
        key: String,
        /// What is wrong.
        message: String,
        /// The bytes of the text that are meant, where known.
        span: Option<std::ops::Range<usize>>,
    },
    /// The specification makes no sense; every problem found in one pass.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
    /// A table could not be read or written.
    #[error(transparent)]
    Data(#[from] throng_data::Error),
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An agent has no value that the specification permits.
    #[error("agent {agent}: {message}")]
    Agent {
        /// The agent.
        agent: u32,
        /// What is wrong and what to do.
        message: String,
    },
    /// A model was asked for backgrounds, and not everybody has one.
    #[error("{stop}; no population was written")]
    Stopped {
        /// Why asking ended.
        stop: crate::generate::Stop,
    },
    /// Something is larger than this program handles.
    #[error("{what} is {found}, and the limit is {limit}")]
    Limit {
        /// What was counted.
        what: String,
        /// The count.
        found: u64,
        /// The named limit.
        limit: u64,
    },
}

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn file(
        action: &'static str,
        path: &std::path::Path,
        source: std::io::Error,
    ) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
