//! What can go wrong with tables and run directories, ordered by who can put it right.

use crate::journal::AppendError;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Who has to act before the same call can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something that cannot be: a name, a folder, a run that exists.
    Settings,
    /// A table does not fit its rules or the schema that the run started with.
    Table,
    /// A file in the run directory is not what its record says.
    File,
    /// Another process holds the run or has committed the round.
    Rival,
    /// The operating system refused: disk full, no permission, a failing device.
    System,
    /// This crate broke its own promise.
    Bug,
}

/// One failure, always with the file or table it happened to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that would end up in a path or a column is not allowed.
    #[error("the {what} `{name}` is not allowed: {rule}")]
    Name {
        /// What is named: `run id`, `scenario`, `table`, `column`.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The folder that should take the run directories cannot be used.
    #[error("cannot use `{}` as the output folder: {problem}", path.display())]
    OutFolder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A run of that id is already there.
    #[error("the run `{}` already exists", path.display())]
    RunExists {
        /// The run directory.
        path: PathBuf,
    },
    /// There is no run directory at that path.
    #[error("`{}` is not a run directory: {problem}", path.display())]
    NotARun {
        /// The path.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A count is above a limit of the format.
    #[error("{what} is {found}, and the limit is {limit}")]
    Limit {
        /// What was counted.
        what: String,
        /// The count.
        found: u64,
        /// The named limit.
        limit: u64,
    },
    /// A table breaks the rules for tables.
    #[error("table `{table}`: {problem}")]
    Table {
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A column breaks the rules for columns.
    #[error("table `{table}`, column `{column}`: {problem}")]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A table differs from the schema that is frozen for the run.
    #[error("table `{table}`, column `{column}`: the schema is frozen for the run: {change}")]
    SchemaChanged {
        /// The table.
        table: String,
        /// The first column that differs.
        column: String,
        /// How it differs.
        change: String,
    },
    /// The numbers of a round do not add up.
    #[error("round {round}: {problem}")]
    Accounting {
        /// The round.
        round: u32,
        /// The identity that does not hold.
        problem: String,
    },
    /// A round was handed over out of order.
    #[error("`{}`: round {found} was handed over where round {expected} is next", path.display())]
    RoundOrder {
        /// The run directory.
        path: PathBuf,
        /// The round that comes next.
        expected: u32,
        /// The round that came.
        found: u32,
    },
    /// A file holds something else than it should.
    #[error("`{}` cannot be read: {problem}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A round that was never committed was asked for.
    #[error("`{}` has no committed round {round}", path.display())]
    NoSuchRound {
        /// The run directory.
        path: PathBuf,
        /// The round.
        round: u32,
    },
    /// Another process works on the run.
    #[error("the run `{}` is in use by {holder}", path.display())]
    Locked {
        /// The run directory.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        holder: String,
    },
    /// Another attempt has committed the round; what this one holds is void.
    #[error("round {round} was committed by another attempt: `{}`", path.display())]
    Fenced {
        /// The commit record that exists.
        path: PathBuf,
        /// The round.
        round: u32,
        /// The attempt that made the record.
        committed_by: String,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`: {}", path.display(), reason(source))]
    Io {
        /// What was attempted, as a verb: `write`, `create`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The thread that writes has ended without saying why.
    #[error("the writer of `{}` stopped before it had written everything", path.display())]
    WriterStopped {
        /// The run directory.
        path: PathBuf,
    },
    /// The journal of completions takes nothing more.
    #[error("`{}`: {source}", path.display())]
    Journal {
        /// The journal's folder.
        path: PathBuf,
        /// What happened.
        source: AppendError,
    },
    /// The encoder refused columns that had passed the checks.
    #[error("cannot encode `{}`: {problem}", path.display())]
    Encode {
        /// The file that was to be written.
        path: PathBuf,
        /// What the encoder said.
        problem: String,
    },
}

impl Error {
    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Name { .. }
            | Self::OutFolder { .. }
            | Self::RunExists { .. }
            | Self::NotARun { .. }
            | Self::Limit { .. }
            | Self::NoSuchRound { .. } => Fault::Settings,
            Self::Table { .. }
            | Self::Column { .. }
            | Self::SchemaChanged { .. }
            | Self::Accounting { .. } => Fault::Table,
            Self::Corrupt { .. } => Fault::File,
            Self::Locked { .. } | Self::Fenced { .. } => Fault::Rival,
            Self::Io { .. } | Self::Journal { .. } => Fault::System,
            Self::RoundOrder { .. } | Self::WriterStopped { .. } | Self::Encode { .. } => {
                Fault::Bug
            }
        }
    }

    /// What the user can do about it, as one sentence without a full stop.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OutFolder { .. } => Some("choose another folder with `--out`"),
            Self::RunExists { .. } => Some("choose another `--run-id`, or leave it out"),
            Self::NotARun { .. } => Some("`throng list` shows the runs of a folder"),
            Self::SchemaChanged { .. } => {
                Some("start a new run, or record the new column in a table of its own")
            }
            Self::Corrupt { .. } => Some("`throng verify` says which files of the run are whole"),
            Self::Locked { .. } => Some("wait for that process or stop it; nothing was changed"),
            Self::Fenced { .. } => {
                Some("another process has gone on with this run; look at it with `throng status`")
            }
            Self::Io { source, .. } => io_hint(source),
            _ => None,
        }
    }

    /// Wraps a refusal of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// Names a file that does not hold what it should.
    pub(crate) fn corrupt(path: &Path, problem: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), problem: problem.into() }
    }
}

/// The refusal in the words of a user; the system's own words for everything rare.
fn reason(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::FileTooLarge => "the file would be larger than allowed".to_owned(),
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        _ => source.to_string(),
    }
}

fn io_hint(source: &io::Error) -> Option<&'static str> {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space and play again; every committed round is intact")
        }
        io::ErrorKind::PermissionDenied => {
            Some("check who owns the folder, or choose another one with `--out`")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
            Some("choose another folder with `--out`")
        }
        io::ErrorKind::FileTooLarge => Some("raise the limit on file sizes (`ulimit -f`)"),
        _ => None,
    }
}
