//! Nothing waits for ever: deadlines, dead endpoints, cancellation, and when to wake up next.

use super::work::{Span, Work};
use super::{Engine, Model};
use crate::exchange::Stop;
use crate::limits::DEATHS_MAX;
use crate::reply::Cause;
use crate::wire::transport::Transport;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

impl<T: Transport> Engine<T> {
    /// Ends what has waited long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        for model in 0..self.models.len() {
            for work in self.models[model].queue.pop_expired(now) {
                let (cause, words) =
                    work.last.clone().unwrap_or((Cause::Timeout, "no reply in time".to_owned()));
                self.fail(work, cause, &words);
            }
            self.expire_stalled(model, now);
        }
        let late: Vec<u32> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| {
                exchange.deadline.is_some_and(|deadline| deadline <= now) && exchange.stop.is_none()
            })
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.stop(id, Stop::Cancelled, Cause::Timeout, "the exchange's deadline passed");
        }
    }

    /// Fails the queue of a model that had no usable endpoint for too long, or will never have one.
    fn expire_stalled(&mut self, number: usize, now: Instant) {
        let model = &mut self.models[number];
        if model.queue.is_empty() || model.endpoints.iter().any(super::Endpoint::is_usable) {
            model.stalled_since = None;
            return;
        }
        let since = *model.stalled_since.get_or_insert(now);
        let patience = Duration::from_millis(model.config.patience.reply_ms);
        let off = model.endpoints.iter().all(|endpoint| endpoint.off.is_some());
        if !off && now < since + patience {
            return;
        }
        let why = model.endpoints.iter().find_map(|endpoint| endpoint.off.clone());
        let words = why.unwrap_or_else(|| "no endpoint was usable for too long".to_owned());
        self.fail_queue(number, |_| true, Cause::CircuitOpen, &words);
    }

    /// Fails what waits in the queue of `model` and is chosen; work that failed before keeps its own cause.
    pub(super) fn fail_queue(
        &mut self,
        model: usize,
        chosen: impl Fn(&Span) -> bool,
        cause: Cause,
        words: &str,
    ) {
        let (spans, waiting) = self.models[model].queue.drain(chosen);
        for span in spans {
            self.fail_span(span, cause, words);
        }
        for work in waiting {
            self.fail(work, cause, words);
        }
    }

    /// Fails the members of a cohort that nobody has asked for yet, since no endpoint takes its prompt.
    pub(super) fn drop_hopeless(
        &mut self,
        model: u16,
        of: &Span,
        (cause, words): &(Cause, String),
    ) {
        let same = |span: &Span| span.exchange == of.exchange && span.cohort == of.cohort;
        self.fail_queue(usize::from(model), same, *cause, words);
    }

    /// Fails everything that waits; what is in flight still counts.
    pub(super) fn stop_all_that_waits(&mut self, stop: Stop, cause: Cause, words: &str) {
        for exchange in self.exchanges.values_mut() {
            exchange.stop.get_or_insert(stop);
        }
        for model in 0..self.models.len() {
            self.fail_queue(model, |_| true, cause, words);
        }
    }

    /// Ends an exchange early: what waits and what is in flight fails, what is being stored is kept.
    pub(super) fn stop(&mut self, id: u32, stop: Stop, cause: Cause, words: &str) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        exchange.stop.get_or_insert(stop);
        let flights: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.work.span.exchange == id)
            .map(|(flight, _)| *flight)
            .collect();
        let now = Instant::now();
        for flight in flights {
            if let Some(flight) = self.flights.remove(&flight) {
                self.abandon(&flight, now);
                let mut work = self.end_flight(flight);
                work.tries = work.tries.saturating_add(1);
                self.fail(work, cause, words);
            }
        }
        for model in 0..self.models.len() {
            self.fail_queue(model, |span| span.exchange == id, cause, words);
        }
    }

    /// Ends the exchanges whose owners asked for it.
    pub(super) fn cancel_flagged(&mut self) {
        let flagged: Vec<u32> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| exchange.progress.cancelled.load(Ordering::Relaxed))
            .map(|(id, _)| *id)
            .collect();
        for id in flagged {
            self.stop(id, Stop::Cancelled, Cause::Cancelled, "the exchange was cancelled");
        }
    }

    /// Ends all exchanges.
    pub(super) fn cancel_all(&mut self) {
        let all: Vec<u32> = self.exchanges.keys().copied().collect();
        for id in all {
            self.stop(id, Stop::Cancelled, Cause::Cancelled, "the bridge ended");
        }
    }

    /// When to look again if nothing happens: at the next retry, the next closing of a circuit, the end of
    /// a pause or quota, the next deadline, the next copy of a straggler, or the end of the budget's time.
    /// Leaving any of these out makes the engine hang when nothing is in flight.
    pub(super) fn next_wake(&self, now: Instant) -> Option<Instant> {
        let of_models = self
            .models
            .iter()
            .filter(|model| !model.queue.is_empty())
            .flat_map(|model| model.wakes(now));
        let deadlines = self.exchanges.values().filter(|exchange| exchange.stop.is_none());
        let deadlines = deadlines.filter_map(|exchange| exchange.deadline);
        let budget = self
            .budget
            .ends_at()
            .filter(|_| self.models.iter().any(|model| !model.queue.is_empty()));
        let wakes = of_models.chain(deadlines).chain(budget).filter(|at| *at > now).min();
        wakes.into_iter().chain(self.next_hedge(now)).min()
    }

    fn next_hedge(&self, now: Instant) -> Option<Instant> {
        self.hedges().into_iter().map(|(at, _)| at).filter(|at| *at > now).min()
    }

    /// Puts away work under which too many endpoints died.
    pub(super) fn is_poison(&self, model: u16, work: &mut Work) -> bool {
        let endpoints = &self.models[usize::from(model)].endpoints;
        work.count_deaths(|endpoint| endpoints[usize::from(endpoint)].deaths)
    }

    /// Fails work as poison.
    pub(super) fn quarantine(&mut self, work: Work) {
        self.fail(
            work,
            Cause::Quarantined,
            &format!("{DEATHS_MAX} endpoints died while working on it"),
        );
    }
}

impl Model {
    /// The times at which something in this model's queue may become possible or impossible.
    fn wakes(&self, now: Instant) -> Vec<Instant> {
        let patience = Duration::from_millis(self.config.patience.reply_ms);
        let mut wakes: Vec<Instant> = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.off.is_none())
            .filter_map(|endpoint| endpoint.wakes(self.tokens_per_choice, now))
            .collect();
        wakes.extend(self.queue.next_due(now));
        wakes.extend(self.queue.next_deadline());
        wakes.extend(self.stalled_since.map(|since| since + patience));
        wakes
    }
}
