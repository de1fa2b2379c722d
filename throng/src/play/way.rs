//! The way to the models that answer in words: opened before anything is written, shared by all worlds.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use throng_data::{CommitRecord, Opening, PromptLog, PromptStorage, RunDir, WritableRun};
use throng_llm_bridge::budget::Spent;
use throng_llm_bridge::distribution::Drawing;
use throng_llm_bridge::money::Money;
use throng_llm_bridge::reach::{Reached, reach};
use throng_llm_bridge::recorded::Records;
use throng_llm_bridge::store::{Ack, Completion, CompletionKey, Moment, Record, StoreError};
use throng_llm_bridge::{Batch, Bridge, BridgeConfig, Cause, CompletionStore, PromptId, Responder};
use throng_systems::BridgeHandle;

use super::asked::Asked;
use super::kept::Kept;
use super::store::JournalStore;
use super::{Live, Plan, PlayError, StopFlag, Watch, fork};
use crate::config::PromptsKept;

/// How often it is looked whether the run was asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Prompts of a thousand that a sample keeps.
const SAMPLE_PER_MILLE: u16 = 10;

/// The bridge of a run, and whoever sees to it that a request to stop reaches it.
pub(super) struct Way {
    pub(super) handle: BridgeHandle,
    _sentry: Sentry,
}

/// Winds a bridge down when nothing new should be sent any more; ends when it is dropped.
pub(crate) struct Sentry {
    /// Dropped to relieve the thread.
    on_duty: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The journal of a run that may not have a directory yet when its bridge starts.
#[derive(Debug, Default)]
pub(super) struct Journaled {
    journal: OnceLock<JournalStore>,
    prompts: OnceLock<Arc<PromptLog>>,
    /// Runs whose completions this one reuses; that of a fork's parent comes first.
    kept: Vec<Kept>,
    /// The last round that a fork shares with its parent, where nothing else was changed.
    unchanged_after: Option<u32>,
}

impl Journaled {
    /// Reuses what the fork in `directory` keeps of its parent, if it is one.
    ///
    /// # Errors
    /// When what it keeps cannot be read.
    pub(super) fn of_fork(directory: &RunDir) -> Result<Self, PlayError> {
        let kept = directory.kept_parent()?.map(Kept::new).transpose()?;
        let parent = directory.manifest()?.origin.parent;
        let unchanged = parent.filter(|parent| fork::is_unchanged(&parent.change));
        let unchanged_after = unchanged.map(|parent| parent.round);
        Ok(Self { kept: kept.into_iter().collect(), unchanged_after, ..Self::default() })
    }

    /// Takes a completion that another run has into the journal of this one.
    ///
    /// # Errors
    /// When the journal is not open yet.
    pub(super) fn take(
        &self,
        completion: Completion,
        record: Record,
    ) -> Result<Completion, StoreError> {
        // Should it not become durable, the journal has ended, and the round is not committed.
        self.journal()?.take(record);
        Ok(completion)
    }

    /// Whether a round is one that a fork without a change has only to repeat.
    pub(super) fn repeats(&self, round: u32) -> bool {
        let kept = self.kept.first().filter(|_| self.unchanged_after.is_some());
        kept.is_some_and(|kept| kept.has(round))
    }

    /// Whether nobody needs to be asked in a run of this many rounds.
    fn knows_all(&self, rounds: u32) -> bool {
        self.unchanged_after.is_some_and(|shared| rounds <= shared) || self.repeats(rounds)
    }

    /// Opens the journal of `run`, where models are asked in words, and tells of what a dead process left torn.
    pub(super) fn open(
        &self,
        plan: &Plan,
        run: &mut WritableRun,
        opening: Opening,
        watch: &mut dyn Watch,
    ) -> Result<(), PlayError> {
        let Some((config, _)) = plan.config.bridge(plan.bridge) else { return Ok(()) };
        let (journal, cuts) = JournalStore::open(run, &config, opening)?;
        cuts.iter().for_each(|cut| watch.notice(&cut.to_string()));
        self.journal.set(journal).expect("the journal of a run is opened once");
        let prompts = run.open_prompts(match plan.bridge.prompts {
            PromptsKept::All => PromptStorage::All,
            PromptsKept::Sample => PromptStorage::Sample { per_mille: SAMPLE_PER_MILLE },
            PromptsKept::Hash => PromptStorage::Hash,
        });
        self.prompts.set(prompts).expect("the prompts of a run are opened once");
        Ok(())
    }

    /// Notes what is asked: the distinct prompts of a batch by rising digests, and the models.
    pub(super) fn keep(&self, batch: &Batch, config: &BridgeConfig) -> Result<(), StoreError> {
        self.kept.iter().try_for_each(|kept| kept.note(batch, config))?;
        let Some(log) = self.prompts.get() else { return Ok(()) };
        let prompts = batch.asks.iter().map(|ask| ask.prompt);
        let by_digest: BTreeMap<[u8; 32], PromptId> =
            prompts.map(|prompt| (batch.prompts.digest(prompt).0, prompt)).collect();
        for (digest, prompt) in by_digest {
            let messages: Vec<(&str, String)> = batch
                .prompts
                .messages(prompt)
                .map(|message| (message.role.word(), message.to_string()))
                .collect();
            let messages: Vec<(&str, &str)> =
                messages.iter().map(|(role, text)| (*role, text.as_str())).collect();
            log.add(batch.moment.round, &digest, &messages)
                .map_err(|error| StoreError(error.to_string()))?;
        }
        Ok(())
    }

    fn journal(&self) -> Result<&JournalStore, StoreError> {
        self.journal.get().ok_or_else(|| StoreError("the journal is not open yet".to_owned()))
    }
}

impl CompletionStore for Journaled {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        if let Some(found) = self.journal()?.lookup(key)? {
            return Ok(Some(found));
        }
        for kept in &self.kept {
            if let Some((completion, record)) = kept.find(key, None)? {
                return self.take(completion, record).map(Some);
            }
        }
        Ok(None)
    }

    fn may_hold(&self, moment: Moment) -> bool {
        !self.kept.is_empty() || self.journal().map_or(true, |journal| journal.may_hold(moment))
    }

    fn append(&self, record: Record, ack: Ack) {
        match self.journal() {
            Ok(journal) => journal.append(record, ack),
            Err(error) => ack.done(Err(error)),
        }
    }
}

/// A fork without a change repeats its parent's rounds, failures included.
impl Records for Journaled {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        CompletionStore::lookup(self, key)
    }

    fn cause(&self, moment: Moment, agent: u64) -> Result<Cause, StoreError> {
        let kept = self.kept.first().ok_or_else(|| StoreError("nothing is kept".to_owned()))?;
        kept.cause(moment, agent)
    }
}

/// What a run has spent itself in its committed rounds; those up to `shared` were its parent's.
pub(super) fn spent(commits: &[CommitRecord], shared: u32) -> Spent {
    let own = commits.iter().filter(|record| record.round > shared);
    let calls = own.filter_map(|record| record.calls);
    calls.fold(Spent::default(), |spent, calls| Spent {
        tokens: spent.tokens + calls.prompt_tokens + calls.completion_tokens,
        cost: spent.cost.plus(Money(calls.cost_pico_usd)),
        requests: spent.requests + calls.requests,
    })
}

/// Who asks models from here, and until when.
pub(super) struct Entrance<'a> {
    plan: &'a Plan,
    /// Agents whose models are asked from here.
    agents: u64,
    /// Hosts that share the limits of the configuration.
    hosts: u32,
    /// Whether nothing new should be sent any more.
    closes: Box<dyn Fn() -> bool + Send>,
}

impl<'a> Entrance<'a> {
    /// Of a process that plays a run alone, until it is asked to stop.
    pub(super) fn alone(plan: &'a Plan, stop: &StopFlag) -> Self {
        let (agents, stop) = (plan.config.run.agents, stop.clone());
        Self { plan, agents, hosts: 1, closes: Box::new(move || stop.is_set()) }
    }

    /// Of one of several hosts.
    pub(super) fn of_host(
        plan: &'a Plan,
        agents: u64,
        hosts: u32,
        closes: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Self { plan, agents, hosts, closes: Box::new(closes) }
    }

    /// Starts the bridge; nothing in a run of policies alone. `wrap` makes of it what worlds ask.
    ///
    /// # Errors
    /// When a key is missing, the bridge cannot start, or no endpoint of a model answers.
    pub(super) fn open(
        self,
        (store, spent): (Arc<Journaled>, Spent),
        watch: &mut dyn Watch,
        wrap: impl FnOnce(Asked) -> Arc<dyn Responder>,
    ) -> Result<Option<Way>, PlayError> {
        let plan = self.plan;
        let Some((config, places)) = plan.config.bridge(plan.bridge) else { return Ok(None) };
        let callable = share_of(plan.config.callable(config.clone()), spent, self.hosts);
        let in_words = plan.config.models.iter().filter(|model| model.words().is_some());
        let share: f64 = in_words.map(|model| model.share).sum();
        if !store.knows_all(plan.config.run.rounds) {
            knock(&callable, &mut |text| watch.notice(text))?;
        }
        let kept = Arc::clone(&store);
        let bridge = Arc::new(Bridge::resume(callable, kept, spent)?);
        bridge.notices().iter().for_each(|notice| watch.notice(notice));
        watch.asking(Live::new(Arc::clone(&bridge), (share * self.agents as f64) as u64));
        let failed_max = plan.config.run.failed_replies_max * plan.config.run.agents as f64;
        let sentry = Sentry::post(Arc::clone(&bridge), self.closes);
        let drawing = Drawing::on(wrap(Asked::new(plan, config, bridge, store)?));
        let handle =
            BridgeHandle::new(Arc::new(drawing), places).failing_at_most(failed_max as u64);
        Ok(Some(Way { handle, _sentry: sentry }))
    }
}

/// The part of each limit that is this host's, so that all hosts together keep to it. Where there is less than one
/// for each, each has one.
fn share_of(mut config: BridgeConfig, spent: Spent, hosts: u32) -> BridgeConfig {
    if hosts <= 1 {
        return config;
    }
    let whole = u64::from(hosts);
    for endpoint in config.models.iter_mut().flat_map(|model| &mut model.endpoints) {
        endpoint.in_flight_max = (endpoint.in_flight_max / hosts as usize).max(1);
        for rate in [&mut endpoint.requests_per_minute, &mut endpoint.tokens_per_minute] {
            *rate = rate.map(|rate| (rate / hosts).max(1));
        }
    }
    config.in_flight_max = config.in_flight_max.map(|most| (most / hosts as usize).max(1));
    let left = |most: u64, spent: u64| spent + most.saturating_sub(spent) / whole;
    let budget = &mut config.budget;
    budget.tokens_max = budget.tokens_max.map(|most| left(most, spent.tokens));
    budget.requests_max = budget.requests_max.map(|most| left(most, spent.requests));
    let paid = spent.cost.usd();
    budget.usd_max = budget.usd_max.map(|most| paid + (most - paid).max(0.0) / f64::from(hosts));
    config
}

impl Sentry {
    pub(crate) fn post(bridge: Arc<Bridge>, closes: impl Fn() -> bool + Send + 'static) -> Self {
        let (on_duty, relieved) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            while relieved.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if closes() {
                    return bridge.wind_down();
                }
            }
        });
        Self { on_duty: Some(on_duty), thread: Some(thread) }
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.on_duty = None;
        // A panic of the thread was reported by itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Sees whether each model has an endpoint that answers, and tells of those that do not.
///
/// # Errors
/// When a model has none.
pub(crate) fn knock(config: &BridgeConfig, notice: &mut dyn FnMut(&str)) -> Result<(), PlayError> {
    let mut by_model: BTreeMap<String, Vec<Reached>> = BTreeMap::new();
    for end in reach(config)? {
        by_model.entry(end.model.clone()).or_default().push(end);
    }
    for (model, ends) in by_model {
        let problem =
            |end: &Reached| end.problem.as_ref().map(|problem| format!("  {}: {problem}", end.url));
        let problems: Vec<String> = ends.iter().filter_map(problem).collect();
        if problems.len() == ends.len() {
            return Err(PlayError::Unreachable { model, problems });
        }
        for problem in problems {
            notice(&format!("an endpoint of the model `{model}` does not answer:\n{problem}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_llm_bridge::ModelConfig;

    #[test]
    fn hosts_together_keep_to_every_limit() {
        let mut model = ModelConfig::at("m", "http://127.0.0.1:9/v1");
        model.endpoints[0].in_flight_max = 10;
        model.endpoints[0].requests_per_minute = Some(60);
        model.endpoints[0].tokens_per_minute = Some(2);
        let mut config = BridgeConfig { models: vec![model], ..BridgeConfig::default() };
        config.in_flight_max = Some(2);
        config.budget.tokens_max = Some(1_000);
        config.budget.requests_max = Some(90);
        config.budget.usd_max = Some(4.0);
        let spent = Spent { tokens: 400, cost: Money::from_usd(1.0), requests: 100 };
        let part = share_of(config.clone(), spent, 3);
        let endpoint = &part.models[0].endpoints[0];
        assert_eq!(endpoint.in_flight_max, 3);
        assert_eq!((endpoint.requests_per_minute, endpoint.tokens_per_minute), (Some(20), Some(1)));
        assert_eq!(part.in_flight_max, Some(1));
        assert_eq!((part.budget.tokens_max, part.budget.requests_max), (Some(600), Some(100)));
        assert_eq!(part.budget.usd_max, Some(2.0));
        assert_eq!(share_of(config.clone(), spent, 1), config);
    }
}
