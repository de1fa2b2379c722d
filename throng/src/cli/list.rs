//! `throng list`: the runs of a folder.

use clap::Args;
use serde_json::json;
use throng_data::{ListedRun, list_runs};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, note, table};
use super::runs::{FolderArgument, object, rounds_committed, state_name};
use crate::config::bytes_in_words;
use crate::figures::grouped;
use crate::watch::SCHEMA;

/// Arguments of `throng list`.
#[derive(Args, Debug)]
pub(super) struct ListArguments {
    #[command(flatten)]
    folder: FolderArgument,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Lists runs by name, which is by time where names were not chosen.
pub(super) fn run(arguments: &ListArguments, results: &Results) -> Result<Exit, Failure> {
    let folder = arguments.folder.path();
    // A folder that no run has made yet holds no runs.
    let runs = if folder.exists() { list_runs(folder)? } else { Vec::new() };
    if arguments.json {
        let runs: Vec<_> = runs.iter().map(entry).collect();
        results.line(&json!({ "schema": SCHEMA, "kind": "list", "runs": runs }).to_string());
    } else if runs.is_empty() {
        note(&format!("no runs in {}", folder.display()));
    } else {
        let header = ["run", "state", "scenario", "agents", "rounds", "size"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(header.to_vec()).chain(runs.iter().map(row)).collect();
        results.lines(table(&rows));
        for error in runs.iter().filter_map(|run| run.found.as_ref().err()) {
            note(&format!("warning: {error}"));
        }
    }
    Ok(Exit::Done)
}

fn name(run: &ListedRun) -> String {
    run.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn entry(run: &ListedRun) -> serde_json::Value {
    match &run.found {
        Ok((manifest, state)) => object(&run.path, manifest, *state),
        Err(error) => {
            json!({ "run": name(run), "directory": run.path, "state": "broken", "error": error.to_string() })
        }
    }
}

fn row(run: &ListedRun) -> Vec<String> {
    match &run.found {
        Ok((manifest, state)) => vec![
            name(run),
            state_name(*state).to_owned(),
            manifest.origin.scenario.clone(),
            grouped(manifest.origin.agents),
            format!("{}/{}", rounds_committed(manifest), manifest.origin.rounds),
            bytes_in_words(manifest.commits.bytes),
        ],
        Err(_) => vec![name(run), "broken".to_owned()],
    }
}
