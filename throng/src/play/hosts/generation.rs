//! One generation on this host: the world is built, committed rounds are played again, and new ones are committed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use throng_data::{
    Accounting, CallTotals, CommitRecord, NewRun, Opening, RoundOutput, RoundPart, RoundWhole,
    RunDir, RunId, WritableRun,
};
use throng_llm_bridge::{Responder, Totals};
use throng_shard::{Host, Seat, ShardError};
use throng_systems::engine::{Digest, Mesh, state_digest};

use super::line::Line;
use super::{Parted, Told, publish};
use crate::play::accounts::RoundAccounts;
use crate::play::again::Resumed;
use crate::play::asked::Asked;
use crate::play::rounds::{accounts, call_totals, head, noted, stopped};
use crate::play::way::{self, Entrance, Journaled, Way};
use crate::play::worlds::{Played, Worlds};
use crate::play::{Plan, PlayError, RoundReport, RunStatus, StopFlag, Watch, columns, origin};

/// A generation, from this host's seat.
pub(super) struct Generation<'a> {
    plan: &'a Plan,
    seat: &'a Seat,
    line: Arc<Line>,
    /// Joins those who play the worlds, between their rounds.
    desk: Mesh,
    stop: &'a StopFlag,
}

/// A generation whose hosts have all come to the last committed round.
pub(super) struct Ready<'a> {
    of: Generation<'a>,
    worlds: Worlds,
    /// Who the agents of this host are, where no round tells it yet.
    people: Option<throng_data::Table>,
    run: WritableRun,
    /// The last committed round.
    round: Option<u32>,
    _way: Option<Way>,
}

/// What all hosts must know of a round before any can write it.
#[derive(Serialize, Deserialize)]
struct Share {
    blocks: Vec<Digest>,
    accounts: RoundAccounts,
    calls: CallTotals,
}

/// What rank 0 tells of a round's commit, and what each host wants next.
#[derive(Serialize, Deserialize)]
struct Word {
    /// Nothing but from rank 0.
    record: Option<String>,
    wants_boundary: bool,
    leaves: bool,
}

impl<'a> Generation<'a> {
    pub(super) fn new(plan: &'a Plan, seat: &'a Seat, line: Arc<Line>, stop: &'a StopFlag) -> Self {
        let desk = Mesh::new(Arc::clone(&line));
        Self { plan, seat, line, desk, stop }
    }

    fn leads(&self) -> bool {
        self.seat.rank() == 0
    }

    fn gather<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        mine: T,
    ) -> Result<Vec<T>, PlayError> {
        self.desk.gather(mine).map_err(|_| ShardError::Gone.into())
    }

    fn directory(&self) -> PathBuf {
        self.plan.out.join(&self.plan.run_id)
    }

    /// Builds this host's world and plays what is committed again, from its records.
    pub(super) fn prepare(
        self,
        host: &Host,
        watch: &mut dyn Watch,
        told: &mut Told,
    ) -> Result<Ready<'a>, PlayError> {
        if self.leads() {
            self.lay_out(host)?;
        }
        self.gather(())?;
        let directory = self.directory();
        let range = self.seat.range();
        let config = self.plan.config.to_toml();
        let mut run = WritableRun::join(&directory, &config, range.start..range.end)?;
        if self.leads() {
            let first = self.seat.generation().shard(0);
            run.tidy(&(first..first + self.seat.generation().members.len() as u32))?;
            run.set_status(throng_data::RunStatus::Running)?;
        }
        let commits = RunDir::open(&directory)?.commits()?;
        let round = commits.last().map(|record| record.round);
        let expected = self.seat.resume().map(|commit| commit.round);
        if round != expected {
            let problem = format!("its records end with {round:?}, its ledger with {expected:?}");
            return Err(
                ShardError::Store { place: directory.display().to_string(), problem }.into()
            );
        }
        let (way, store) = self.way(&commits, watch)?;
        let mesh = Mesh::new(Arc::clone(&self.line));
        let mut worlds =
            Worlds::on_host(self.plan, way.as_ref().map(|way| &way.handle), range, mesh)?;
        store.open(self.plan, &mut run, Opening::Shared, watch)?;
        if !told.started {
            told.started = true;
            watch.started(&head(self.plan, directory));
        }
        let people = worlds.people_here(&self.desk).map_err(gone)?;
        self.replay(&mut worlds, &commits)?;
        let people = round.is_none().then_some(people);
        Ok(Ready { of: self, worlds, people, run, round, _way: way })
    }

    /// Makes the run's directory, and publishes records that nobody lived to publish.
    fn lay_out(&self, host: &Host) -> Result<(), PlayError> {
        let (plan, range) = (self.plan, self.seat.range());
        let prompts = Worlds::on_host(plan, None, range, Mesh::alone())?.prompts_text();
        let new = NewRun {
            id: None,
            config_toml: plan.config.to_toml(),
            origin: origin::of(plan, &prompts, None),
        };
        WritableRun::create_shared(&plan.out, &RunId::new(plan.run_id.as_str())?, new)?;
        publish(host, &self.directory())
    }

    /// The way to the models that answer in words; committed rounds are answered from their records.
    fn way(
        &self,
        commits: &[CommitRecord],
        watch: &mut dyn Watch,
    ) -> Result<(Option<Way>, Arc<Journaled>), PlayError> {
        let store = Arc::new(Journaled::default());
        let committed = commits.last().map_or(0, |record| record.round);
        let past = RunDir::open(&self.directory())?;
        let wrap =
            |asked: Asked| -> Arc<dyn Responder> { Arc::new(Resumed::new(committed, past, asked)) };
        let (agents, handle) = (self.seat.range().len() as u64, self.seat.handle());
        let hosts = self.seat.generation().members.len() as u32;
        let entrance = Entrance::of_host(self.plan, agents, hosts, move || handle.has_ended());
        let spent = way::spent(commits, 0);
        let way = entrance.open((Arc::clone(&store), spent), watch, wrap)?;
        Ok((way, store))
    }

    /// Plays committed rounds again and compares them.
    fn replay(&self, worlds: &mut Worlds, commits: &[CommitRecord]) -> Result<(), PlayError> {
        for record in commits.iter().filter(|record| record.round > 0) {
            let Ok(played) = worlds.part()? else { return Err(ShardError::Gone.into()) };
            let digest = state_digest(&self.gather(played.blocks)?.concat());
            if record.state_hash.as_deref() != Some(digest.to_string().as_str()) {
                return Err(PlayError::Diverged { round: record.round });
            }
        }
        Ok(())
    }
}

impl Ready<'_> {
    /// Plays rounds until the run is over, somebody wants in or out, or all hosts stop.
    pub(super) fn play(
        mut self,
        host: &Host,
        watch: &mut dyn Watch,
        told: &mut Told,
    ) -> Result<Parted, PlayError> {
        if let Some(people) = self.people.take() {
            let people = self.opening(people);
            if let Some(parted) = self.commit(people, None, false, host)? {
                return Ok(parted);
            }
        }
        loop {
            let begun = Instant::now();
            let played = match self.worlds.part()? {
                Ok(played) => played,
                Err(stop) => return self.stop(stopped(stop)),
            };
            let seconds = begun.elapsed().as_secs_f64();
            if let Some(parted) = self.finish(played, seconds, host, watch, told)? {
                return Ok(parted);
            }
        }
    }

    /// Tells of a round, writes it and commits it.
    fn finish(
        &mut self,
        mut played: Played,
        seconds: f64,
        host: &Host,
        watch: &mut dyn Watch,
        told: &mut Told,
    ) -> Result<Option<Parted>, PlayError> {
        let run = &self.of.plan.config.run;
        let round = self.round.unwrap_or(0) + 1;
        let agents = self.of.seat.range().len() as u64;
        let share = Share {
            blocks: std::mem::take(&mut played.blocks),
            accounts: std::mem::take(&mut played.accounts),
            calls: call_totals(&played.calls),
        };
        let asked = played.calls != Totals::default();
        let mine = (accounts(agents, &share.accounts.whole), asked.then_some(share.calls));
        let shares = self.of.gather(share)?;
        let state = state_digest(shares.iter().flat_map(|share| &share.blocks));
        played.accounts = merged(&shares);
        played.accounts.count_in(run.agents, &mut played.summary);
        let failed = played.accounts.whole.failed();
        let too_many = failed as f64 > run.failed_replies_max * run.agents as f64;
        if round > told.round {
            told.round = round;
            watch.round(&report(self.of.plan, (round, seconds), &played, &shares, told));
        }
        let last = (played.ended.is_some() || round == run.rounds) && !too_many;
        let output = self.output(round, played, state, mine)?;
        let parted = self.commit(output, Some(seconds), last, host)?;
        if too_many {
            return self.stop(RunStatus::TooManyFailures).map(Some);
        }
        Ok(parted)
    }

    fn output(
        &self,
        round: u32,
        played: Played,
        state: Digest,
        (accounting, calls): (Accounting, Option<CallTotals>),
    ) -> Result<RoundOutput, PlayError> {
        let (seat, agents) = (self.of.seat, self.of.plan.config.run.agents);
        Ok(RoundOutput {
            round,
            shard: seat.shard(),
            tables: columns::round_tables(round, agents, (seat.range(), self.of.leads()), played)?,
            accounting,
            state_hash: Some(state.to_string()),
            state: BTreeMap::new(),
            wall_us: None,
            calls,
        })
    }

    /// The agents of this host, before anything is played.
    fn opening(&self, people: throng_data::Table) -> RoundOutput {
        let agents = self.of.seat.range().len() as u64;
        RoundOutput {
            round: 0,
            shard: self.of.seat.shard(),
            tables: vec![people],
            accounting: Accounting::nobody_asked(agents),
            state_hash: None,
            state: BTreeMap::new(),
            wall_us: None,
            calls: None,
        }
    }

    /// Writes this host's part; when all have, rank 0 commits the round. Says how the generation ends, if it does.
    fn commit(
        &mut self,
        output: RoundOutput,
        seconds: Option<f64>,
        last: bool,
        host: &Host,
    ) -> Result<Option<Parted>, PlayError> {
        let whole = RoundWhole {
            round: output.round,
            generation: self.of.seat.generation().id,
            state_hash: output.state_hash.clone(),
            wall_us: seconds.map(|seconds| (seconds * 1e6) as u64),
        };
        let part = self.run.write_part(output)?;
        let parts = self.of.gather(text(&part))?;
        let record = if self.of.leads() { Some(self.decide(whole, &parts, last)?) } else { None };
        self.round = Some(self.round.map_or(0, |round| round + 1));
        let leaves = self.of.stop.is_set();
        let wants_boundary = leaves || self.of.seat.wants_boundary();
        let words = self.of.gather(Word {
            record: record.as_ref().map(CommitRecord::to_text),
            wants_boundary,
            leaves,
        })?;
        if record.is_none() {
            let told = words.first().and_then(|word| word.record.as_deref()).unwrap_or_default();
            self.run.follow(&CommitRecord::from_text(told)?)?;
        }
        if leaves {
            host.leave();
        }
        if words.iter().all(|word| word.leaves) && !last {
            return self.stop(RunStatus::Interrupted).map(Some);
        }
        let parts = last || words.iter().any(|word| word.wants_boundary);
        if last && self.of.leads() {
            self.close(RunStatus::Done)?;
        }
        Ok(parts.then_some(Parted::Next))
    }

    /// Makes the round part of the run, and publishes it.
    fn decide(
        &mut self,
        whole: RoundWhole,
        parts: &[String],
        last: bool,
    ) -> Result<CommitRecord, PlayError> {
        let parts = parts.iter().map(|part| read(part)).collect::<Result<Vec<RoundPart>, _>>()?;
        let record = self.run.merge(whole, parts)?;
        self.of.seat.commit(record.round, record.to_text(), last)?;
        self.run.publish(&record)?;
        Ok(record)
    }

    /// Ends the run on all hosts, which have come to the same decision.
    fn stop(&mut self, status: RunStatus) -> Result<Parted, PlayError> {
        if self.of.leads() {
            self.run.set_status(noted(status))?;
        }
        Ok(Parted::Stopped(status))
    }

    fn close(&mut self, status: RunStatus) -> Result<(), PlayError> {
        Ok(self.run.close(noted(status))?)
    }
}

/// A world that is lost to this host lives on another one.
fn gone(error: PlayError) -> PlayError {
    match error {
        PlayError::WorldLost => ShardError::Gone.into(),
        error => error,
    }
}

fn text(part: &RoundPart) -> String {
    serde_json::to_string(part).expect("a part has only names for keys")
}

fn read(part: &str) -> Result<RoundPart, PlayError> {
    // What cannot be read is of a host that has gone wrong, and so has its generation.
    serde_json::from_str(part).map_err(|_| ShardError::Gone.into())
}

/// The accounts of all hosts together.
fn merged(shares: &[Share]) -> RoundAccounts {
    let mut accounts = shares.iter().map(|share| &share.accounts);
    let mut all = accounts.next().cloned().unwrap_or_default();
    accounts.for_each(|later| all.merge(later));
    all
}

/// The round as all hosts together have played it.
fn report(
    plan: &Plan,
    (round, seconds): (u32, f64),
    played: &Played,
    shares: &[Share],
    told: &mut Told,
) -> RoundReport {
    let mut calls = CallTotals::default();
    shares.iter().for_each(|share| calls.add(&share.calls));
    told.ahead.add(&calls, &played.accounts.whole);
    RoundReport {
        round,
        rounds: plan.config.run.rounds,
        summary: played.summary.clone(),
        seconds,
        agents_per_second: plan.config.run.agents as f64 / seconds,
        calls: calls.requests,
        tokens: calls.prompt_tokens + calls.completion_tokens,
        cost: throng_llm_bridge::money::Money(calls.cost_pico_usd).usd(),
        forecast: told.ahead.forecast(plan.config.run.rounds - round),
    }
}
