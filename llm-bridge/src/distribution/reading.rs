//! Exchanges in distribution mode: readings through the responder beneath, then a draw per agent.

use super::{Distribution, Walk, continues, quotes, texts};
use crate::answer::{Answer, AnswerSpec};
use crate::cohort::{Ask, CohortKey};
use crate::digest::{mix, unit};
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Responder};
use crate::limits::READINGS_MAX;
use crate::model::BridgeConfig;
use crate::money::{Money, Usage};
use crate::reply::{Cause, Reply, Status, Totals};
use crate::store::Moment;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers for the models in distribution mode; whatever is asked of others is handed through.
///
/// A reading is made of ordinary asks for one token, in the name of the first agent of a cohort, so that it is
/// limited, tried again, journaled, counted and replayed like everything else. Worlds that share a responder share
/// its readings.
pub struct Drawing<R> {
    beneath: R,
    readings: Mutex<Readings>,
}

/// What was read for one exchange, by cohort: chances, or why there are none.
#[derive(Debug, Default)]
struct Readings {
    moment: Moment,
    by_cohort: BTreeMap<CohortKey, Result<Arc<Distribution>, Status>>,
}

/// A cohort whose chances are being read.
struct Reading {
    key: CohortKey,
    /// What its agents ask, in the name of the first of them.
    ask: Ask,
    walk: Walk,
}

impl<R: Responder> Drawing<R> {
    /// Draws on what `beneath` answers.
    pub fn on(beneath: R) -> Self {
        Self { beneath, readings: Mutex::default() }
    }

    fn draws(&self, ask: &Ask) -> bool {
        let model = self.config().models.get(usize::from(ask.model));
        model.is_some_and(|model| model.distribution.is_some())
    }

    /// Reads the chances for every cohort of `prepared` that was not read in this exchange yet.
    fn read(
        &self,
        prepared: &Prepared,
        readings: &mut Readings,
    ) -> Result<Exchanged, ExchangeError> {
        if readings.moment != prepared.batch.moment {
            *readings = Readings { moment: prepared.batch.moment, ..Readings::default() };
        }
        let mut open = self.begin(prepared, readings);
        let mut sum = Exchanged { replies: Vec::new(), totals: Totals::default(), stop: None };
        while !open.is_empty() && sum.stop.is_none() {
            let later = open.split_off(open.len().min(READINGS_MAX));
            let played = self.beneath.exchange(next_tokens(prepared, &open))?;
            sum.totals.add(&played.totals);
            sum.stop = played.stop;
            let took = open.into_iter().zip(played.replies);
            let further =
                took.filter_map(|(one, reply)| self.go_on(prepared, one, reply, readings));
            open = further.chain(later).collect();
            open.sort_unstable_by_key(|reading| reading.ask.agent);
        }
        Ok(sum)
    }

    /// The readings to make, by rising agents.
    fn begin(&self, prepared: &Prepared, readings: &mut Readings) -> Vec<Reading> {
        let mut open = Vec::new();
        for (cohort, key) in prepared.keyed() {
            if readings.by_cohort.contains_key(&key) {
                continue;
            }
            let model = &self.config().models[usize::from(cohort.ask.model)];
            let quirks = model.endpoints.first().map(crate::EndpointConfig::quirks);
            let quoting = quirks.as_ref().and_then(quotes).unwrap_or(false);
            let spec = &prepared.batch.answers[usize::from(cohort.ask.answer)];
            let continues = quirks.is_some_and(|quirks| continues(&quirks));
            let walk = Walk::new(texts(spec, quoting), continues);
            let before = prepared.batch.ranks_before.get(&key);
            let agent = before.map_or(cohort.ask.agent, |before| before.first);
            let reading = Reading { key, ask: Ask { agent, ..cohort.ask }, walk };
            if reading.walk.begun().is_some() {
                open.push(reading);
            } else {
                self.conclude(prepared, &reading, readings);
            }
        }
        open.sort_unstable_by_key(|reading| reading.ask.agent);
        open
    }

    /// Takes the reply to a reading's question; returns the reading if it has a further question.
    fn go_on(
        &self,
        prepared: &Prepared,
        mut reading: Reading,
        reply: Reply,
        readings: &mut Readings,
    ) -> Option<Reading> {
        let listed = match reply.status {
            Status::Answered(Answer::Text(text)) => tokens(&text),
            Status::Answered(_) => Err("the reply is no list of tokens".to_owned()),
            failed @ Status::Failed(_) => {
                readings.by_cohort.insert(reading.key, Err(failed));
                return None;
            }
        };
        if let Err(words) = listed.and_then(|listed| reading.walk.listed(&listed)) {
            let failed = Status::failed(Cause::Invalid, words, None);
            readings.by_cohort.insert(reading.key, Err(failed));
            return None;
        }
        if reading.walk.begun().is_some() {
            return Some(reading);
        }
        self.conclude(prepared, &reading, readings);
        None
    }

    fn conclude(&self, prepared: &Prepared, reading: &Reading, readings: &mut Readings) {
        let model = &self.config().models[usize::from(reading.ask.model)];
        let missing_max = model.distribution.unwrap_or_default().missing_max;
        let spec = &prepared.batch.answers[usize::from(reading.ask.answer)];
        let read = reading.walk.finish(spec, missing_max).map(Arc::new);
        let read = read.map_err(|words| Status::failed(Cause::Invalid, words, None));
        readings.by_cohort.insert(reading.key, read);
    }

    /// The replies to a batch of models in distribution mode, in the order of its asks.
    fn drawn(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let prepared = Prepared::new(batch, self.config())?;
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut played = self.read(&prepared, &mut readings)?;
        let mut replies = vec![None; prepared.batch.asks.len()];
        for (cohort, key) in prepared.keyed() {
            let read = readings.by_cohort.get(&key);
            let stream = mix(key.base_seed(prepared.batch.run_seed, prepared.batch.moment));
            for member in cohort.start..cohort.start + cohort.length {
                let at = unit(mix(stream ^ mix(prepared.ask(member).agent)));
                let place = prepared.cohorts.members[member as usize];
                replies[place as usize] = Some(reply(read, at));
            }
        }
        played.replies = replies.into_iter().flatten().collect();
        Ok(played)
    }
}

impl<R: Responder> Responder for Drawing<R> {
    fn config(&self) -> &BridgeConfig {
        self.beneath.config()
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let order: Vec<bool> = batch.asks.iter().map(|ask| self.draws(ask)).collect();
        if !order.contains(&true) {
            return self.beneath.exchange(batch);
        }
        let part = |wanted: bool| Batch {
            asks: batch.asks.iter().filter(|ask| self.draws(ask) == wanted).copied().collect(),
            ..batch.clone()
        };
        let drawn = self.drawn(part(true))?;
        let rest = self.beneath.exchange(part(false))?;
        let (mut of_drawn, mut of_rest) = (drawn.replies.into_iter(), rest.replies.into_iter());
        let next = |drawn: &bool| if *drawn { of_drawn.next() } else { of_rest.next() };
        let replies: Vec<Reply> = order.iter().filter_map(next).collect();
        let mut totals = drawn.totals;
        totals.add(&rest.totals);
        // Readings are no replies: every agent has exactly one.
        totals.answered = replies.iter().filter(|reply| reply.answer().is_some()).count() as u64;
        totals.failed = replies.len() as u64 - totals.answered;
        Ok(Exchanged { replies, totals, stop: drawn.stop.or(rest.stop) })
    }
}

/// The next question of each reading, as one batch.
fn next_tokens(prepared: &Prepared, open: &[Reading]) -> Batch {
    let mut answers: Vec<AnswerSpec> = Vec::new();
    let mut places: BTreeMap<(u16, &str), u16> = BTreeMap::new();
    let mut asks = Vec::with_capacity(open.len());
    for reading in open {
        let begun = reading.walk.begun().unwrap_or_default();
        let answer = *places.entry((reading.ask.answer, begun)).or_insert_with(|| {
            let of = Box::new(prepared.batch.answers[usize::from(reading.ask.answer)].clone());
            answers.push(AnswerSpec::Chances { of, begun: begun.to_owned() });
            answers.len() as u16 - 1
        });
        asks.push(Ask { answer, ..reading.ask });
    }
    let answers = answers.into();
    Batch { asks, answers, ranks_before: BTreeMap::new(), ..prepared.batch.clone() }
}

fn tokens(text: &str) -> Result<Vec<(String, f64)>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The reply at `at`, from 0 to 1; it costs nothing of its own: readings stand in the totals.
fn reply(read: Option<&Result<Arc<Distribution>, Status>>, at: f64) -> Reply {
    let status = match read {
        Some(Ok(read)) => Status::Answered(read.draw(at).clone()),
        Some(Err(failed)) => failed.clone(),
        None => Status::failed(Cause::Cancelled, "the exchange was stopped".to_owned(), None),
    };
    let (usage, cost) = (Usage::default(), Money::default());
    Reply { status, usage, cost, latency_us: 0, attempts: 0, endpoint: None }
}

impl<R> std::fmt::Debug for Drawing<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Drawing").finish_non_exhaustive()
    }
}
