//! The codes with which the process ends; `docs/cli.md` and `--help` list them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The arguments or the configuration are wrong.
    Usage = 2,
    /// More replies failed than allowed.
    TooManyFailures = 3,
    /// A budget is used up.
    OutOfBudget = 4,
    /// No endpoint could be reached before the start.
    Unreachable = 5,
    /// Interrupted.
    Interrupted = 130,
    /// Nobody read the results to the end.
    ReaderGone = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// Ends the process without waiting for anything.
    pub(crate) fn at_once(self) -> ! {
        std::process::exit(i32::from(self as u8))
    }
}
