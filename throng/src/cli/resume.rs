//! `throng resume`: goes on with a run after its last committed round.

use clap::Args;
use throng_data::{RunState, RunStatus};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Results, note};
use super::recorded;
use super::run::{exit, plan};
use super::runs::{RunArgument, rounds_committed};
use super::telling::Telling;
use crate::config::Override;
use crate::play::{StopFlag, resume};

/// Arguments of `throng resume`.
#[derive(Args, Debug)]
pub(super) struct ResumeArguments {
    #[command(flatten)]
    run: RunArgument,
    /// Change what may be spent or how servers are called, such as `budget.usd_max=50`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Compute threads; 0 takes one per core [default: 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    threads: Option<String>,
    /// Worlds that play the run together [default: 1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    shards: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// Goes on to the run's end or until it is stopped again.
pub(super) fn run(
    arguments: &ResumeArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    if run.is_of_hosts() {
        return Err(Failure::Arguments(format!(
            "{} is played by hosts: go on with `throng node` and the arguments that it began with; one host is enough",
            run.path().display()
        )));
    }
    let standing = run.standing()?;
    if standing.state == RunState::Ended(RunStatus::Done) {
        let rounds = rounds_committed(&standing);
        note(&format!(
            "{} is done: all of its {rounds} rounds are committed",
            run.path().display()
        ));
        return Ok(Exit::Done);
    }
    let execution = execution(arguments.threads.as_deref(), arguments.shards.as_deref());
    let resolved = recorded::resolved(&run, &arguments.set, execution, scenarios)?;
    let stop = StopFlag::default();
    interrupt::listen(stop.clone())?;
    let mut watch = arguments.telling.watchers(&resolved, results, &stop);
    let plan = plan(resolved, standing.manifest.run_id.clone());
    let end = resume(plan, &run, stop.clone(), &mut watch)?;
    Ok(exit(&end, &stop))
}

/// Where and how the run is played, as typed.
pub(super) fn execution(threads: Option<&str>, shards: Option<&str>) -> Vec<Override> {
    let flags = [("--threads", "run.threads", threads), ("--shards", "run.shards", shards)];
    let given = flags
        .into_iter()
        .filter_map(|(flag, path, text)| text.map(|text| Override::flag(flag, path, text)));
    given.collect()
}
