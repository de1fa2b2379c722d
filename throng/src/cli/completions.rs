//! `throng completions`: completions for shells.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::arguments;
use super::exit::Exit;
use super::output::Results;

/// Arguments of `throng completions`.
#[derive(Args, Debug)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints a script that the shell reads.
pub(super) fn run(arguments: &CompletionsArguments, results: &Results) -> Exit {
    let mut command = arguments::Arguments::command();
    let name = program().unwrap_or_else(|| command.get_name().to_owned());
    let mut script = Vec::new();
    generate(arguments.shell, &mut command, name, &mut script);
    results.line(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}

/// The name under which this program was called: an author's own has its own.
fn program() -> Option<String> {
    let program = std::env::args_os().next()?;
    let name = std::path::Path::new(&program).file_stem()?;
    name.to_str().map(str::to_owned)
}
