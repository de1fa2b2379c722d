//! The command line of `cargo xtask`: one command per thing that CI or a contributor runs.

mod checks;
mod msrv;
mod python;
mod report;
mod shell;
mod suite;
mod tools;

use anyhow::{Result, bail};
use report::Report;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command> [arguments]

  test [--fast] [nextest arguments]   install what the tests need and run all of them;
                                      --fast leaves out the tests that need Python
  e2e [nextest arguments]             only the end-to-end tests
  crash [--points N] [--seed S]       kill real runs at N seeded points; 200 and 1 where nothing is said
  ci [part]...                        every check that is no test of behaviour, or the named parts
  bench [criterion arguments]         the benches
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        report::line(USAGE);
        return ExitCode::from(2);
    };
    match dispatch(command, rest) {
        Ok(report) if report.passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            report::line(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Runs one command to its end and prints its summary.
fn dispatch(command: &str, rest: &[String]) -> Result<Report> {
    let report = match command {
        "test" => suite::test(rest),
        "e2e" => suite::end_to_end(rest),
        "crash" => suite::crash(rest)?,
        "ci" => checks::run_parts(rest)?,
        "bench" => suite::bench(rest),
        "help" | "--help" | "-h" => {
            report::line(USAGE);
            return Ok(Report::new("help"));
        }
        unknown => bail!("no command `{unknown}`\n\n{USAGE}"),
    };
    report.print_summary();
    Ok(report)
}
