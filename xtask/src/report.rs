//! What each part of a command came to, how long it took, and the lines that say so.

use anyhow::Result;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// What a part that did not fail has to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The part was carried out and found nothing wrong.
    Passed,
    /// The part could not be carried out here, for the reason given; the summary shows it.
    NotRun(String),
}

#[derive(Debug)]
enum Verdict {
    Passed,
    NotRun(String),
    Failed(String),
}

#[derive(Debug)]
struct Part {
    name: String,
    verdict: Verdict,
    took: Duration,
}

/// The parts of one command in the order in which they ran.
#[derive(Debug)]
pub(crate) struct Report {
    command: &'static str,
    parts: Vec<Part>,
}

impl Report {
    /// An empty report of `cargo xtask <command>`.
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, parts: Vec::new() }
    }

    /// Runs one part, keeps what came of it and says whether it passed; later parts run either way.
    pub(crate) fn part(&mut self, name: &str, work: impl FnOnce() -> Result<Outcome>) -> bool {
        line(&format!("── {} {name}", self.command));
        let start = Instant::now();
        let verdict = match work() {
            Ok(Outcome::Passed) => Verdict::Passed,
            Ok(Outcome::NotRun(reason)) => Verdict::NotRun(reason),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        let part = Part { name: name.to_owned(), verdict, took: start.elapsed() };
        line(&part.line());
        let passed = !matches!(part.verdict, Verdict::Failed(_));
        self.parts.push(part);
        passed
    }

    /// Whether no part failed.
    pub(crate) fn passed(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part.verdict, Verdict::Failed(_)))
    }

    /// Prints every part again with its time, then one line with the verdict.
    pub(crate) fn print_summary(&self) {
        if !self.parts.is_empty() {
            line(&self.summary());
        }
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            let _ = writeln!(text, "   {}", part.line());
        }
        let total: f64 = self.parts.iter().map(|part| part.took.as_secs_f64()).sum();
        let failed: Vec<&str> = self
            .parts
            .iter()
            .filter(|part| matches!(part.verdict, Verdict::Failed(_)))
            .map(|part| part.name.as_str())
            .collect();
        let verdict = if failed.is_empty() {
            "passed".to_owned()
        } else {
            format!("FAILED in {}", failed.join(", "))
        };
        let _ = write!(text, "cargo xtask {}: {verdict} ({total:.1} s)", self.command);
        text
    }
}

impl Part {
    fn line(&self) -> String {
        let took = self.took.as_secs_f64();
        match &self.verdict {
            Verdict::Passed => format!("{}: passed in {took:.1} s", self.name),
            Verdict::NotRun(reason) => format!("{}: not run, {reason}", self.name),
            Verdict::Failed(reason) => format!("{}: FAILED in {took:.1} s: {reason}", self.name),
        }
    }
}

/// Writes one line to standard error; a closed standard error is no reason to stop checking.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failure_does_not_stop_the_parts_after_it() {
        let mut report = Report::new("ci");
        assert!(report.part("fmt", || Ok(Outcome::Passed)));
        assert!(!report.part("clippy", || Err(anyhow!("exit status 1"))));
        assert!(report.part("msrv", || Ok(Outcome::NotRun("no such toolchain".to_owned()))));
        assert!(!report.passed());
        let summary = report.summary();
        assert!(summary.contains("clippy: FAILED"), "{summary}");
        assert!(summary.contains("msrv: not run, no such toolchain"), "{summary}");
        let last = summary.lines().last().unwrap();
        assert!(last.starts_with("cargo xtask ci: FAILED in clippy ("), "{last}");
    }

    #[test]
    fn a_part_that_could_not_run_is_shown_but_is_no_failure() {
        let mut report = Report::new("ci");
        report.part("msrv", || Ok(Outcome::NotRun("no such toolchain".to_owned())));
        assert!(report.passed());
        assert!(report.summary().contains("cargo xtask ci: passed"));
    }
}
