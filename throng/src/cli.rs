//! The command line: what was typed becomes what is meant, and every command ends with a documented code.

mod arguments;
mod check;
mod completions;
mod diff;
mod doctor;
mod exit;
mod failure;
mod fork;
mod host;
mod interrupt;
mod interview;
mod launch;
mod list;
mod node;
pub(crate) mod output;
mod plan;
mod play_arguments;
mod population;
mod recorded;
mod replay;
mod report;
mod resume;
mod run;
mod runs;
mod scenarios;
mod schema;
mod serve_mock;
mod status;
mod story;
mod telling;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use throng_systems::Scenario;

use arguments::{Arguments, Command};
use exit::Exit;
use failure::Failure;
use output::Results;

/// Runs the command line with these scenarios and says how the process should end.
pub(crate) fn main(scenarios: &[Scenario]) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let results = Results::stdout();
    let ended = dispatch(arguments.command, scenarios, &results);
    let ended = ended.and_then(|exit| results.finish().map(|()| exit));
    ended.unwrap_or_else(|failure| failure.tell()).into()
}

fn dispatch(command: Command, scenarios: &[Scenario], results: &Results) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments, scenarios, results),
        Command::Check(arguments) => check::run(&arguments, scenarios, results),
        Command::Plan(arguments) => plan::run(&arguments, scenarios, results),
        Command::Resume(arguments) => resume::run(&arguments, scenarios, results),
        Command::Replay(arguments) => replay::run(&arguments, scenarios, results),
        Command::Node(arguments) => node::run(&arguments, scenarios, results),
        Command::Host(arguments) => host::run(&arguments, results),
        Command::Launch(arguments) => launch::run(&arguments, scenarios, results),
        Command::Fork(arguments) => fork::run(&arguments, scenarios, results),
        Command::Interview(arguments) => interview::run(&arguments, scenarios, results),
        Command::List(arguments) => list::run(&arguments, results),
        Command::Status(arguments) => status::run(&arguments, results),
        Command::Report(arguments) => report::run(&arguments, results),
        Command::Verify(arguments) => verify::run(&arguments, results),
        Command::Diff(arguments) => diff::run(&arguments, results),
        Command::Story(arguments) => story::run(&arguments, results),
        Command::Population(arguments) => population::run(&arguments, results),
        Command::Scenarios(arguments) => Ok(scenarios::run(&arguments, scenarios, results)),
        Command::Schema(arguments) => schema::run(&arguments, scenarios, results),
        Command::Completions(arguments) => Ok(completions::run(&arguments, results)),
        Command::ServeMock(arguments) => serve_mock::run(&arguments, results),
        Command::Doctor(arguments) => doctor::run(&arguments, scenarios, results),
    }
}

/// Shows help, a version or what is wrong with the arguments.
fn usage(error: &clap::Error) -> Exit {
    let to_stderr = error.use_stderr();
    // Where nobody reads it, there is nobody to tell.
    let _ = error.print();
    if to_stderr { Exit::Usage } else { Exit::Done }
}
