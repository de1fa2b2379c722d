//! From flight onwards: what a reply or its absence means for the endpoint, the work and the agents.

use super::work::{Span, Work};
use super::{Arrival, Engine, Flight, Leg};
use crate::answer::{Answer, AnswerSpec};
use crate::cohort::runs;
use crate::limits::RETRY_AFTER_MAX;
use crate::money::{Money, Usage};
use crate::parse::{Invalid, parse};
use crate::reply::Cause;
use crate::retry::{Verdict, backoff, verdict};
use crate::store::{Ack, Finish, Record};
use crate::wire::response::{Decoded, chances, decode, error_words};
use crate::wire::transport::{Landed, LinkError, Transport};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Choices that wait for the store's acknowledgement.
#[derive(Debug)]
pub(super) struct Pending {
    pub model: u16,
    pub endpoint: u16,
    pub span: Span,
    pub question: u8,
    pub tries: u8,
    pub deadline: Instant,
    pub latency_us: u32,
    pub usage: Usage,
    pub cost: Money,
    /// Bytes of the texts.
    pub bytes: usize,
    /// Per choice its place in the span, and its answer or what is wrong with it.
    pub choices: Vec<(u32, Result<Answer, Refused>)>,
}

/// A choice that is no answer.
#[derive(Debug)]
pub(super) struct Refused {
    pub error: Invalid,
    pub raw: Box<str>,
}

impl<T: Transport> Engine<T> {
    /// Handles the end of one leg.
    pub(super) fn on_arrival(&mut self, (id, number, landed): Arrival) {
        // Legs that were given up were accounted for when that happened.
        let Some(landed) = landed else { return };
        let Some(mut flight) = self.flights.remove(&id) else { return };
        let now = Instant::now();
        let Some(place) = flight.legs.iter().position(|leg| leg.number == number) else { return };
        let leg = flight.legs.swap_remove(place);
        self.end_leg(flight.model, &flight.work.span, &leg, now);
        match landed {
            Ok(landed) if landed.status == 200 => self.on_reply(id, flight, &leg, landed, now),
            Ok(landed) => self.on_status(id, flight, &leg, landed, now),
            Err(error) => self.on_link_error(id, flight, &leg, error, now),
        }
    }

    /// Accounts for a leg that is no longer under way.
    pub(super) fn end_leg(&mut self, model: u16, span: &Span, leg: &Leg, now: Instant) {
        let model = &mut self.models[usize::from(model)];
        let endpoint = &mut model.endpoints[usize::from(leg.endpoint)];
        endpoint.in_flight -= 1;
        model.in_flight -= 1;
        self.legs_in_flight -= 1;
        // What it really took is added when that is known.
        endpoint.correct_tokens(-leg.tokens, now);
        if let Some(exchange) = self.exchanges.get(&span.exchange) {
            exchange.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Gives up all legs of `flight`; their connections close.
    pub(super) fn abandon(&mut self, flight: &Flight, now: Instant) {
        for leg in &flight.legs {
            leg.abort.abort();
            self.end_leg(flight.model, &flight.work.span, leg, now);
            let endpoint =
                &mut self.models[usize::from(flight.model)].endpoints[usize::from(leg.endpoint)];
            endpoint.circuit.ended_silently(now);
            endpoint.counters.abandoned += 1;
        }
    }

    /// Accounts for a flight that has ended, and hands out its work.
    pub(super) fn end_flight(&mut self, flight: Flight) -> Work {
        self.choices_in_flight -= u64::from(flight.work.span.length);
        if flight.work.is_suspect() {
            self.models[usize::from(flight.model)].suspects -= 1;
        }
        flight.work
    }

    fn on_reply(&mut self, id: u64, flight: Flight, leg: &Leg, landed: Landed, now: Instant) {
        let wanted = flight.work.span.length;
        let exchange = &self.exchanges[&flight.work.span.exchange];
        let decoded = match exchange.prepared.spec(flight.work.span.cohort) {
            AnswerSpec::Chances { .. } => chances(&landed.body),
            _ => decode(&landed.body, wanted),
        };
        match decoded {
            Err(error) => {
                self.endpoint(flight.model, leg.endpoint).failed(false, now);
                self.on_failure(id, flight, leg.endpoint, Cause::Invalid, error.to_string(), now);
            }
            Ok(decoded) => {
                self.abandon(&flight, now);
                let endpoint = self.endpoint(flight.model, leg.endpoint);
                endpoint.replied(wanted, decoded.choices.len() as u32, now - leg.sent, now);
                let model = flight.model;
                let work = self.end_flight(flight);
                self.models[usize::from(model)].retries.earn();
                self.on_choices(model, leg, work, decoded, now);
            }
        }
    }

    /// Sends what is missing back to the queue and hands what came to the store.
    fn on_choices(&mut self, model: u16, leg: &Leg, work: Work, decoded: Decoded, now: Instant) {
        let usage = self.reckon(model, leg.endpoint, &decoded, now);
        let cost = self.models[usize::from(model)].config.price.of(&usage);
        let latency_us = u32::try_from((now - leg.sent).as_micros()).unwrap_or(u32::MAX);
        self.note_paid(&work.span, decoded.choices.len() as u64, &usage, cost);
        let mut present = vec![false; work.span.length as usize];
        decoded.choices.iter().for_each(|(index, _, _)| present[*index as usize] = true);
        for run in runs(work.span.length, |place| !present[place as usize]) {
            let span = Span { start: work.span.start + run.start, length: run.length, ..work.span };
            let mut rest = Work::new(span, work.deadline);
            rest.question = work.question;
            rest.again.clone_from(&work.again);
            self.models[usize::from(model)].queue.push_waiting(rest, now);
        }
        let exchange = &self.exchanges[&work.span.exchange];
        let prepared = &exchange.prepared;
        let spec = prepared.spec(work.span.cohort);
        let mut choices = Vec::with_capacity(decoded.choices.len());
        let mut texts = Vec::with_capacity(decoded.choices.len());
        let bytes = decoded.choices.iter().map(|(_, text, _)| text.len()).sum();
        for (index, text, finish) in decoded.choices {
            let read = read(spec, &text, finish);
            choices.push((index, read.map_err(|error| Refused { error, raw: text.clone() })));
            texts.push((prepared.ask(work.span.start + index).agent, text, finish));
        }
        let key = prepared.key(work.span.cohort);
        let record = Record {
            moment: prepared.batch.moment,
            attempt: work.question,
            prompt: key.prompt,
            model: key.model,
            parameters: key.parameters,
            model_index: model,
            endpoint: leg.endpoint,
            latency_us,
            usage,
            cost,
            choices: texts,
        };
        let (span, question, tries, deadline) =
            (work.span, work.question, work.tries, work.deadline);
        let pending = Pending {
            model,
            endpoint: leg.endpoint,
            span,
            question,
            tries,
            deadline,
            latency_us,
            usage,
            cost,
            bytes,
            choices,
        };
        self.pending_bytes += bytes;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.pending.insert(ticket, pending);
        self.store.append(record, Ack::new(ticket, self.ack_sender.clone()));
    }

    /// The tokens of a reply, corrected for servers that count one choice only.
    fn reckon(&mut self, model: u16, endpoint: u16, decoded: &Decoded, now: Instant) -> Usage {
        let state = &mut self.models[usize::from(model)];
        let count = decoded.choices.len() as u32;
        let endpoint = &mut state.endpoints[usize::from(endpoint)];
        let mut usage = decoded.usage;
        if endpoint.quirks.usage_of_one_choice {
            usage.completion_tokens = usage.completion_tokens.saturating_mul(count);
        }
        endpoint.correct_tokens(usage.total() as f64, now);
        let mean = f64::from(usage.completion_tokens) / f64::from(count.max(1));
        state.tokens_per_choice += (mean - state.tokens_per_choice) / 16.0;
        usage
    }

    fn note_paid(&mut self, span: &Span, choices: u64, usage: &Usage, cost: Money) {
        self.budget.paid(choices, usage, cost);
        let exchange = self.exchanges.get_mut(&span.exchange).expect("its exchange has not ended");
        let totals = &mut exchange.totals;
        totals.completions += choices;
        totals.prompt_tokens += u64::from(usage.prompt_tokens);
        totals.completion_tokens += u64::from(usage.completion_tokens);
        totals.cached_tokens += u64::from(usage.cached_tokens);
        totals.cost = totals.cost.plus(cost);
        exchange.progress.tokens.fetch_add(usage.total(), Ordering::Relaxed);
        exchange.progress.cost.fetch_add(cost.0, Ordering::Relaxed);
    }

    fn on_status(&mut self, id: u64, mut flight: Flight, leg: &Leg, landed: Landed, now: Instant) {
        let status = landed.status;
        let (verdict, cause) = verdict(status, &String::from_utf8_lossy(&landed.body));
        let words = format!("status {status}: {}", error_words(&landed.body));
        let endpoint = self.endpoint(flight.model, leg.endpoint);
        match verdict {
            Verdict::Busy => {
                endpoint.failed(true, now);
                if let Some(wait) = landed.retry_after {
                    endpoint.pause(wait, now);
                    flight.work.rest = wait.min(RETRY_AFTER_MAX);
                }
                flight.work.refusals = flight.work.refusals.saturating_add(u8::from(status == 503));
            }
            Verdict::Broken => {
                endpoint.failed(true, now);
                flight.work.server_errors =
                    flight.work.server_errors.saturating_add(u8::from(status == 500));
            }
            Verdict::Elsewhere | Verdict::Fatal => endpoint.answered_with_error(),
            Verdict::EndpointSpent => {
                endpoint.answered_with_error();
                endpoint.off = Some(words.clone());
            }
        }
        match verdict {
            Verdict::Busy | Verdict::Broken => {
                self.on_failure(id, flight, leg.endpoint, cause, words, now);
            }
            Verdict::Elsewhere | Verdict::EndpointSpent => {
                self.abandon(&flight, now);
                let model = flight.model;
                let work = self.end_flight(flight);
                self.send_elsewhere(model, leg.endpoint, work, (cause, words), now);
            }
            Verdict::Fatal => {
                self.abandon(&flight, now);
                let model = flight.model;
                let work = self.end_flight(flight);
                self.on_fatal(model, leg.endpoint, work, (cause, words), now);
            }
        }
    }

    /// A request that was refused as bad: perhaps only for its number of choices.
    fn on_fatal(
        &mut self,
        model: u16,
        endpoint: u16,
        mut work: Work,
        why: (Cause, String),
        now: Instant,
    ) {
        let choices = work.span.length;
        let state = self.endpoint(model, endpoint);
        if choices > 1 && why.0 != Cause::ContextLength {
            state.halve_choices(choices);
            let rest = work.split_off(choices / 2);
            let queue = &mut self.models[usize::from(model)].queue;
            queue.push_waiting(work, now);
            if let Some(rest) = rest {
                queue.push_waiting(rest, now);
            }
            return;
        }
        state.restore_choices();
        if work.question == 0 {
            let exchange =
                self.exchanges.get_mut(&work.span.exchange).expect("its exchange has not ended");
            exchange.hopeless.insert(work.span.cohort, why.clone());
            self.drop_hopeless(model, &work.span, &why);
        }
        self.fail(work, why.0, &why.1);
    }

    /// Sends `work` to an endpoint that has not turned it away yet, or fails it.
    fn send_elsewhere(
        &mut self,
        model: u16,
        endpoint: u16,
        mut work: Work,
        why: (Cause, String),
        now: Instant,
    ) {
        work.avoid |= 1 << endpoint;
        work.tries = work.tries.saturating_add(1);
        let endpoints = &self.models[usize::from(model)].endpoints;
        let left = endpoints
            .iter()
            .enumerate()
            .any(|(place, endpoint)| endpoint.off.is_none() && work.avoid >> place & 1 == 0);
        if left {
            work.last = Some(why);
            self.models[usize::from(model)].queue.push_waiting(work, now);
        } else {
            self.fail(work, why.0, &why.1);
        }
    }

    fn on_link_error(
        &mut self,
        id: u64,
        mut flight: Flight,
        leg: &Leg,
        error: LinkError,
        now: Instant,
    ) {
        let endpoint = self.endpoint(flight.model, leg.endpoint);
        let cause = match &error {
            LinkError::Refused(_) => {
                endpoint.refused_connection();
                Cause::Refused
            }
            LinkError::Lost(_) => {
                endpoint.lost();
                flight.work.losses.push((leg.endpoint, endpoint.deaths));
                Cause::Refused
            }
            LinkError::TooLarge(_) => Cause::Invalid,
            LinkError::Timeout(_) => Cause::Timeout,
        };
        endpoint.failed(false, now);
        self.on_failure(id, flight, leg.endpoint, cause, error.to_string(), now);
    }

    /// A request that brought nothing: again later, unless its copy is still under way or it is enough.
    fn on_failure(
        &mut self,
        id: u64,
        flight: Flight,
        endpoint: u16,
        cause: Cause,
        words: String,
        now: Instant,
    ) {
        if !flight.legs.is_empty() {
            self.flights.insert(id, flight);
            return;
        }
        let model = flight.model;
        let mut work = self.end_flight(flight);
        work.tries = work.tries.saturating_add(1);
        work.shun = Some(endpoint);
        work.last = Some((cause, words));
        let state = &mut self.models[usize::from(model)];
        let patience = &state.config.patience;
        let spent = work.tries >= patience.attempts_max
            || work.server_errors >= patience.attempts_on_500_max;
        let at = now + backoff(id, work.tries).max(std::mem::take(&mut work.rest));
        if spent || at >= work.deadline {
            let (cause, words) = work.last.clone().expect("it was set above");
            return self.fail(work, cause, &words);
        }
        if work.refusals >= 2 && work.span.length > 1 {
            let half = work.span.length / 2;
            let rest = work.split_off(half);
            if let Some(rest) = rest {
                state.queue.push_waiting(rest, at + Duration::from_millis(1));
            }
        }
        state.queue.push_waiting(work, at);
    }

    fn endpoint(&mut self, model: u16, endpoint: u16) -> &mut super::Endpoint {
        &mut self.models[usize::from(model)].endpoints[usize::from(endpoint)]
    }
}

/// The answer in a completion, or what is wrong with it.
pub(crate) fn read(spec: &AnswerSpec, text: &str, finish: Finish) -> Result<Answer, Invalid> {
    match finish {
        Finish::Stop => parse(spec, text),
        Finish::Length => Err(Invalid::CutOff),
        Finish::Withheld => Err(Invalid::Withheld),
    }
}
