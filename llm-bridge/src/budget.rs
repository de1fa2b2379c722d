//! The hard stop: what was spent, what is in flight, and whether more may be sent.

use crate::model::BudgetConfig;
use crate::money::{Money, Usage};
use std::time::Duration;
use tokio::time::Instant;

/// Spending so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Prompt and completion tokens.
    pub tokens: u64,
    /// Money.
    pub cost: Money,
    /// Requests.
    pub requests: u64,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Granted,
    /// Not before something in flight has come back: it may use up what is left.
    Wait,
    /// No, and never again.
    Refused,
}

/// Keeps spending within a `BudgetConfig`.
///
/// A request is sent only if what was spent, what is in flight and the request itself, each reckoned at
/// the mean seen so far, stay within every bound; so the overshoot is at most the error of that estimate
/// over what is in flight, and never a request more.
#[derive(Clone, Debug)]
pub struct Budget {
    bounds: BudgetConfig,
    spent: Spent,
    completions: u64,
    started: Instant,
}

impl Budget {
    /// A budget of which `spent` was used before.
    pub fn new(bounds: BudgetConfig, spent: Spent, now: Instant) -> Self {
        Self { bounds, spent, completions: 0, started: now }
    }

    /// What was spent.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Whether `choices` more may be asked for while `in_flight` choices are under way.
    pub fn permit(&self, choices: u64, in_flight: u64, now: Instant) -> Permit {
        if self.is_spent(now) {
            return Permit::Refused;
        }
        if in_flight == 0 || !self.would_pass(choices + in_flight) {
            Permit::Granted
        } else {
            Permit::Wait
        }
    }

    /// Whether some bound is reached.
    pub fn is_spent(&self, now: Instant) -> bool {
        let Spent { tokens, cost, requests } = self.spent;
        self.bounds.tokens_max.is_some_and(|most| tokens >= most)
            || self.bounds.usd_max.is_some_and(|most| cost >= Money::from_usd(most))
            || self.bounds.requests_max.is_some_and(|most| requests >= most)
            || self.ends_at().is_some_and(|end| now >= end)
    }

    /// When time runs out, if it is bounded: somebody must wake up then.
    pub fn ends_at(&self) -> Option<Instant> {
        self.bounds.seconds_max.map(|seconds| self.started + Duration::from_secs(seconds))
    }

    /// Notes that a request is sent.
    pub fn sent(&mut self) {
        self.spent.requests += 1;
    }

    /// Notes what a request of `choices` completions cost.
    pub fn paid(&mut self, choices: u64, usage: &Usage, cost: Money) {
        self.completions += choices;
        self.spent.tokens += usage.total();
        self.spent.cost = self.spent.cost.plus(cost);
    }

    /// Notes what a completion has cost that the store holds: it was paid for before this bridge started, in a
    /// round that is not finished. How many requests that took is not known, and not counted.
    pub fn recalled(&mut self, usage: &Usage, cost: Money) {
        self.paid(1, usage, cost);
    }

    fn would_pass(&self, choices: u64) -> bool {
        if self.completions == 0 {
            // Nothing is known yet: with a bound on tokens or money, learn from one request first.
            return self.bounds.tokens_max.is_some() || self.bounds.usd_max.is_some();
        }
        let mean = |spent: u64| spent as f64 / self.completions as f64 * choices as f64;
        let passes = |spent: u64, most: u64| spent as f64 + mean(spent) > most as f64;
        self.bounds.tokens_max.is_some_and(|most| passes(self.spent.tokens, most))
            || self
                .bounds
                .usd_max
                .is_some_and(|most| passes(self.spent.cost.0, Money::from_usd(most).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(tokens: u32) -> Usage {
        Usage { prompt_tokens: tokens, ..Usage::default() }
    }

    #[test]
    fn waits_before_the_bound_and_stops_at_it() {
        let now = Instant::now();
        let bounds = BudgetConfig { tokens_max: Some(100), ..BudgetConfig::default() };
        let mut budget = Budget::new(bounds, Spent::default(), now);
        assert_eq!(budget.permit(1, 0, now), Permit::Granted);
        assert_eq!(budget.permit(1, 1, now), Permit::Wait, "nothing is known yet");
        budget.paid(1, &usage(30), Money::default());
        assert_eq!(budget.permit(1, 1, now), Permit::Granted);
        assert_eq!(budget.permit(1, 2, now), Permit::Wait);
        budget.paid(2, &usage(60), Money::default());
        assert_eq!(
            budget.permit(1, 0, now),
            Permit::Granted,
            "less than one request may overshoot"
        );
        budget.paid(1, &usage(30), Money::default());
        assert_eq!(budget.permit(1, 0, now), Permit::Refused);
    }

    #[test]
    fn every_bound_stops() {
        let now = Instant::now();
        let stops = |bounds: BudgetConfig, spent: Spent, later: u64| {
            Budget::new(bounds, spent, now).is_spent(now + Duration::from_secs(later))
        };
        let requests = BudgetConfig { requests_max: Some(5), ..BudgetConfig::default() };
        assert!(stops(requests, Spent { requests: 5, ..Spent::default() }, 0));
        assert!(!stops(requests, Spent { requests: 4, ..Spent::default() }, 0));
        let money = BudgetConfig { usd_max: Some(1.0), ..BudgetConfig::default() };
        assert!(stops(money, Spent { cost: Money::from_usd(1.0), ..Spent::default() }, 0));
        let time = BudgetConfig { seconds_max: Some(9), ..BudgetConfig::default() };
        assert!(stops(time, Spent::default(), 9) && !stops(time, Spent::default(), 8));
    }
}
