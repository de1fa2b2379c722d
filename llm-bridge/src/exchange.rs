//! An exchange: a batch of asks on its way to as many replies.

use crate::answer::{AnswerSpec, SpecError};
use crate::cohort::{Ask, Cohort, CohortKey, Cohorts, cohorts, requests_min};
use crate::constraint::identity;
use crate::digest::Digest;
use crate::distribution::is_closed;
use crate::model::{BridgeConfig, ModelConfig};
use crate::money::Money;
use crate::prompt::Prompts;
use crate::reply::{Reply, Totals};
use crate::store::{CompletionKey, Moment, StoreError};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The questions of one exchange.
#[derive(Clone, Debug)]
pub struct Batch {
    /// When in the run it takes place.
    pub moment: Moment,
    /// Seed of the run.
    pub run_seed: u64,
    /// The questions, at most one per agent, by rising agent.
    pub asks: Vec<Ask>,
    /// The prompts that they name.
    pub prompts: Arc<Prompts>,
    /// The answer types that they name.
    pub answers: Arc<[AnswerSpec]>,
    /// Time for the whole exchange; none means as long as every reply may take.
    pub deadline: Option<Duration>,
    /// Failed replies past which the rest is cancelled.
    pub failed_max: Option<u64>,
    /// Members of a cohort that lower-ranking hosts hold, so that seeds do not depend on how a population
    /// is divided; empty on a single host.
    pub ranks_before: BTreeMap<CohortKey, Before>,
    /// Asks every agent by itself, where it is given.
    pub apart: Option<Apart>,
}

/// The part of a cohort that lower-ranking hosts hold: at least one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// How many agents.
    pub count: u64,
    /// The first of them.
    pub first: u64,
}

/// Agents asked by themselves, whatever the model says: nobody shares a request, and an agent's seed follows from
/// its number, so that its answer does not depend on who else is asked. Completions are known by the run's seed
/// too, so that one store may serve several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Apart {
    /// The sampling temperature, in the place of the model's.
    pub temperature: f64,
}

/// Why a batch cannot be asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BatchError {
    /// Agents out of order or asked twice.
    #[error("agents must rise from ask to ask; at place {0} they do not")]
    Order(usize),
    /// A prompt, model or answer type that does not exist.
    #[error("the ask at place {0} names a {1} that does not exist")]
    Unknown(usize, &'static str),
    /// An answer type that cannot be asked for.
    #[error("answer type {0}: {1}")]
    Answer(usize, SpecError),
    /// A model in distribution mode is asked for something that has no distribution to read.
    #[error(
        "model `{0}` answers by `distribution`, which only choices and short ranges of whole numbers allow, not {1}; leave the key out, or ask for less"
    )]
    Distribution(String, String),
    /// More asks than places.
    #[error("an exchange has at most {} asks", u32::MAX)]
    TooMany,
}

/// Why an exchange has no replies.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExchangeError {
    /// The batch cannot be asked.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Completions could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A batch file could not be sent or read; what is at the service stays there, and is found again.
    #[error("the batch files of the model `{0}`: {1}")]
    BatchFile(String, String),
    /// The bridge has ended.
    #[error("the bridge has ended")]
    Ended,
}

/// Why an exchange ended before every ask was tried for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The budget is spent.
    Budget,
    /// More replies failed than `Batch::failed_max` allows.
    Failed,
    /// It was cancelled, or its deadline passed.
    Cancelled,
}

/// The end of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchanged {
    /// A reply per ask, in the order of the asks.
    pub replies: Vec<Reply>,
    /// Counts that reconcile with the replies and with the endpoints.
    pub totals: Totals,
    /// Why it ended early, if it did; such a round is not complete, but can be resumed.
    pub stop: Option<Stop>,
}

/// Live counts of an exchange, readable from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) total: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) tokens: AtomicU64,
    pub(crate) cost: AtomicU64,
    pub(crate) cancelled: AtomicBool,
}

/// What `Progress` showed at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Asks.
    pub total: u64,
    /// Asks answered.
    pub answered: u64,
    /// Asks failed.
    pub failed: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Prompt and completion tokens.
    pub tokens: u64,
    /// Price.
    pub cost: Money,
}

/// Whatever turns a batch into replies: the bridge to servers, or a stand-in for it.
pub trait Responder: Send + Sync {
    /// The models that batches name by their place.
    fn config(&self) -> &BridgeConfig;

    /// Asks a batch and waits for its replies.
    ///
    /// # Errors
    /// When the batch cannot be asked, completions cannot be kept, or the responder has ended.
    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError>;
}

impl<R: Responder + ?Sized> Responder for Arc<R> {
    fn config(&self) -> &BridgeConfig {
        (**self).config()
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        (**self).exchange(batch)
    }
}

impl Snapshot {
    /// The counts of two exchanges together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            answered: self.answered + other.answered,
            failed: self.failed + other.failed,
            requests: self.requests + other.requests,
            in_flight: self.in_flight + other.in_flight,
            tokens: self.tokens + other.tokens,
            cost: self.cost.plus(other.cost),
        }
    }
}

impl Progress {
    /// The counts now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            total: read(&self.total),
            answered: read(&self.answered),
            failed: read(&self.failed),
            requests: read(&self.requests),
            in_flight: read(&self.in_flight),
            tokens: read(&self.tokens),
            cost: Money(read(&self.cost)),
        }
    }
}

/// A batch that was checked and divided into cohorts, on the caller's thread.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub batch: Batch,
    pub cohorts: Cohorts,
    /// Per model and answer type: fingerprint of the model, and digest of parameters and type.
    kinds: BTreeMap<(u16, u16), (Digest, Digest)>,
}

impl Prepared {
    pub(crate) fn new(batch: Batch, config: &BridgeConfig) -> Result<Self, BatchError> {
        check(&batch, config)?;
        let mut cohorts = cohorts(&batch.asks, &batch.prompts);
        if batch.apart.is_some() {
            cohorts = cohorts.apart(&batch.asks);
        }
        let kinds = kinds(&batch, &cohorts, config);
        Ok(Self { batch, cohorts, kinds })
    }

    /// The identity of a cohort over hosts; made when it is needed, since there may be as many as agents.
    pub(crate) fn key(&self, cohort: u32) -> CohortKey {
        let Ask { prompt, model, answer, .. } = self.cohort(cohort).ask;
        let (model, parameters) = self.kinds[&(model, answer)];
        CohortKey { prompt: self.batch.prompts.digest(prompt), model, parameters }
    }

    /// The cohorts with their identities.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = (&Cohort, CohortKey)> {
        self.cohorts.cohorts.iter().zip(0..).map(|(cohort, number)| (cohort, self.key(number)))
    }

    /// For each ask the cohort that it belongs to.
    pub(crate) fn cohorts_of_asks(&self) -> Vec<u32> {
        let mut of = vec![0; self.batch.asks.len()];
        for (number, cohort) in (0..).zip(&self.cohorts.cohorts) {
            for member in cohort.start..cohort.start + cohort.length {
                of[self.cohorts.members[member as usize] as usize] = number;
            }
        }
        of
    }

    /// The ask at place `member` of the list of members.
    pub(crate) fn ask(&self, member: u32) -> &Ask {
        &self.batch.asks[self.cohorts.members[member as usize] as usize]
    }

    pub(crate) fn cohort(&self, cohort: u32) -> &Cohort {
        &self.cohorts.cohorts[cohort as usize]
    }

    pub(crate) fn spec(&self, cohort: u32) -> &AnswerSpec {
        &self.batch.answers[usize::from(self.cohort(cohort).ask.answer)]
    }

    /// The seed of `member`, which belongs to `cohort`.
    pub(crate) fn seed(&self, cohort: u32, member: u32) -> u64 {
        let key = self.key(cohort);
        if self.batch.apart.is_some() {
            let agent = self.ask(member).agent;
            return key.seed_of(self.batch.run_seed, self.batch.moment, agent);
        }
        let before = self.batch.ranks_before.get(&key).map_or(0, |before| before.count);
        let rank = u64::from(member - self.cohort(cohort).start);
        key.base_seed(self.batch.run_seed, self.batch.moment) + before + rank
    }

    /// `model` with the temperature of this batch.
    pub(crate) fn model<'m>(&self, model: &'m ModelConfig) -> Cow<'m, ModelConfig> {
        match self.batch.apart {
            Some(Apart { temperature }) => Cow::Owned(ModelConfig { temperature, ..model.clone() }),
            None => Cow::Borrowed(model),
        }
    }

    pub(crate) fn completion_key(&self, cohort: u32, member: u32, attempt: u8) -> CompletionKey {
        let key = self.key(cohort);
        CompletionKey {
            moment: self.batch.moment,
            agent: self.ask(member).agent,
            attempt,
            prompt: key.prompt,
            model: key.model,
            parameters: key.parameters,
        }
    }
}

/// The cohorts of `batch` with their sizes and first agents, by key: what hosts exchange to fill
/// `Batch::ranks_before`.
pub fn cohort_sizes(
    batch: &Batch,
    config: &BridgeConfig,
) -> Result<BTreeMap<CohortKey, Before>, BatchError> {
    let prepared = Prepared::new(batch.clone(), config)?;
    let mut sizes: BTreeMap<CohortKey, Before> = BTreeMap::new();
    for (cohort, key) in prepared.keyed() {
        let part = Before { count: u64::from(cohort.length), first: cohort.ask.agent };
        sizes.entry(key).and_modify(|before| before.join(part)).or_insert(part);
    }
    Ok(sizes)
}

impl Before {
    /// Adds a further part of the same cohort.
    pub fn join(&mut self, part: Self) {
        self.count += part.count;
        self.first = self.first.min(part.first);
    }
}

/// The models that `batch` asks, by fingerprint and by digest of parameters and answer type, as completions
/// have them.
pub fn models_asked(
    batch: &Batch,
    config: &BridgeConfig,
) -> Result<BTreeMap<(Digest, Digest), u16>, BatchError> {
    check(batch, config)?;
    let mut models = BTreeMap::new();
    let mut last = None;
    for ask in &batch.asks {
        // Neighbours mostly ask the same of the same model.
        if last.replace((ask.model, ask.answer)) != Some((ask.model, ask.answer)) {
            let model = &config.models[usize::from(ask.model)];
            let parameters = parameters(batch, model, ask.answer);
            models.insert((model.fingerprint(), parameters), ask.model);
        }
    }
    Ok(models)
}

/// The digest of what shapes a completion beside model and prompt: sampling parameters and the answer's type.
fn parameters(batch: &Batch, model: &ModelConfig, answer: u16) -> Digest {
    let (of_model, schema) = (model.parameters(), identity(&batch.answers[usize::from(answer)]));
    match batch.apart {
        None => Digest::of([of_model.0.as_slice(), schema.as_bytes()]),
        Some(Apart { temperature }) => Digest::of([
            of_model.0.as_slice(),
            schema.as_bytes(),
            &temperature.to_bits().to_le_bytes(),
            &batch.run_seed.to_le_bytes(),
        ]),
    }
}

/// Fewest requests that `batch` takes, if every endpoint gives as many choices as configured.
pub fn fewest_requests(batch: &Batch, config: &BridgeConfig) -> Result<u64, BatchError> {
    let prepared = Prepared::new(batch.clone(), config)?;
    let requests = prepared.cohorts.cohorts.iter().map(|cohort| {
        let model = &config.models[usize::from(cohort.ask.model)];
        requests_min([cohort.length], choices_max(model))
    });
    Ok(requests.sum())
}

/// Most choices that some endpoint of `model` is asked for at once.
pub(crate) fn choices_max(model: &ModelConfig) -> u32 {
    let of_endpoints = model
        .endpoints
        .iter()
        .map(|endpoint| endpoint.quirks.apply(endpoint.server.quirks()).n_max);
    let most = of_endpoints.max().unwrap_or(model.n_max).min(model.n_max);
    if model.coalesce { most.max(1) } else { 1 }
}

fn check(batch: &Batch, config: &BridgeConfig) -> Result<(), BatchError> {
    if u32::try_from(batch.asks.len()).is_err() {
        return Err(BatchError::TooMany);
    }
    for (place, spec) in batch.answers.iter().enumerate() {
        spec.check().map_err(|error| BatchError::Answer(place, error))?;
    }
    for (place, ask) in batch.asks.iter().enumerate() {
        if place > 0 && batch.asks[place - 1].agent >= ask.agent {
            return Err(BatchError::Order(place));
        }
        let unknown = if ask.prompt.0 as usize >= batch.prompts.len() {
            Some("prompt")
        } else if usize::from(ask.model) >= config.models.len() {
            Some("model")
        } else if usize::from(ask.answer) >= batch.answers.len() {
            Some("answer type")
        } else {
            None
        };
        if let Some(what) = unknown {
            return Err(BatchError::Unknown(place, what));
        }
        let model = &config.models[usize::from(ask.model)];
        let answer = &batch.answers[usize::from(ask.answer)];
        if model.distribution.is_some() && !is_closed(answer) {
            return Err(BatchError::Distribution(model.name.clone(), answer.to_string()));
        }
    }
    Ok(())
}

fn kinds(
    batch: &Batch,
    cohorts: &Cohorts,
    config: &BridgeConfig,
) -> BTreeMap<(u16, u16), (Digest, Digest)> {
    let models: Vec<Digest> = config.models.iter().map(ModelConfig::fingerprint).collect();
    let mut kinds = BTreeMap::new();
    for Ask { model, answer, .. } in cohorts.cohorts.iter().map(|cohort| cohort.ask) {
        let place = usize::from(model);
        kinds
            .entry((model, answer))
            .or_insert_with(|| (models[place], parameters(batch, &config.models[place], answer)));
    }
    kinds
}
