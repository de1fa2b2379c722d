//! `throng verify`: proves a run whole, or says what is not.

use clap::Args;
use serde_json::json;
use throng_data::{Problem, Report};

use super::exit::Exit;
use super::failure::Failure;
use super::output::Results;
use super::runs::RunArgument;
use crate::config::bytes_in_words;
use crate::figures::grouped;
use crate::watch::SCHEMA;

/// Arguments of `throng verify`.
#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    run: RunArgument,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Hashes, counts and derives everything again; fails when something differs.
pub(super) fn run(arguments: &VerifyArguments, results: &Results) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let report = run.verify();
    if arguments.json {
        results.line(&object(&report).to_string());
    } else {
        results.lines(text(&report));
    }
    Ok(if report.is_whole() { Exit::Done } else { Exit::Failed })
}

fn object(report: &Report) -> serde_json::Value {
    let problem = |problem: &Problem| {
        json!({
            "path": problem.path,
            "check": format!("{:?}", problem.check).to_lowercase(),
            "expected": problem.expected,
            "found": problem.found,
        })
    };
    json!({
        "schema": SCHEMA,
        "kind": "verify",
        "whole": report.is_whole(),
        "rounds": report.rounds,
        "files": report.files,
        "rows": report.rows,
        "bytes": report.bytes,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        "problems_unlisted": report.unlisted,
    })
}

fn text(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.problems.iter().map(Problem::to_string).collect();
    if report.unlisted > 0 {
        lines.push(format!("and {} more problems", grouped(report.unlisted)));
    }
    let looked = format!(
        "{} rounds, {} files, {} rows, {}",
        grouped(report.rounds),
        grouped(report.files),
        grouped(report.rows),
        bytes_in_words(report.bytes)
    );
    lines.push(match report.problems.len() {
        0 => format!("the run is whole: {looked}"),
        problems => format!("the run is not whole: {problems} problems in {looked}"),
    });
    lines
}
