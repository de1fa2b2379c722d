//! The seam to the journal: completions are durable before anyone may use them.

use crate::digest::Digest;
use crate::money::{Money, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// When in a run an exchange takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The round.
    pub round: u32,
    /// Which exchange of the round, from 0.
    pub exchange: u32,
}

/// Identity of a completion; nothing in it depends on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompletionKey {
    /// When it was asked for.
    pub moment: Moment,
    /// For whom.
    pub agent: u64,
    /// Which question of this ask: 0 is the first, each invalid reply adds one.
    pub attempt: u8,
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Fingerprint of the model.
    pub model: Digest,
    /// Digest of the sampling parameters and of the answer's type.
    pub parameters: Digest,
}

/// One paid model output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text, as the server sent it.
    pub text: Box<str>,
    /// Why the text ended.
    pub finish: Finish,
    /// Its share of the request's tokens.
    pub usage: Usage,
    /// Its share of the request's price.
    pub cost: Money,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// At its end.
    Stop,
    /// At the token limit.
    Length,
    /// The server's filter or the model withheld it.
    Withheld,
}

/// All completions of one request, written as one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub moment: Moment,
    /// Which question of its agents.
    pub attempt: u8,
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Fingerprint of the model.
    pub model: Digest,
    /// Digest of the sampling parameters and of the answer's type.
    pub parameters: Digest,
    /// The model's place in the configuration.
    pub model_index: u16,
    /// The endpoint's place in the model's list.
    pub endpoint: u16,
    /// Time from sending to the whole reply, in microseconds.
    pub latency_us: u32,
    /// Tokens of the whole request.
    pub usage: Usage,
    /// Price of the whole request.
    pub cost: Money,
    /// Per choice its agent, text and end.
    pub choices: Vec<(u64, Box<str>, Finish)>,
}

impl Record {
    /// The completion of choice `place`.
    pub fn completion(&self, place: usize) -> Option<Completion> {
        let (_, text, finish) = self.choices.get(place)?;
        let (rank, count) = (place as u32, self.choices.len() as u32);
        let usage = self.usage.share(rank, count);
        let rest = u64::from(u64::from(rank) < self.cost.0 % u64::from(count));
        let cost = Money(self.cost.0 / u64::from(count) + rest);
        Some(Completion { text: text.clone(), finish: *finish, usage, cost })
    }

    /// The key of choice `place`.
    pub fn key(&self, place: usize) -> Option<CompletionKey> {
        let (agent, _, _) = self.choices.get(place)?;
        Some(CompletionKey {
            moment: self.moment,
            agent: *agent,
            attempt: self.attempt,
            prompt: self.prompt,
            model: self.model,
            parameters: self.parameters,
        })
    }
}

/// Why a record could not be made durable.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("the completion store failed: {0}")]
pub struct StoreError(pub String);

/// Tells the bridge that a record is durable, or that it never will be.
///
/// Dropped without a word it reports a failure, so that no store can leave a round waiting.
#[derive(Debug)]
pub struct Ack {
    ticket: u64,
    line: Option<tokio::sync::mpsc::UnboundedSender<(u64, Result<(), StoreError>)>>,
}

impl Ack {
    pub(crate) fn new(
        ticket: u64,
        line: tokio::sync::mpsc::UnboundedSender<(u64, Result<(), StoreError>)>,
    ) -> Self {
        Self { ticket, line: Some(line) }
    }

    /// Reports the outcome; may be called from any thread.
    pub fn done(mut self, outcome: Result<(), StoreError>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Result<(), StoreError>) {
        if let Some(line) = self.line.take() {
            // The other end is gone only when the bridge is, and then nobody waits.
            let _ = line.send((self.ticket, outcome));
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.send(Err(StoreError("a record was dropped without an acknowledgement".to_owned())));
    }
}

/// Keeps completions. The bridge hands out no completion before its record is acknowledged, and has at
/// most `limits::STORE_PENDING_MAX` records waiting.
pub trait CompletionStore: Send + Sync {
    /// The completion kept under `key`. Where the store cannot tell, the exchange ends with the error: to
    /// take it for a `None` would be to pay twice.
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError>;

    /// Whether there may be completions of `moment`; where there are none, nothing of it is looked up.
    fn may_hold(&self, _moment: Moment) -> bool {
        true
    }

    /// Takes `record`; calls `ack.done` once it is durable. Must not block for long: it runs on the
    /// bridge's thread, so that a store which waits for a disk hands the record to a thread of its own.
    fn append(&self, record: Record, ack: Ack);
}

/// A store in memory, for tests and runs that need no resuming.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<BTreeMap<CompletionKey, Completion>>,
}

impl MemoryStore {
    /// Number of completions kept.
    pub fn len(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl CompletionStore for MemoryStore {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn may_hold(&self, moment: Moment) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let none = Digest([0; 32]);
        // Keys are ordered by their moments first, and this is the first of its moment.
        let first = CompletionKey {
            moment,
            agent: 0,
            attempt: 0,
            prompt: none,
            model: none,
            parameters: none,
        };
        kept.range(first..).next().is_some_and(|(key, _)| key.moment == moment)
    }

    fn append(&self, record: Record, ack: Ack) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for place in 0..record.choices.len() {
            if let Some((key, completion)) = record.key(place).zip(record.completion(place)) {
                kept.insert(key, completion);
            }
        }
        ack.done(Ok(()));
    }
}

/// A store that keeps nothing: every exchange is paid for anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl CompletionStore for Forgetful {
    fn lookup(&self, _: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        Ok(None)
    }

    fn may_hold(&self, _: Moment) -> bool {
        false
    }

    fn append(&self, _: Record, ack: Ack) {
        ack.done(Ok(()));
    }
}
