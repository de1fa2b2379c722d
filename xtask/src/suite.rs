//! The tests, the end-to-end tests alone, and the benches.

use crate::report::{Outcome, Report, line};
use crate::shell::{cargo, run};
use crate::{python, tools};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Nextest's profile that leaves out the tests that need Python.
const FAST_PROFILE: &str = "fast";

/// Nextest's profile that keeps the end-to-end tests only.
const END_TO_END_PROFILE: &str = "e2e";

/// Installs what the tests need, then runs every test and every doc test.
pub(crate) fn test(arguments: &[String]) -> Report {
    let Selection { fast, further } = Selection::from(arguments);
    let mut report = Report::new("test");
    let Some(python) = prepare(&mut report, fast) else {
        return report;
    };
    let profile = if fast { FAST_PROFILE } else { "default" };
    report.part("tests", || nextest(profile, &python, &further));
    report.part("doc tests", || if further.is_empty() { doc_tests() } else { Ok(left_out()) });
    report
}

/// Runs only the tests that drive the real binary.
pub(crate) fn end_to_end(arguments: &[String]) -> Report {
    let mut report = Report::new("e2e");
    if let Some(python) = prepare(&mut report, false) {
        report.part("end-to-end tests", || nextest(END_TO_END_PROFILE, &python, arguments));
    }
    report
}

/// Kills runs of the real binary, and hosts of runs, at seeded points and sees that each ends as if nothing had died.
///
/// # Errors
/// When an argument is not known.
pub(crate) fn crash(arguments: &[String]) -> Result<Report> {
    let (mut points, mut seed) = ("200", "1");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().filter(|value| value.parse::<u64>().is_ok());
        match (argument.as_str(), value) {
            ("--points", Some(value)) => points = value,
            ("--seed", Some(value)) => seed = value,
            _ => bail!("`{argument}` is not one of --points N and --seed S"),
        }
    }
    let mut report = Report::new("crash");
    report.part("deaths", || {
        let mut command = cargo();
        command.args(["test", "--locked", "--package", "throng", "--test", "e2e", "--"]);
        command.args(["crash::whenever", "chaos::whenever", "--nocapture"]);
        command.env("THRONG_CRASH_POINTS", points).env("THRONG_CRASH_SEED", seed);
        run(&mut command)?;
        Ok(Outcome::Passed)
    });
    Ok(report)
}

/// Runs the benches; the arguments go to criterion.
pub(crate) fn bench(arguments: &[String]) -> Report {
    let mut report = Report::new("bench");
    report.part("benches", || {
        let mut command = cargo();
        command.args(["bench", "--locked", "--package", "throng-benches"]);
        if !arguments.is_empty() {
            // Only criterion's programs know its arguments, the library's own test program does not.
            command.args(["--bench", "*", "--"]).args(arguments);
        }
        run(&mut command)?;
        Ok(Outcome::Passed)
    });
    report
}

/// What was asked of `cargo xtask test`.
#[derive(Debug, PartialEq, Eq)]
struct Selection {
    fast: bool,
    further: Vec<String>,
}

impl From<&[String]> for Selection {
    fn from(arguments: &[String]) -> Self {
        let (fast, further): (Vec<&String>, Vec<&String>) =
            arguments.iter().partition(|argument| *argument == "--fast");
        Self { fast: !fast.is_empty(), further: further.into_iter().cloned().collect() }
    }
}

/// The Python that a run of the tests has.
enum Python {
    Without,
    Environment(PathBuf),
}

/// Installs what is missing; nothing is returned when that failed, which the report then says.
fn prepare(report: &mut Report, fast: bool) -> Option<Python> {
    let mut python = Python::Without;
    let ready = report.part("set-up", || {
        tools::ensure_nextest()?;
        if !fast {
            python = Python::Environment(python::ensure_environment()?);
        }
        Ok(Outcome::Passed)
    });
    ready.then_some(python)
}

fn nextest(profile: &str, python: &Python, further: &[String]) -> Result<Outcome> {
    let mut command = cargo();
    command.args(["nextest", "run", "--locked", "--workspace", "--profile", profile]);
    command.args(further).env_remove(python::VARIABLE);
    match python {
        Python::Environment(folder) => {
            command.env(python::VARIABLE, folder);
        }
        Python::Without => line("without Python: the tests named with_python are left out"),
    }
    run(&mut command)?;
    Ok(Outcome::Passed)
}

fn doc_tests() -> Result<Outcome> {
    run(cargo().args(["test", "--doc", "--locked", "--workspace"]))?;
    Ok(Outcome::Passed)
}

fn left_out() -> Outcome {
    Outcome::NotRun("the arguments choose among the other tests".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(arguments: &[&str]) -> Selection {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Selection::from(&*arguments)
    }

    #[test]
    fn fast_is_ours_and_the_rest_is_for_nextest() {
        let further = vec!["--no-capture".to_owned(), "reductions".to_owned()];
        assert_eq!(
            selection(&["--no-capture", "--fast", "reductions"]),
            Selection { fast: true, further: further.clone() }
        );
        assert_eq!(selection(&["--no-capture", "reductions"]), Selection { fast: false, further });
        assert_eq!(selection(&[]), Selection { fast: false, further: vec![] });
    }

    #[test]
    fn the_profiles_exist() {
        let path = crate::shell::workspace_root().join(".config/nextest.toml");
        let text = std::fs::read_to_string(path).unwrap();
        for profile in [FAST_PROFILE, END_TO_END_PROFILE] {
            assert!(text.contains(&format!("[profile.{profile}]")), "{profile}");
        }
    }
}
