//! `throng fork`: plays on from a round of a run, with something changed.

use std::path::{Path, PathBuf};

use clap::Args;
use throng_data::{RunDir, RunState};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::Results;
use super::recorded::Recorded;
use super::resume::execution;
use super::run::{exit, plan, run_id};
use super::runs::{RunArgument, rounds_committed};
use super::telling::Telling;
use crate::config::{ConfigError, Override, Resolved, ResolvedConfig, branch};
use crate::play::{StopFlag, fork};

/// Arguments of `throng fork`.
#[derive(Args, Debug)]
pub(super) struct ForkArguments {
    #[command(flatten)]
    run: RunArgument,
    /// The last round that the fork shares with its parent; 0 for none
    #[arg(long, value_name = "K")]
    at: u32,
    /// Change a key of the configuration from round K + 1 on, such as scenario.ratio=1/2; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Number of rounds, the shared ones included [default: the parent's]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    rounds: Option<String>,
    /// Name of the fork's directory [default: time, scenario and a hash of the configuration]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Compute threads; 0 takes one per core [default: 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    threads: Option<String>,
    /// Worlds that play the run together [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shards: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// Plays the fork to its end or until it is stopped.
pub(super) fn run(
    arguments: &ForkArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let parent = arguments.run.open()?;
    check_parent(&parent, arguments.at)?;
    let (resolved, change) = resolved(arguments, &parent, scenarios)?;
    let run_id = run_id(arguments.run_id.as_deref(), &resolved)?;
    let stop = StopFlag::default();
    interrupt::listen(stop.clone())?;
    let mut watch = arguments.telling.watchers(&resolved, results, &stop);
    let plan = plan(resolved, run_id.to_string());
    let end = fork(plan, (&parent, arguments.at), change, stop.clone(), &mut watch)?;
    Ok(exit(&end, &stop))
}

/// Sees whether the parent has stopped and has the round.
fn check_parent(parent: &RunDir, at: u32) -> Result<(), Failure> {
    let standing = parent.standing()?;
    let path = parent.path().display();
    if standing.state == RunState::Running {
        let told = format!("the run `{path}` is being played; fork it once it has stopped");
        return Err(Failure::Arguments(told));
    }
    let last = rounds_committed(&standing);
    if at > last {
        let told = format!("--at {at}: the run `{path}` has committed rounds 1 to {last}");
        return Err(Failure::Arguments(told));
    }
    Ok(())
}

/// The parent's configuration with what was set anew, and how that was typed.
fn resolved(
    arguments: &ForkArguments,
    parent: &RunDir,
    scenarios: &[Scenario],
) -> Result<(Resolved, Vec<String>), Failure> {
    let at = arguments.at;
    let recorded = Recorded::open(parent, scenarios)?;
    let set = arguments.set.iter().map(|text| Override::set(text).map_err(ConfigError::from));
    let mut set: Vec<Override> = set.collect::<Result<_, _>>()?;
    let rounds = arguments.rounds.as_deref();
    set.extend(rounds.map(|text| Override::flag("--rounds", "run.rounds", text)));
    let change = set.iter().map(Override::shown).collect();
    let mut overrides = branch(&recorded.table()?, at, set)?;
    overrides.extend(execution(arguments.threads.as_deref(), arguments.shards.as_deref()));
    overrides.push(Override::text("--out", "run.out", &beside(parent).display().to_string()));
    let resolved = recorded.resolve(overrides, scenarios)?;
    check_shared(&recorded.plain.config, &resolved.config, at)?;
    Ok((resolved, change))
}

/// The folder that the parent lies in.
fn beside(parent: &RunDir) -> PathBuf {
    let path = std::path::absolute(parent.path()).unwrap_or_else(|_| parent.path().to_owned());
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

/// Refuses what would have changed the shared rounds.
fn check_shared(parent: &ResolvedConfig, fork: &ResolvedConfig, at: u32) -> Result<(), Failure> {
    let refuse = |told: String| Err(Failure::Arguments(told));
    if fork.run.rounds < at {
        let rounds = fork.run.rounds;
        return refuse(format!("--rounds {rounds}: the fork shares {at} rounds with its parent"));
    }
    if fork.run.agents != parent.run.agents {
        let (had, has) = (parent.run.agents, fork.run.agents);
        return refuse(format!("the fork would have {has} agents, and its parent has {had}"));
    }
    let shared = |config: &ResolvedConfig| {
        let list = config.interventions.iter();
        list.filter(|entry| entry.round <= at).cloned().collect::<Vec<_>>()
    };
    if shared(parent) != shared(fork) {
        return refuse(format!(
            "interventions of rounds 1 to {at} are the parent's; give new ones a later round"
        ));
    }
    Ok(())
}
