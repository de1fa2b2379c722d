//! `throng replay`: plays a run again from its records, without any network, and compares every round.

use clap::Args;
use serde_json::json;
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::output::Results;
use super::recorded;
use super::resume::execution;
use super::run::plan;
use super::runs::RunArgument;
use crate::play::{PlayError, replay};
use crate::watch::SCHEMA;

/// Arguments of `throng replay`.
#[derive(Args, Debug)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    run: RunArgument,
    /// Compute threads; 0 takes one per core [default: 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    threads: Option<String>,
    /// Worlds that play the run together [default: 1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    shards: Option<String>,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Exits well only if every committed round comes out bit for bit the same.
pub(super) fn run(
    arguments: &ReplayArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let execution = execution(arguments.threads.as_deref(), arguments.shards.as_deref());
    let resolved = recorded::resolved(&run, &[], execution, scenarios)?;
    let plan = plan(resolved, run.manifest()?.run_id);
    let mut same = 0;
    let diverged = match replay(&plan, &run, |round| same = round) {
        Ok(_) => None,
        Err(PlayError::Diverged { round }) => Some(round),
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        let object = json!({
            "schema": SCHEMA, "kind": "replay", "rounds_identical": same, "diverged": diverged,
        });
        results.line(&object.to_string());
    } else {
        results.line(&match diverged {
            None => format!("{same} rounds come out bit for bit the same"),
            Some(round) => format!("{same} rounds come out the same, round {round} does not"),
        });
    }
    Ok(if diverged.is_none() { Exit::Done } else { Exit::Failed })
}
