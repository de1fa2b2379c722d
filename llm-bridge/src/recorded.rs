//! A stand-in for the bridge that knows only what was recorded: a round played again, with the network impossible.

use crate::answer::AnswerSpec;
use crate::engine::read;
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Responder};
use crate::model::BridgeConfig;
use crate::money::{Money, Usage};
use crate::parse::Invalid;
use crate::reply::{Cause, Reply, Status, Totals};
use crate::store::{Completion, CompletionKey, Moment, StoreError};
use std::sync::Arc;

/// What was recorded of rounds that have been played.
pub trait Records: Send + Sync {
    /// The completion that was used under `key`; none where the agent was asked no such question.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError>;

    /// Why `agent` had no answer, of whose question no completion is recorded.
    ///
    /// # Errors
    /// When the record cannot be read.
    fn cause(&self, moment: Moment, agent: u64) -> Result<Cause, StoreError>;
}

/// Answers from records alone.
pub struct Recorded {
    config: BridgeConfig,
    records: Arc<dyn Records>,
}

impl Recorded {
    /// A stand-in for a bridge with this configuration.
    pub fn new(config: BridgeConfig, records: Arc<dyn Records>) -> Self {
        Self { config, records }
    }

    fn reply(&self, prepared: &Prepared, cohort: u32, member: u32) -> Result<Reply, StoreError> {
        let spec = prepared.spec(cohort);
        let mut refused = None;
        for question in 0..=u8::MAX {
            let key = prepared.completion_key(cohort, member, question);
            let Some(completion) = self.records.lookup(&key)? else { break };
            match status(spec, &completion) {
                Ok(answered) => return Ok(reply(answered)),
                Err(failed) => refused = Some(failed),
            }
        }
        if let Some(failed) = refused {
            return Ok(reply(failed));
        }
        let cause = self.records.cause(prepared.batch.moment, prepared.ask(member).agent)?;
        Ok(reply(Status::failed(cause, "as it was recorded".to_owned(), None)))
    }
}

impl Responder for Recorded {
    fn config(&self) -> &BridgeConfig {
        &self.config
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let prepared = Prepared::new(batch, &self.config)?;
        let mut replies: Vec<Option<Reply>> = vec![None; prepared.batch.asks.len()];
        for (number, cohort) in prepared.cohorts.cohorts.iter().enumerate() {
            for member in cohort.start..cohort.start + cohort.length {
                let place = prepared.cohorts.members[member as usize];
                replies[place as usize] = Some(self.reply(&prepared, number as u32, member)?);
            }
        }
        let replies: Vec<Reply> = replies.into_iter().flatten().collect();
        let answered = replies.iter().filter(|reply| reply.answer().is_some()).count() as u64;
        let failed = replies.len() as u64 - answered;
        let totals = Totals { answered, failed, journaled: answered, ..Totals::default() };
        Ok(Exchanged { replies, totals, stop: None })
    }
}

/// The status that a completion leads to: answered, or failed unless it was asked again.
fn status(spec: &AnswerSpec, completion: &Completion) -> Result<Status, Status> {
    read(spec, &completion.text, completion.finish).map(Status::Answered).map_err(|error| {
        let cause = if error == Invalid::Withheld { Cause::Refused } else { Cause::Invalid };
        Status::failed(cause, error.to_string(), Some(completion.text.to_string()))
    })
}

fn reply(status: Status) -> Reply {
    let (usage, cost) = (Usage::default(), Money::default());
    Reply { status, usage, cost, latency_us: 0, attempts: 0, endpoint: None }
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Recorded").finish_non_exhaustive()
    }
}
