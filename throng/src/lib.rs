//! Throng for scenario authors: the prelude to write a scenario with, and the command line to run it from.
//!
//! An author's own program is one line: `throng::cli(vec![my_scenario()])` gives it everything that the
//! `throng` binary has.
//!
#![doc = include_str!("../../README.md")]

// Derives write paths through the name under which other crates know this one.
extern crate self as throng;

mod cli;
pub mod config;
mod diff;
mod figures;
mod fleet;
pub mod play;
mod plot;
mod population;
mod select;
mod story;
mod watch;

use std::process::ExitCode;

pub use throng_engine as engine;
pub use throng_systems as systems;

/// What a scenario imports.
pub mod prelude {
    pub use throng_systems::prelude::*;
}

/// Runs the command line of this process with these scenarios, and says how the process should end.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     throng::cli(vec![/* my_scenario() */])
/// }
/// ```
pub fn cli(scenarios: Vec<systems::Scenario>) -> ExitCode {
    cli::main(&scenarios)
}
