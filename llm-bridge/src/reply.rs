//! What comes back: a reply per ask, answered or failed with its cause.

use crate::answer::Answer;
use crate::money::{Money, Usage};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The one reply to an ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Answered or failed.
    pub status: Status,
    /// The agent's share of the tokens of all its paid attempts.
    pub usage: Usage,
    /// The agent's share of their price.
    pub cost: Money,
    /// Time of the last attempt from sending to the whole reply, in microseconds; 0 for a journaled one.
    pub latency_us: u32,
    /// Requests made for this reply, retries and repeated questions included.
    pub attempts: u16,
    /// The endpoint of the last attempt, by its place in the model's list.
    pub endpoint: Option<u16>,
}

/// How an ask ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// With a valid answer.
    Answered(Answer),
    /// Without one.
    Failed(Box<Failure>),
}

/// Why an ask ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure, to count by.
    pub cause: Cause,
    /// What happened, in words; never holds a key.
    pub message: String,
    /// The reply that could not be used, if there was one.
    pub raw: Option<String>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No whole reply in time.
    Timeout,
    /// The connection was refused, lost or broken.
    Refused,
    /// The reply was no valid answer, however often it was asked.
    Invalid,
    /// The server answered with this status.
    HttpStatus(u16),
    /// The prompt does not fit into the model's context.
    ContextLength,
    /// The budget was spent before the question could be asked.
    Budget,
    /// No endpoint was usable for too long.
    CircuitOpen,
    /// The exchange was cancelled.
    Cancelled,
    /// Endpoints died while working on it.
    Quarantined,
    /// It was to be answered from records, which have no completion of it.
    Unrecorded,
}

impl Reply {
    /// The answer, if there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.status {
            Status::Answered(answer) => Some(answer),
            Status::Failed(_) => None,
        }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.status {
            Status::Answered(_) => None,
            Status::Failed(failure) => Some(failure),
        }
    }
}

impl Status {
    pub(crate) fn failed(cause: Cause, message: String, raw: Option<String>) -> Self {
        Self::Failed(Box::new(Failure { cause, message, raw }))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::HttpStatus(status) => return write!(formatter, "http status {status}"),
            Self::ContextLength => "context length",
            Self::Budget => "budget",
            Self::CircuitOpen => "circuit open",
            Self::Cancelled => "cancelled",
            Self::Quarantined => "quarantined",
            Self::Unrecorded => "unrecorded",
        };
        formatter.write_str(word)
    }
}

/// Counts of an exchange: they add up to its number of asks, and to what its endpoints counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Asks that ended with an answer.
    pub answered: u64,
    /// Asks that ended without.
    pub failed: u64,
    /// Requests sent, retries, hedges and repeated questions included.
    pub requests: u64,
    /// Requests sent again after a transport failure.
    pub retries: u64,
    /// Copies of stragglers.
    pub hedges: u64,
    /// Questions asked again after an invalid reply.
    pub questions_again: u64,
    /// Completions paid for.
    pub completions: u64,
    /// Completions taken from the store instead.
    pub journaled: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
    /// Prompt tokens that servers had cached.
    pub cached_tokens: u64,
    /// Price of all of it.
    pub cost: Money,
}

impl Totals {
    /// Adds the counts of another exchange, or of the same one in another world.
    pub fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.requests += other.requests;
        self.retries += other.retries;
        self.hedges += other.hedges;
        self.questions_again += other.questions_again;
        self.completions += other.completions;
        self.journaled += other.journaled;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cost = self.cost.plus(other.cost);
    }
}
