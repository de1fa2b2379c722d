//! `throng run`: plays a scenario.

use std::path::Path;

use clap::Args;
use throng_data::{RunId, Utc};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Results, note};
use super::play_arguments::PlayArguments;
use super::telling::Telling;
use crate::config::{Resolved, resolve};
use crate::play::{Plan, RunEnd, RunStatus, StopFlag, StopReason, play};

/// Runs of one configuration that may begin within one second in one folder.
const SAME_SECOND_MAX: u32 = 99;

/// Arguments of `throng run`.
#[derive(Args, Debug)]
pub(super) struct RunArguments {
    #[command(flatten)]
    play: PlayArguments,
    /// Name of the run's directory [default: time, scenario and a hash of the configuration]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// Plays a run to its end or until it is stopped.
pub(super) fn run(
    arguments: &RunArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let resolved = resolve(&arguments.play.request(scenarios)?, scenarios)?;
    let run_id = run_id(arguments.run_id.as_deref(), &resolved)?;
    let stop = StopFlag::default();
    interrupt::listen(stop.clone())?;
    let mut watch = arguments.telling.watchers(&resolved, results, &stop);
    let end = play(plan(resolved, run_id.to_string()), stop.clone(), &mut watch)?;
    Ok(exit(&end, &stop))
}

pub(super) fn plan(resolved: Resolved, run_id: String) -> Plan {
    let Resolved { config, execution, scenario, prepared, cast, people, changes, .. } = resolved;
    Plan {
        config,
        scenario,
        prepared,
        cast,
        people,
        changes,
        run_id,
        out: execution.out,
        threads: execution.threads,
        shards: execution.shards,
        bridge: execution.bridge,
    }
}

/// The name that was asked for, or a new one.
pub(super) fn run_id(asked: Option<&str>, resolved: &Resolved) -> Result<RunId, Failure> {
    let out = &resolved.execution.out;
    if let Some(asked) = asked {
        let id = RunId::new(asked)?;
        let path = out.join(id.as_str());
        // Before anything is computed; creating the directory looks again.
        return if path.exists() {
            Err(throng_data::Error::RunExists { path }.into())
        } else {
            Ok(id)
        };
    }
    let config = &resolved.config;
    let id = RunId::generate(Utc::now(), &config.run.scenario, &config.sha256())?;
    unused(out, id)
}

/// The name, with a number behind it when a run of this second has it.
fn unused(out: &Path, id: RunId) -> Result<RunId, Failure> {
    let mut free = id.clone();
    for number in 2..=SAME_SECOND_MAX {
        if !out.join(free.as_str()).exists() {
            break;
        }
        free = RunId::new(format!("{id}-{number}"))?;
    }
    Ok(free)
}

/// The code with which a run ends; where models failed it, with a word on how to find out why.
pub(super) fn exit(end: &RunEnd, stop: &StopFlag) -> Exit {
    match end.status {
        RunStatus::Done => Exit::Done,
        RunStatus::Interrupted if stop.reason() == Some(StopReason::ReaderGone) => Exit::ReaderGone,
        RunStatus::Interrupted => Exit::Interrupted,
        RunStatus::TooManyFailures => {
            let config = end.directory.join("run.toml");
            note(&format!(
                "`throng doctor --config {}` asks the servers what is wrong, and `throng resume` goes on",
                config.display()
            ));
            Exit::TooManyFailures
        }
        RunStatus::OutOfBudget => Exit::OutOfBudget,
    }
}
