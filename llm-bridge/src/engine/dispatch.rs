//! From the queue into flight: which endpoint has room, what it takes, and whether the budget allows it.

use super::work::{Span, Work};
use super::{Arrival, Engine, Flight, Leg};
use crate::budget::Permit;
use crate::exchange::Stop;
use crate::limits::{STORE_PENDING_BYTES_MAX, STORE_PENDING_MAX};
use crate::reply::Cause;
use crate::wire::request::{self, Again};
use crate::wire::transport::{Address, LinkError, Transport};
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

impl<T: Transport> Engine<T> {
    /// Sends what can be sent, one request per model in turn, so that no model starves another.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.winding_down {
            return self.stop_all_that_waits(
                Stop::Cancelled,
                Cause::Cancelled,
                "the run was stopped",
            );
        }
        let count = self.models.len();
        let mut idle = 0;
        while idle < count && self.has_place() {
            let model = self.turn % count;
            self.turn = (model + 1) % count;
            idle = if self.send_one(model, now) { 0 } else { idle + 1 };
        }
        if self.has_place() {
            self.hedge(now);
        }
    }

    /// What is in flight or not yet durable would be paid for again after a crash, so it is bounded together.
    fn has_place(&self) -> bool {
        let pending = self.pending.len();
        self.legs_in_flight + pending < self.in_flight_max
            && pending < STORE_PENDING_MAX
            && self.pending_bytes < STORE_PENDING_BYTES_MAX
    }

    /// Sends one request of `model`; returns whether there was one to send and room for it.
    fn send_one(&mut self, model: usize, now: Instant) -> bool {
        if self.models[model].queue.is_empty() {
            return false;
        }
        match self.budget.permit(1, self.choices_in_flight, now) {
            Permit::Granted => {}
            Permit::Wait => return false,
            Permit::Refused => {
                self.stop_all_that_waits(Stop::Budget, Cause::Budget, "the budget is spent");
                return false;
            }
        }
        let mut tried = 0_u64;
        while let Some(endpoint) = self.emptiest(model, tried, now) {
            tried |= 1 << endpoint;
            if let Some(work) = self.take(model, endpoint, now) {
                self.send(model, endpoint, work, now);
                return true;
            }
        }
        false
    }

    /// The endpoint of `model` with the most room, other than those `tried`.
    fn emptiest(&self, model: usize, tried: u64, now: Instant) -> Option<usize> {
        let model = &self.models[model];
        let tokens = model.tokens_per_choice;
        let open =
            model.endpoints.iter().enumerate().filter(|(place, endpoint)| {
                tried >> place & 1 == 0 && endpoint.has_room(tokens, now)
            });
        open.min_by(|left, right| left.1.load().total_cmp(&right.1.load())).map(|(place, _)| place)
    }

    /// Work that `endpoint` may take: what was asked before first, as far as the retry budget allows.
    fn take(&mut self, model: usize, endpoint: usize, now: Instant) -> Option<Work> {
        let n_max = self.n_max(model, endpoint);
        if let Some(work) = self.take_waiting(model, endpoint, n_max, now) {
            return Some(work);
        }
        let exchanges = &self.exchanges;
        let state = &mut self.models[model];
        let count = state.endpoints.len() as u64;
        let prefers = |span: &Span| {
            count > 1
                && exchanges.get(&span.exchange).is_some_and(|exchange| {
                    let prompt = exchange.prepared.cohort(span.cohort).ask.prompt;
                    exchange.prepared.batch.prompts.affinity(prompt) % count == endpoint as u64
                })
        };
        // While one endpoint is on trial a large request would be a large loss.
        let most = if state.endpoints[endpoint].circuit.is_closed() { n_max } else { 1 };
        let span = state.queue.pop_fresh(|_| most, prefers)?;
        let patience = Duration::from_millis(state.config.patience.reply_ms);
        Some(Work::new(span, now + patience))
    }

    fn take_waiting(
        &mut self,
        model: usize,
        endpoint: usize,
        n_max: u32,
        now: Instant,
    ) -> Option<Work> {
        let state = &self.models[model];
        // Without a budget for retries one at a time still goes out when nothing else is under way, or
        // nothing could ever earn a new budget.
        let affordable = state.retries.has() || state.in_flight == 0;
        let mut work = loop {
            let mut queue = std::mem::take(&mut self.models[model].queue);
            let state = &self.models[model];
            let found = queue.pop_waiting(now, |work| {
                state.suits(work, endpoint) && (work.tries == 0 || affordable)
            });
            self.models[model].queue = queue;
            let mut work = found?;
            if self.is_poison(model as u16, &mut work) {
                self.quarantine(work);
            } else if self.models[model].suits(&work, endpoint) {
                break work;
            } else {
                // It has just become suspect, and waits until it can be sent alone.
                self.models[model].queue.push_waiting(work, now);
            }
        };
        if work.tries > 0 {
            self.models[model].retries.take();
        }
        if let Some(rest) = work.split_off(n_max) {
            self.models[model].queue.push_waiting(rest, now);
        }
        Some(work)
    }

    fn n_max(&self, model: usize, endpoint: usize) -> u32 {
        let model = &self.models[model];
        if model.config.coalesce { model.endpoints[endpoint].n_max() } else { 1 }
    }

    fn send(&mut self, model: usize, endpoint: usize, work: Work, now: Instant) {
        if work.is_suspect() {
            self.models[model].suspects += 1;
        }
        let is_retry = work.tries > 0;
        let exchange =
            self.exchanges.get_mut(&work.span.exchange).expect("its exchange has not ended");
        exchange.totals.retries += u64::from(is_retry);
        self.choices_in_flight += u64::from(work.span.length);
        let id = self.next_flight;
        self.next_flight += 1;
        let mut flight =
            Flight { model: model as u16, work, legs: Vec::with_capacity(1), hedged: false };
        self.launch(id, &mut flight, endpoint, 0, now);
        self.flights.insert(id, flight);
    }

    /// Sends one leg of `flight` to `endpoint`.
    fn launch(&mut self, id: u64, flight: &mut Flight, endpoint: usize, number: u8, now: Instant) {
        let work = &flight.work;
        let model = &mut self.models[usize::from(flight.model)];
        let exchange =
            self.exchanges.get_mut(&work.span.exchange).expect("its exchange has not ended");
        let prepared = &exchange.prepared;
        let prompts = &prepared.batch.prompts;
        let prompt = prepared.cohort(work.span.cohort).ask.prompt;
        let tokens = prompts.length(prompt) as f64 / 4.0
            + model.tokens_per_choice * f64::from(work.span.length);
        let state = &mut model.endpoints[endpoint];
        let key = prepared.key(work.span.cohort).parameters.short();
        let config = &model.config;
        let head = state.head(key, prepared.spec(work.span.cohort), || prepared.model(config));
        let begun = prepared.spec(work.span.cohort).begun().filter(|begun| !begun.is_empty());
        let begun = begun.map(Again::begun);
        let again = begun.as_ref().or(work.again.as_deref());
        let seed = state.takes_seeds().then(|| prepared.seed(work.span.cohort, work.span.start));
        let api = config.api;
        let body = request::body(&head, work.span.length, seed, prompts, (api, prompt), again);
        state.sent(tokens, now);
        model.in_flight += 1;
        exchange.totals.requests += 1;
        exchange.progress.requests.fetch_add(1, Ordering::Relaxed);
        exchange.progress.in_flight.fetch_add(1, Ordering::Relaxed);
        self.budget.sent();
        self.legs_in_flight += 1;

        let attempt = Duration::from_millis(model.config.patience.attempt_ms);
        let end =
            (now + attempt).min(work.deadline).min(exchange.deadline.unwrap_or(work.deadline));
        let address = Address { model: flight.model, endpoint: endpoint as u16 };
        let reply = tokio::time::timeout_at(end, self.transport.post(address, api.path(), body));
        let (abort, registration) = AbortHandle::new_pair();
        let leg = async move {
            let landed = match Abortable::new(reply, registration).await {
                Ok(Ok(landed)) => Some(landed),
                Ok(Err(_)) => Some(Err(LinkError::Timeout(end - now))),
                Err(_) => None,
            };
            (id, number, landed) as Arrival
        };
        self.arrivals.push(leg.boxed_local());
        flight.legs.push(Leg { number, endpoint: endpoint as u16, sent: now, tokens, abort });
    }

    /// Sends copies of stragglers whose model hedges and has nothing else to send.
    fn hedge(&mut self, now: Instant) {
        let late = self.hedges().into_iter().filter(|(at, _)| *at <= now);
        for (_, id) in late.collect::<Vec<_>>() {
            let Some(mut flight) = self.flights.remove(&id) else { continue };
            let model = usize::from(flight.model);
            let first = 1 << flight.legs[0].endpoint;
            let endpoint =
                self.emptiest(model, first, now).or_else(|| self.emptiest(model, 0, now));
            let granted = self.budget.permit(1, self.choices_in_flight, now) == Permit::Granted;
            let endpoint = endpoint.filter(|_| granted && self.has_place());
            if let Some(endpoint) = endpoint.filter(|_| self.models[model].retries.take()) {
                flight.hedged = true;
                self.launch(id, &mut flight, endpoint, 1, now);
                let exchange = self.exchanges.get_mut(&flight.work.span.exchange);
                exchange.expect("its exchange has not ended").totals.hedges += 1;
            }
            self.flights.insert(id, flight);
        }
    }

    /// The flights of which a copy would be sent, and when: never while their model has other work, and
    /// never without a seed, since only seeds make both copies say the same.
    pub(super) fn hedges(&self) -> Vec<(Instant, u64)> {
        let tail = |model: &super::Model| model.config.hedge && model.queue.is_empty();
        if !self.models.iter().any(tail) {
            return Vec::new();
        }
        let delays = |model: &super::Model| -> Vec<Option<Duration>> {
            let hedged = |endpoint: &super::Endpoint| {
                endpoint
                    .takes_seeds()
                    .then(|| endpoint.hedge_after())
                    .flatten()
                    .filter(|_| tail(model))
            };
            model.endpoints.iter().map(hedged).collect()
        };
        let delays: Vec<Vec<Option<Duration>>> = self.models.iter().map(delays).collect();
        let copy_at = |(id, flight): (&u64, &Flight)| {
            let leg =
                flight.legs.first().filter(|_| !flight.hedged && !flight.work.is_suspect())?;
            let after = delays[usize::from(flight.model)][usize::from(leg.endpoint)]?;
            Some((leg.sent + after, *id))
        };
        self.flights.iter().filter_map(copy_at).collect()
    }
}
