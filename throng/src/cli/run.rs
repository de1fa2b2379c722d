//! `throng run`: plays a scenario.

use std::path::Path;

use clap::Args;
use throng_data::{RunId, Utc};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::Results;
use super::play_arguments::PlayArguments;
use crate::config::{Resolved, resolve};
use crate::play::{Plan, RunEnd, RunStatus, StopFlag, StopReason, play};
use crate::watch::{JsonLines, Pictures, Terminal, Watchers, answer_range};

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
    /// Write an object per round and a final one
    #[arg(long)]
    json: bool,
    /// Write nothing but errors
    #[arg(short, long, conflicts_with_all = ["verbose", "json"])]
    quiet: bool,
    /// Write a line for every group too
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,
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
    let mut watch = watchers(arguments, &resolved, results, &stop);
    let end = play(plan(resolved, run_id), stop.clone(), &mut watch)?;
    Ok(exit(&end, &stop))
}

fn plan(resolved: Resolved, run_id: RunId) -> Plan {
    let Resolved { config, execution, scenario, prepared, cast, .. } = resolved;
    Plan {
        config,
        scenario,
        prepared,
        cast,
        run_id: run_id.to_string(),
        out: execution.out,
        threads: execution.threads,
        shards: execution.shards,
        bridge: execution.bridge,
    }
}

fn watchers(
    arguments: &RunArguments,
    resolved: &Resolved,
    results: &Results,
    stop: &StopFlag,
) -> Watchers {
    let range = answer_range(&resolved.config.scenario);
    let (results, stop) = (results.clone(), stop.clone());
    let mut watch = Watchers::default();
    if arguments.json {
        watch.0.push(Box::new(JsonLines::new(results, stop)));
    } else if !arguments.quiet {
        watch.0.push(Box::new(Terminal::new(results, stop, arguments.verbose, range)));
    }
    if resolved.execution.report {
        // First, so that the pictures lie there when the others say that the run has ended.
        watch.0.insert(0, Box::new(Pictures::new(range)));
    }
    watch
}

/// The name that was asked for, or a new one.
fn run_id(asked: Option<&str>, resolved: &Resolved) -> Result<RunId, Failure> {
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

fn exit(end: &RunEnd, stop: &StopFlag) -> Exit {
    match end.status {
        RunStatus::Done => Exit::Done,
        RunStatus::Interrupted if stop.reason() == Some(StopReason::ReaderGone) => Exit::ReaderGone,
        RunStatus::Interrupted => Exit::Interrupted,
        RunStatus::TooManyFailures => Exit::TooManyFailures,
        RunStatus::OutOfBudget => Exit::OutOfBudget,
    }
}
