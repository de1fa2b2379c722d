//! A circuit breaker: an endpoint that only fails is left alone for a while, then tried with one request.

use crate::limits::{CIRCUIT_BASE, CIRCUIT_FAILURES, CIRCUIT_MAX};
use std::time::Duration;
use tokio::time::Instant;

/// The breaker of one endpoint.
#[derive(Clone, Debug)]
pub struct Circuit {
    state: State,
    failures: u32,
    open_for: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    OpenUntil(Instant),
    /// One trial is under way.
    Trial,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { state: State::Closed, failures: 0, open_for: CIRCUIT_BASE }
    }
}

impl Circuit {
    /// Whether a request may be sent now.
    pub fn admits(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::OpenUntil(until) => now >= until,
            State::Trial => false,
        }
    }

    /// Whether the endpoint is believed to work.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// When a trial becomes possible, if the circuit is open: somebody must wake up then.
    pub fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::OpenUntil(until) => Some(until),
            State::Closed | State::Trial => None,
        }
    }

    /// Notes that a request is sent; the first after an opening is the trial.
    pub fn sent(&mut self) {
        if matches!(self.state, State::OpenUntil(_)) {
            self.state = State::Trial;
        }
    }

    /// Notes that the endpoint answered, whatever it said.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Notes a failure; returns whether the circuit opened by it.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        match self.state {
            State::Trial => {
                self.open_for = (self.open_for * 2).min(CIRCUIT_MAX);
                self.state = State::OpenUntil(now + self.open_for);
                true
            }
            State::Closed if self.failures >= CIRCUIT_FAILURES => {
                self.state = State::OpenUntil(now + self.open_for);
                true
            }
            // Requests that were under way when it opened say nothing new.
            State::Closed | State::OpenUntil(_) => false,
        }
    }

    /// Notes that a request ended without saying anything about the endpoint, as when it is cancelled: a
    /// trial that ended so is taken back, or the circuit would never close again.
    pub fn ended_silently(&mut self, now: Instant) {
        if self.state == State::Trial {
            self.state = State::OpenUntil(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_doubles_its_rest() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 1..CIRCUIT_FAILURES {
            assert!(!circuit.failed(now));
        }
        circuit.succeeded();
        for _ in 1..CIRCUIT_FAILURES {
            assert!(!circuit.failed(now));
        }
        assert!(circuit.failed(now));
        assert!(!circuit.admits(now));
        assert_eq!(circuit.opens_at(), Some(now + CIRCUIT_BASE));

        let later = now + CIRCUIT_BASE;
        assert!(circuit.admits(later));
        circuit.sent();
        assert!(!circuit.admits(later), "one trial at a time");
        assert!(circuit.failed(later));
        assert_eq!(circuit.opens_at(), Some(later + 2 * CIRCUIT_BASE));
    }

    #[test]
    fn a_success_closes_it_and_a_cancelled_trial_leaves_it_open() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 0..CIRCUIT_FAILURES {
            circuit.failed(now);
        }
        let later = now + CIRCUIT_BASE;
        circuit.sent();
        circuit.ended_silently(later);
        assert!(circuit.admits(later));
        circuit.sent();
        circuit.succeeded();
        assert!(circuit.is_closed() && circuit.admits(now));
    }

    #[test]
    fn its_rest_is_bounded() {
        let mut now = Instant::now();
        let mut circuit = Circuit::default();
        for _ in 0..CIRCUIT_FAILURES {
            circuit.failed(now);
        }
        for _ in 0..40 {
            now = circuit.opens_at().unwrap();
            circuit.sent();
            circuit.failed(now);
            assert!(circuit.opens_at().unwrap() - now <= CIRCUIT_MAX);
        }
    }
}
