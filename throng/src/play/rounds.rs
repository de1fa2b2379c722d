//! The loop of a run: a round is played while the one before it is written and committed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use throng_data::{
    Accounting as Accounts, CallTotals, NewRun, Opening, RoundOutput, RoundWriter, RunId,
    WritableRun,
};
use throng_llm_bridge::budget::Spent;
use throng_llm_bridge::forecast::Forecast;
use throng_llm_bridge::{Stop, Totals};
use throng_systems::engine::{AgentRange, Digest, state_digest};
use throng_systems::{Accounting, Cause};

use super::ahead::Ahead;
use super::way::{Entrance, Journaled};
use super::worlds::{Played, Worlds};
use super::{Plan, PlayError, RoundReport, RunEnd, RunHead, RunStatus, StopFlag, Watch};
use super::{columns, origin};

/// Plays a run from its first round to its last, or to the end of the round in which it is asked to stop.
///
/// # Errors
/// When the run directory cannot be written or a system fails; committed rounds stay as they are.
pub fn play(plan: Plan, stop: StopFlag, watch: &mut dyn Watch) -> Result<RunEnd, PlayError> {
    let begun = Instant::now();
    let store = Arc::new(Journaled::default());
    let spent = Spent::default();
    let entrance = Entrance::alone(&plan, &stop);
    let way = entrance.open((Arc::clone(&store), spent), watch, |asked| Arc::new(asked) as _)?;
    let mut worlds = Worlds::new(&plan, way.as_ref().map(|way| &way.handle))?;
    let people = worlds.people()?;
    let new = NewRun {
        id: Some(RunId::new(plan.run_id.as_str())?),
        config_toml: plan.config.to_toml(),
        origin: origin::of(&plan, &worlds.prompts_text(), None),
    };
    let mut run = WritableRun::create(&plan.out, new)?;
    store.open(&plan, &mut run, Opening::Alone, watch)?;
    run.commit(before_first_round(&plan, people))?;
    // As the user wrote it, which is shorter than where it really is.
    let directory = plan.out.join(&plan.run_id);
    watch.started(&head(&plan, directory.clone()));
    let mut writer = RoundWriter::start(run)?;
    let from = Outcome::after(0, None);
    let played = play_rounds(&plan, &stop, watch, &mut worlds, &mut writer, from);
    end(played, writer, directory, begun, watch)
}

/// The run as it begins, or goes on.
pub(super) fn head(plan: &Plan, directory: PathBuf) -> RunHead {
    RunHead {
        run_id: plan.run_id.clone(),
        directory,
        scenario: plan.config.run.scenario.clone(),
        agents: plan.config.run.agents,
        rounds: plan.config.run.rounds,
    }
}

/// Waits until everything is written, and tells how the run ended.
pub(super) fn end(
    played: Result<Outcome, PlayError>,
    writer: RoundWriter,
    directory: PathBuf,
    begun: Instant,
    watch: &mut dyn Watch,
) -> Result<RunEnd, PlayError> {
    let status =
        played.as_ref().map_or(throng_data::RunStatus::Failed, |played| noted(played.status));
    let run = writer.finish(status);
    // What went wrong while playing came first, and explains what the writer says.
    let played = played?;
    let run = run?;
    if played.status == RunStatus::Done {
        run.forget_parent()?;
    }
    let end = RunEnd {
        status: played.status,
        rounds_committed: run.last_round().unwrap_or(0),
        directory,
        state_hash: played.state.map(|state| state.to_string()).unwrap_or_default(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    watch.finished(&end);
    Ok(end)
}

/// Where the rounds have come to.
pub(super) struct Outcome {
    status: RunStatus,
    round: u32,
    state: Option<Digest>,
}

impl Outcome {
    /// After a committed round, 0 for none.
    pub(super) fn after(round: u32, state: Option<Digest>) -> Self {
        Self { status: RunStatus::Done, round, state }
    }
}

/// Plays the rounds after `from`.
pub(super) fn play_rounds(
    plan: &Plan,
    stop: &StopFlag,
    watch: &mut dyn Watch,
    worlds: &mut Worlds,
    writer: &mut RoundWriter,
    from: Outcome,
) -> Result<Outcome, PlayError> {
    let Outcome { mut state, round: last, .. } = from;
    let mut ahead = Ahead::default();
    for round in last + 1..=plan.config.run.rounds {
        if stop.is_set() {
            return Ok(Outcome { status: RunStatus::Interrupted, round, state });
        }
        let begun = Instant::now();
        let played = match worlds.round()? {
            Ok(played) => played,
            Err(stop) => return Ok(Outcome { status: stopped(stop), round, state }),
        };
        let seconds = begun.elapsed().as_secs_f64();
        let (digest, accounting) = (state_digest(&played.blocks), played.accounts.whole);
        let ended = played.ended.is_some();
        state = Some(digest);
        ahead.add(&call_totals(&played.calls), &accounting);
        let left = plan.config.run.rounds - round;
        watch.round(&report(plan, (round, seconds), &played, ahead.forecast(left)));
        writer.submit(output(plan, round, played, digest, seconds)?)?;
        let agents = plan.config.run.agents as f64;
        if accounting.failed() as f64 > plan.config.run.failed_replies_max * agents {
            return Ok(Outcome { status: RunStatus::TooManyFailures, round, state });
        }
        if ended {
            break;
        }
    }
    Ok(Outcome::after(plan.config.run.rounds, state))
}

fn report(
    plan: &Plan,
    (round, seconds): (u32, f64),
    played: &Played,
    forecast: Option<Forecast>,
) -> RoundReport {
    RoundReport {
        round,
        rounds: plan.config.run.rounds,
        summary: played.summary.clone(),
        seconds,
        agents_per_second: plan.config.run.agents as f64 / seconds,
        calls: played.calls.requests,
        tokens: played.calls.prompt_tokens + played.calls.completion_tokens,
        cost: played.calls.cost.usd(),
        forecast,
    }
}

fn output(
    plan: &Plan,
    round: u32,
    played: Played,
    state: Digest,
    seconds: f64,
) -> Result<RoundOutput, PlayError> {
    let agents = plan.config.run.agents;
    let accounting = accounts(agents, &played.accounts.whole);
    let calls = (played.calls != Totals::default()).then(|| call_totals(&played.calls));
    Ok(RoundOutput {
        round,
        shard: 0,
        tables: columns::round_tables(round, agents, (AgentRange::all(agents), true), played)?,
        accounting,
        state_hash: Some(state.to_string()),
        state: BTreeMap::new(),
        wall_us: Some((seconds * 1e6) as u64),
        calls,
    })
}

pub(super) fn before_first_round(plan: &Plan, people: throng_data::Table) -> RoundOutput {
    RoundOutput {
        round: 0,
        shard: 0,
        tables: vec![people],
        accounting: Accounts::nobody_asked(plan.config.run.agents),
        state_hash: None,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

pub(super) fn accounts(agents: u64, accounting: &Accounting) -> Accounts {
    let failed = Cause::ALL
        .into_iter()
        .map(|cause| (cause.to_string(), accounting.failed_by(cause)))
        .filter(|(_, count)| *count > 0);
    Accounts {
        agents,
        answered: accounting.answered(),
        failed: failed.collect(),
        // A scenario that asks nothing has counted nobody.
        not_asked: accounting.not_asked() + (agents - accounting.total()),
    }
}

pub(super) fn call_totals(calls: &Totals) -> CallTotals {
    CallTotals {
        requests: calls.requests,
        completions: calls.completions,
        reused: calls.journaled,
        prompt_tokens: calls.prompt_tokens,
        completion_tokens: calls.completion_tokens,
        cached_tokens: calls.cached_tokens,
        cost_pico_usd: calls.cost.0,
    }
}

/// How a run ends whose round could not be finished.
pub(super) const fn stopped(stop: Stop) -> RunStatus {
    match stop {
        Stop::Budget => RunStatus::OutOfBudget,
        Stop::Failed => RunStatus::TooManyFailures,
        Stop::Cancelled => RunStatus::Interrupted,
    }
}

/// The status as the manifest has it.
pub(super) const fn noted(status: RunStatus) -> throng_data::RunStatus {
    match status {
        RunStatus::Done => throng_data::RunStatus::Done,
        RunStatus::Interrupted => throng_data::RunStatus::Interrupted,
        RunStatus::TooManyFailures => throng_data::RunStatus::TooManyFailures,
        RunStatus::OutOfBudget => throng_data::RunStatus::OutOfBudget,
    }
}
