//! Playing a run: rounds over one or several worlds, written and committed while the next one is computed.

mod columns;
mod origin;
mod people;
mod worlds;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use thiserror::Error;
use throng_data::{
    Accounting as Accounts, NewRun, RoundOutput, RoundWriter, RunStatus, WritableRun,
};
use throng_engine::record::Table;
use throng_engine::{Digest, EngineError, state_digest};
use throng_systems::{Accounting, Cast, Cause, Prepared, Scenario};

use worlds::Worlds;

/// Everything a run is made of.
#[derive(Debug)]
pub struct Plan {
    /// The fully resolved configuration.
    pub config_toml: String,
    /// The scenario.
    pub scenario: Scenario,
    /// Its settings and policies.
    pub prepared: Prepared,
    /// Who plays.
    pub cast: Cast,
    /// What each model is, for the manifest: name, kind and everything that decides its answers.
    pub models: Vec<ModelFacts>,
    /// Agents.
    pub agents: u64,
    /// Rounds.
    pub rounds: u32,
    /// Seed.
    pub seed: u64,
    /// Folder of all runs.
    pub out: PathBuf,
    /// Name of the run's directory; made from time, scenario and configuration where missing.
    pub run_id: Option<String>,
    /// Compute threads of each world; 0 takes one per core.
    pub threads: usize,
    /// Worlds that share the population.
    pub shards: usize,
    /// Share of replies that may fail in a round before the run stops.
    pub failed_replies_max: f64,
}

/// A model as far as it decides what is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// Name in the configuration.
    pub name: String,
    /// Kind: policy, openai, replay.
    pub kind: String,
    /// All parameters as text.
    pub parameters: String,
}

/// Asks a run to stop after the round that is being played.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The head of a run, known before its first round.
#[derive(Clone, Debug)]
pub struct RunHead {
    /// Its directory.
    pub path: PathBuf,
    /// Its scenario.
    pub scenario: &'static str,
    /// Agents.
    pub agents: u64,
    /// Rounds that will be played.
    pub rounds: u32,
}

/// A round that was played. It is committed a moment later, before the round after next begins.
#[derive(Clone, Debug)]
pub struct RoundReport {
    /// The round, from 1.
    pub round: u32,
    /// A row for everyone and each group.
    pub summary: Table,
    /// What became of each agent's question.
    pub accounting: Accounting,
    /// Time it took to play, without writing, in seconds.
    pub seconds: f64,
    /// The state after the round.
    pub state: Digest,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// Its directory.
    pub path: PathBuf,
    /// Whether it is done, or why not.
    pub status: RunStatus,
    /// Rounds that are committed.
    pub rounds: u32,
    /// The state after the last of them.
    pub state: Option<Digest>,
    /// Time it took, writing included, in seconds.
    pub seconds: f64,
}

/// Looks on while a run is played.
pub trait Watch: Send {
    /// The run directory exists.
    fn started(&mut self, head: &RunHead);
    /// A round was played.
    fn round(&mut self, report: &RoundReport);
    /// The run has ended.
    fn finished(&mut self, end: &RunEnd);
}

/// Why a run cannot be played.
#[derive(Debug, Error)]
pub enum PlayError {
    /// The scenario or the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The run directory.
    #[error(transparent)]
    Data(#[from] throng_data::Error),
    /// A thread that played a part of the population ended without a word.
    #[error("a thread that plays a part of the population has ended unexpectedly")]
    WorldLost,
}

/// Plays a run from its first round to its last, or until it is asked to stop.
///
/// # Errors
/// When the run directory cannot be written or a system fails; committed rounds stay as they are.
pub fn play(plan: &Plan, stop: &StopFlag, watch: &mut dyn Watch) -> Result<RunEnd, PlayError> {
    let begun = Instant::now();
    let mut worlds = Worlds::new(plan)?;
    let people = worlds.people()?;
    let new = NewRun {
        id: plan.run_id.as_deref().map(throng_data::RunId::new).transpose()?,
        config_toml: plan.config_toml.clone(),
        origin: origin::of(plan, &worlds.prompts_text()?),
    };
    let mut run = WritableRun::create(&plan.out, new)?;
    run.commit(before_first_round(plan, people)?)?;
    let path = run.path().to_owned();
    watch.started(&RunHead {
        path: path.clone(),
        scenario: plan.scenario.name,
        agents: plan.agents,
        rounds: plan.rounds,
    });
    let mut writer = RoundWriter::start(run)?;
    let played = play_rounds(plan, stop, watch, &mut worlds, &mut writer);
    let status = played.as_ref().map_or(RunStatus::Failed, |played| played.status);
    let run = writer.finish(status)?;
    let Played { status, state } = played?;
    let seconds = begun.elapsed().as_secs_f64();
    let end = RunEnd { path, status, rounds: run.last_round().unwrap_or(0), state, seconds };
    watch.finished(&end);
    Ok(end)
}

/// Where the rounds came to an end.
struct Played {
    status: RunStatus,
    state: Option<Digest>,
}

fn play_rounds(
    plan: &Plan,
    stop: &StopFlag,
    watch: &mut dyn Watch,
    worlds: &mut Worlds,
    writer: &mut RoundWriter,
) -> Result<Played, PlayError> {
    let mut state = None;
    for round in 1..=plan.rounds {
        if stop.requested() {
            return Ok(Played { status: RunStatus::Interrupted, state });
        }
        let begun = Instant::now();
        let played = worlds.round()?;
        let seconds = begun.elapsed().as_secs_f64();
        let digest = state_digest(&played.blocks);
        state = Some(digest);
        let accounting = played.accounting;
        watch.round(&RoundReport {
            round,
            summary: played.summary.clone(),
            accounting,
            seconds,
            state: digest,
        });
        writer.submit(RoundOutput {
            round,
            shard: 0,
            tables: columns::round_tables(round, plan.agents, played.agents, played.summary)?,
            accounting: accounts(plan.agents, &accounting),
            state_hash: Some(digest.to_string()),
            state: std::collections::BTreeMap::default(),
            wall_us: Some((seconds * 1e6) as u64),
        })?;
        if accounting.failed() as f64 > plan.failed_replies_max * plan.agents as f64 {
            return Ok(Played { status: RunStatus::TooManyFailures, state });
        }
    }
    Ok(Played { status: RunStatus::Done, state })
}

fn before_first_round(plan: &Plan, people: throng_data::Table) -> Result<RoundOutput, PlayError> {
    Ok(RoundOutput {
        round: 0,
        shard: 0,
        tables: vec![people],
        accounting: Accounts::nobody_asked(plan.agents),
        state_hash: None,
        state: std::collections::BTreeMap::default(),
        wall_us: None,
    })
}

fn accounts(agents: u64, accounting: &Accounting) -> Accounts {
    let failed = Cause::ALL
        .into_iter()
        .map(|cause| (cause.to_string(), accounting.failed_by(cause)))
        .filter(|(_, count)| *count > 0);
    // A scenario that asks nothing has counted nobody.
    let counted = accounting.total();
    Accounts {
        agents,
        answered: accounting.answered(),
        failed: failed.collect(),
        not_asked: accounting.not_asked() + (agents - counted),
    }
}
