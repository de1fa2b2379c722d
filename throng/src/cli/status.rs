//! `throng status`: where a run stands.

use clap::Args;
use throng_data::{Parent, Projection, RunDir};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, table};
use super::runs::{RunArgument, object, rounds_committed, state_name};
use crate::config::bytes_in_words;
use crate::figures::{Row, grouped};
use crate::watch::SCHEMA;

/// Arguments of `throng status`.
#[derive(Args, Debug)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    run: RunArgument,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Shows what the manifest and the commit records say.
pub(super) fn run(arguments: &StatusArguments, results: &Results) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let standing = run.standing()?;
    let last = last_figures(&run, rounds_committed(&standing))?;
    if arguments.json {
        let mut object = object(run.path(), &standing);
        object["schema"] = SCHEMA.into();
        object["kind"] = "status".into();
        object["last_round"] = last.map_or(serde_json::Value::Null, |row| row.json());
        results.line(&object.to_string());
        return Ok(Exit::Done);
    }
    let manifest = &standing.manifest;
    let (origin, commits) = (&manifest.origin, &manifest.commits);
    let rounds = format!("{} of {}", rounds_committed(&standing), origin.rounds);
    let size = format!("{} in {} files", bytes_in_words(commits.bytes), commits.files);
    let hash = commits.state_hash.clone().unwrap_or_else(|| "none yet".to_owned());
    let rows = [
        ("run", manifest.run_id.clone()),
        ("state", state_name(standing.state).to_owned()),
        ("scenario", format!("{} {}", origin.scenario, origin.scenario_version)),
        ("agents", grouped(origin.agents)),
        ("rounds", rounds),
        ("seed", origin.seed.to_string()),
        ("created", manifest.created.clone()),
        ("updated", manifest.updated.clone()),
        ("tables", size),
        ("state hash", hash),
    ];
    let parent = origin.parent.as_ref().map(|parent| ("parent", forked(parent)));
    let rows: Vec<Vec<String>> =
        rows.into_iter().chain(parent).map(|(name, value)| vec![name.to_owned(), value]).collect();
    results.lines(table(&rows));
    Ok(Exit::Done)
}

/// Where a fork comes from, and what was changed.
fn forked(parent: &Parent) -> String {
    let Parent { run_id, round, change } = parent;
    let change = if change.is_empty() { "no change".to_owned() } else { change.join(", ") };
    format!("{run_id} after round {round}, with {change}")
}

/// The figures of everyone in the last round, if there is one.
fn last_figures(run: &RunDir, round: u32) -> Result<Option<Row>, Failure> {
    if round == 0 {
        return Ok(None);
    }
    let table = run.read_rounds(round, Projection::All)?;
    Ok(Row::everyone(&Row::of_run(&table)).cloned())
}
