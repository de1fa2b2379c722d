//! An endpoint as the engine sees it: how full it is, whether it works, what was learnt of it.

use crate::adaptive::AdaptiveLimit;
use crate::answer::AnswerSpec;
use crate::circuit::Circuit;
use crate::limits::{
    CHOICES_MAX, HEDGE_AFTER_MIN, LATENCIES_KEPT, RETRY_AFTER_MAX, SHORT_REPLIES_MAX,
};
use crate::model::{EndpointConfig, ModelConfig};
use crate::quirk::{Quirks, Seeds};
use crate::quota::Quota;
use crate::wire::request;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Counts of one endpoint, to be compared with its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointCounters {
    /// Requests sent.
    pub requests: u64,
    /// Replies with status 200 whose body could be read.
    pub replies: u64,
    /// Choices in them.
    pub choices: u64,
    /// Error statuses.
    pub statuses: u64,
    /// Lost connections, timeouts and unreadable bodies.
    pub failures: u64,
    /// Requests given up by us: cancelled, or the slower of two copies.
    pub abandoned: u64,
    /// Times its circuit opened.
    pub openings: u64,
}

/// One endpoint at work.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub in_flight: usize,
    pub limit: AdaptiveLimit,
    pub circuit: Circuit,
    pub counters: EndpointCounters,
    pub quirks: Quirks,
    /// Times it was found dead after losing connections.
    pub deaths: u32,
    /// Why it takes nothing any more.
    pub off: Option<String>,
    weight: f64,
    in_flight_max: usize,
    n_configured: u32,
    n_max: u32,
    short_replies: u32,
    paused_until: Option<Instant>,
    requests: Option<Quota>,
    tokens: Option<Quota>,
    lost_since_success: bool,
    heads: BTreeMap<u64, Arc<str>>,
    latencies: Vec<u32>,
    next_latency: usize,
    seeds: bool,
}

impl Endpoint {
    pub(super) fn new(config: &EndpointConfig, model: &ModelConfig, now: Instant) -> Self {
        let quirks = config.quirks.apply(config.server.quirks());
        let n_configured = quirks.n_max.min(model.n_max).clamp(1, CHOICES_MAX);
        Self {
            in_flight: 0,
            limit: AdaptiveLimit::new(config.in_flight_max, now),
            circuit: Circuit::default(),
            counters: EndpointCounters::default(),
            quirks,
            deaths: 0,
            off: None,
            weight: config.weight,
            in_flight_max: config.in_flight_max,
            n_configured,
            n_max: n_configured,
            short_replies: 0,
            paused_until: None,
            requests: config.requests_per_minute.map(|most| Quota::new(most, now)),
            tokens: config.tokens_per_minute.map(|most| Quota::new(most, now)),
            lost_since_success: false,
            heads: BTreeMap::new(),
            latencies: Vec::new(),
            next_latency: 0,
            seeds: model.seeds && quirks.seeds == Seeds::Consecutive,
        }
    }

    /// Whether it takes a request now.
    pub(super) fn has_room(&self, tokens: f64, now: Instant) -> bool {
        self.off.is_none()
            && self.circuit.admits(now)
            && self.in_flight < self.limit.limit().min(self.in_flight_max)
            && self.wakes(tokens, now).is_none_or(|at| at <= now)
    }

    /// When it takes requests again, as far as pauses, quotas and its circuit say.
    pub(super) fn wakes(&self, tokens: f64, now: Instant) -> Option<Instant> {
        let quotas = [
            self.requests.as_ref().map(|quota| quota.free_at(1.0, now)),
            self.tokens.as_ref().map(|quota| quota.free_at(tokens, now)),
        ];
        quotas.into_iter().chain([self.paused_until, self.circuit.opens_at()]).flatten().max()
    }

    /// Whether it is believed to work.
    pub(super) fn is_usable(&self) -> bool {
        self.off.is_none() && self.circuit.is_closed()
    }

    /// How full it is, so that the emptiest is chosen.
    pub(super) fn load(&self) -> f64 {
        (self.in_flight as f64 + 1.0) / (self.limit.limit() as f64 * self.weight)
    }

    /// Choices that one request may ask for.
    pub(super) fn n_max(&self) -> u32 {
        self.n_max
    }

    /// Whether seeds are sent.
    pub(super) fn takes_seeds(&self) -> bool {
        self.seeds
    }

    /// The shared part of bodies for the answer type `spec`, whose digest is `key`.
    pub(super) fn head<'m>(
        &mut self,
        key: u64,
        spec: &AnswerSpec,
        model: impl FnOnce() -> Cow<'m, ModelConfig>,
    ) -> Arc<str> {
        let quirks = &self.quirks;
        let write = || request::head(&model(), quirks, spec).into();
        Arc::clone(self.heads.entry(key).or_insert_with(write))
    }

    /// Notes that a request of so many estimated tokens is sent.
    pub(super) fn sent(&mut self, tokens: f64, now: Instant) {
        self.in_flight += 1;
        self.counters.requests += 1;
        self.circuit.sent();
        if let Some(quota) = &mut self.requests {
            quota.used(1.0, now);
        }
        self.correct_tokens(tokens, now);
    }

    /// Corrects the count of tokens by `tokens`, which may be negative.
    pub(super) fn correct_tokens(&mut self, tokens: f64, now: Instant) {
        if let Some(quota) = &mut self.tokens {
            quota.used(tokens, now);
        }
    }

    /// Notes a readable reply with `got` of `wanted` choices; learns when fewer come again and again.
    pub(super) fn replied(&mut self, wanted: u32, got: u32, latency: Duration, now: Instant) {
        self.counters.replies += 1;
        self.counters.choices += u64::from(got);
        self.lost_since_success = false;
        if !self.circuit.is_closed() {
            self.limit.recovered(now);
        }
        self.circuit.succeeded();
        self.limit.completed(self.in_flight + 1, now);
        self.note_latency(latency);
        if got >= wanted {
            self.short_replies = 0;
            return;
        }
        self.short_replies += 1;
        if self.short_replies >= SHORT_REPLIES_MAX {
            self.short_replies = 0;
            self.n_max = self.n_max.min(got.max(1));
        }
    }

    /// Notes an error status that says nothing against the endpoint's health.
    pub(super) fn answered_with_error(&mut self) {
        self.counters.statuses += 1;
        self.lost_since_success = false;
        self.circuit.succeeded();
    }

    /// Notes that a request for `choices` at once was refused as bad: fewer may be taken.
    pub(super) fn halve_choices(&mut self, choices: u32) {
        self.n_max = self.n_max.min((choices / 2).max(1));
    }

    /// Notes that a request for one choice was refused as bad too: it was not the number.
    pub(super) fn restore_choices(&mut self) {
        self.n_max = self.n_configured;
    }

    /// Notes a refusal, a broken connection or a timeout.
    pub(super) fn failed(&mut self, is_status: bool, now: Instant) {
        if is_status {
            self.counters.statuses += 1;
        } else {
            self.counters.failures += 1;
        }
        self.limit.refused(now);
        if self.circuit.failed(now) {
            self.counters.openings += 1;
        }
    }

    /// Notes that a connection was lost under a request.
    pub(super) fn lost(&mut self) {
        self.lost_since_success = true;
    }

    /// Notes that no connection can be opened: after a loss, it is dead.
    pub(super) fn refused_connection(&mut self) {
        if self.lost_since_success {
            self.deaths += 1;
            self.lost_since_success = false;
        }
    }

    /// Pauses it as its `Retry-After` asks, within bounds; a stray refusal concerns its own request alone.
    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
        if !self.limit.is_strained() {
            return;
        }
        let until = now + wait.min(RETRY_AFTER_MAX);
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// The latency that 99 of 100 replies stay within, once enough are known.
    pub(super) fn hedge_after(&self) -> Option<Duration> {
        if self.latencies.len() < LATENCIES_KEPT / 4 {
            return None;
        }
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let p99 = sorted[sorted.len() * 99 / 100];
        Some(Duration::from_micros(u64::from(p99)).max(HEDGE_AFTER_MIN))
    }

    fn note_latency(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        if self.latencies.len() < LATENCIES_KEPT {
            self.latencies.push(micros);
        } else {
            self.latencies[self.next_latency] = micros;
            self.next_latency = (self.next_latency + 1) % LATENCIES_KEPT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(change: impl FnOnce(&mut EndpointConfig)) -> Endpoint {
        let mut config = EndpointConfig::at("http://127.0.0.1:1/v1");
        change(&mut config);
        Endpoint::new(&config, &ModelConfig::at("m", "http://127.0.0.1:1/v1"), Instant::now())
    }

    #[test]
    fn learns_that_n_is_ignored_and_recovers_from_a_wrong_guess() {
        let mut endpoint = endpoint(|_| ());
        let now = Instant::now();
        for _ in 0..SHORT_REPLIES_MAX {
            assert_eq!(endpoint.n_max(), 16);
            endpoint.replied(16, 1, Duration::ZERO, now);
        }
        assert_eq!(endpoint.n_max(), 1);
        endpoint.restore_choices();
        endpoint.halve_choices(16);
        assert_eq!(endpoint.n_max(), 8);
    }

    #[test]
    fn pauses_quotas_and_the_circuit_all_hold_it_back() {
        let now = Instant::now();
        let mut paused = endpoint(|_| ());
        assert!(paused.has_room(1.0, now));
        paused.failed(true, now);
        paused.pause(Duration::from_hours(1), now);
        assert!(paused.has_room(1.0, now), "one refusal is a stray");
        paused.failed(true, now);
        paused.pause(Duration::from_hours(1), now);
        assert!(!paused.has_room(1.0, now));
        assert_eq!(paused.wakes(1.0, now), Some(now + RETRY_AFTER_MAX));

        let mut counted = endpoint(|config| config.requests_per_minute = Some(10));
        counted.sent(1.0, now);
        assert!(!counted.has_room(1.0, now));
        assert!(counted.wakes(1.0, now) > Some(now));
    }

    #[test]
    fn dies_only_when_connections_are_lost_and_then_refused() {
        let mut endpoint = endpoint(|_| ());
        endpoint.refused_connection();
        assert_eq!(endpoint.deaths, 0);
        endpoint.lost();
        endpoint.refused_connection();
        endpoint.refused_connection();
        assert_eq!(endpoint.deaths, 1);
    }
}
