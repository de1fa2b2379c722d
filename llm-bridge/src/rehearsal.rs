//! A stand-in for the bridge that answers at random and pays nothing: what a run would ask, before it asks.

use crate::answer::AnswerSpec;
use crate::constraint::schema;
use crate::digest::mix;
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Responder};
use crate::mock::Policy;
use crate::mock::sample::Sampler;
use crate::model::BridgeConfig;
use crate::money::{Money, Usage};
use crate::parse::parse;
use crate::reply::{Cause, Reply, Status, Totals};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// Answers every question with a random answer of its type, and keeps the batches that it was asked.
///
/// The prompts of later rounds depend on earlier answers; those of a rehearsal have the right form and
/// length, not the right content.
#[derive(Debug)]
pub struct Rehearsal {
    config: BridgeConfig,
    asked: Mutex<Vec<Batch>>,
}

impl Rehearsal {
    /// A stand-in for a bridge with this configuration.
    pub fn new(config: BridgeConfig) -> Self {
        Self { config, asked: Mutex::default() }
    }

    /// The batches asked since the last call, in order.
    pub fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Responder for Rehearsal {
    fn config(&self) -> &BridgeConfig {
        &self.config
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let prepared = Prepared::new(batch.clone(), &self.config)?;
        let schemas: Vec<Value> = batch.answers.iter().map(document).collect();
        let seed = mix(batch.run_seed ^ u64::from(batch.moment.round) << 32)
            ^ u64::from(batch.moment.exchange);
        let reply = |ask: &crate::cohort::Ask| {
            let place = usize::from(ask.answer);
            let text = Sampler::new(Some(&schemas[place]), &Policy::Uniform, "")
                .draw(mix(seed ^ mix(ask.agent)));
            answered(&prepared.batch.answers[place], &text)
        };
        let replies: Vec<Reply> = batch.asks.iter().map(reply).collect();
        let answered = replies.iter().filter(|reply| reply.answer().is_some()).count() as u64;
        let failed = replies.len() as u64 - answered;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        Ok(Exchanged {
            replies,
            totals: Totals { answered, failed, ..Totals::default() },
            stop: None,
        })
    }
}

fn document(spec: &AnswerSpec) -> Value {
    serde_json::from_str(&schema(spec, false)).expect("a schema is JSON")
}

fn answered(spec: &AnswerSpec, text: &str) -> Reply {
    let status = match parse(spec, text) {
        Ok(answer) => Status::Answered(answer),
        Err(error) => Status::failed(Cause::Invalid, error.to_string(), Some(text.to_owned())),
    };
    let (usage, cost) = (Usage::default(), Money::default());
    Reply { status, usage, cost, latency_us: 0, attempts: 0, endpoint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohort::Ask;
    use crate::model::ModelConfig;
    use crate::prompt::{Prompts, Role};
    use crate::store::Moment;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn everyone_has_an_answer_of_the_type_and_nothing_is_paid() {
        let config = BridgeConfig {
            models: vec![ModelConfig::at("m", "http://127.0.0.1:9/v1")],
            ..BridgeConfig::default()
        };
        let rehearsal = Rehearsal::new(config);
        let mut prompts = Prompts::new();
        let prompt = prompts.ask(&[(Role::User, "Guess.")]).unwrap();
        let ask = |agent| Ask { agent, prompt, model: 0, answer: 0 };
        let batch = Batch {
            moment: Moment::default(),
            run_seed: 1,
            asks: (0..500).map(ask).collect(),
            prompts: Arc::new(prompts),
            answers: Arc::from([AnswerSpec::Number { min: 0.0, max: 100.0, decimals: 2 }]),
            deadline: None,
            failed_max: None,
            ranks_before: BTreeMap::new(),
            apart: None,
        };
        let played = rehearsal.exchange(batch.clone()).unwrap();
        assert_eq!((played.totals.answered, played.totals.failed), (500, 0));
        assert_eq!((played.totals.requests, played.totals.cost), (0, Money::default()));
        assert_eq!(played, rehearsal.exchange(batch).unwrap(), "it answers the same again");
        assert_eq!((rehearsal.take().len(), rehearsal.take().len()), (2, 0));
    }
}
