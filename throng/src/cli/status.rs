//! `throng status`: where a run stands.

use clap::Args;
use throng_data::{Projection, RunDir};

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
    let (manifest, state) = (run.manifest()?, run.state()?);
    let last = last_figures(&run, rounds_committed(&manifest))?;
    if arguments.json {
        let mut object = object(run.path(), &manifest, state);
        object["schema"] = SCHEMA.into();
        object["kind"] = "status".into();
        object["last_round"] = last.map_or(serde_json::Value::Null, |row| row.json());
        results.line(&object.to_string());
        return Ok(Exit::Done);
    }
    let (origin, commits) = (&manifest.origin, &manifest.commits);
    let rounds = format!("{} of {}", rounds_committed(&manifest), origin.rounds);
    let size = format!("{} in {} files", bytes_in_words(commits.bytes), commits.files);
    let hash = commits.state_hash.clone().unwrap_or_else(|| "none yet".to_owned());
    let rows = [
        ("run", manifest.run_id.clone()),
        ("state", state_name(state).to_owned()),
        ("scenario", format!("{} {}", origin.scenario, origin.scenario_version)),
        ("agents", grouped(origin.agents)),
        ("rounds", rounds),
        ("seed", origin.seed.to_string()),
        ("created", manifest.created.clone()),
        ("updated", manifest.updated.clone()),
        ("tables", size),
        ("state hash", hash),
    ];
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    results.lines(table(&rows));
    Ok(Exit::Done)
}

/// The figures of everyone in the last round, if there is one.
fn last_figures(run: &RunDir, round: u32) -> Result<Option<Row>, Failure> {
    if round == 0 {
        return Ok(None);
    }
    let table = run.read_rounds(round, Projection::All)?;
    Ok(Row::everyone(&Row::of_run(&table)).cloned())
}
