//! What is worth trying again, when, and how often.

use crate::digest::{mix, unit};
use crate::limits::{BACKOFF_BASE, BACKOFF_MAX};
use crate::reply::Cause;
use std::time::Duration;

/// What a reply that is not a success calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same request again; the endpoint is full.
    Busy,
    /// The same request again; the endpoint or the way to it is broken.
    Broken,
    /// The same request at another endpoint; this one does not take it from us.
    Elsewhere,
    /// No endpoint will ever answer this request.
    Fatal,
    /// The endpoint will not answer anything any more: its quota or credit is spent.
    EndpointSpent,
}

/// Codes and types of errors that say a spending limit was reached; waiting does not help.
const SPENT: [&str; 5] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "enforced_spend_limit_reached",
    "billing_not_active",
    "credit_balance_too_low",
];

/// Codes, types and phrases by which servers say that a prompt is too long.
const TOO_LONG: [&str; 5] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context window",
    "context size",
];

/// What an error status with this body calls for, and the cause that it would end as.
pub fn verdict(status: u16, body: &str) -> (Verdict, Cause) {
    let says = |words: &[&str]| words.iter().any(|word| body.contains(word));
    let verdict = match status {
        429 | 402 | 403 if says(&SPENT) => Verdict::EndpointSpent,
        400 | 413 | 422 if says(&TOO_LONG) => return (Verdict::Fatal, Cause::ContextLength),
        429 | 503 | 529 => Verdict::Busy,
        408 | 409 | 425 | 500 | 502 | 504 => Verdict::Broken,
        300..=399 | 401 | 402 | 403 | 404 | 405 | 501 => Verdict::Elsewhere,
        400..=499 => Verdict::Fatal,
        _ => Verdict::Broken,
    };
    (verdict, Cause::HttpStatus(status))
}

/// How long to wait before attempt `attempt` (from 1) of the work numbered `work`: anything up to the
/// doubling bound with equal chance, so that what failed together does not return together.
pub fn backoff(work: u64, attempt: u8) -> Duration {
    let doubled = BACKOFF_BASE.saturating_mul(1 << u32::from(attempt.saturating_sub(1)).min(16));
    let bound = doubled.min(BACKOFF_MAX);
    bound.mul_f64(unit(mix(work ^ mix(u64::from(attempt)))))
}

/// The wait that a `Retry-After` header in seconds asks for; dates are not understood, and are rare.
pub fn retry_after(header: &str) -> Option<Duration> {
    let seconds: f64 = header.trim().parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Retries that may still be made: some from the start, and a share of every success.
#[derive(Clone, Copy, Debug)]
pub struct RetryBudget {
    per_success: f64,
    left: f64,
}

impl RetryBudget {
    /// A budget of `free` retries and `per_success` more for each success.
    pub fn new(free: u32, per_success: f64) -> Self {
        Self { per_success, left: f64::from(free) }
    }

    /// Notes a success.
    pub fn earn(&mut self) {
        self.left += self.per_success;
    }

    /// Whether there is a retry to take.
    pub fn has(&self) -> bool {
        self.left >= 1.0
    }

    /// Takes one retry if there is one.
    pub fn take(&mut self) -> bool {
        let has = self.has();
        if has {
            self.left -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        assert_eq!(verdict(429, "").0, Verdict::Busy);
        assert_eq!(
            verdict(429, r#"{"error":{"code":"insufficient_quota"}}"#).0,
            Verdict::EndpointSpent
        );
        assert_eq!(verdict(400, "maximum context length is 8").1, Cause::ContextLength);
        assert_eq!(verdict(400, "bad schema"), (Verdict::Fatal, Cause::HttpStatus(400)));
        assert_eq!(verdict(401, "").0, Verdict::Elsewhere);
        assert_eq!(verdict(307, "").0, Verdict::Elsewhere);
        assert_eq!(verdict(599, "").0, Verdict::Broken);
    }

    #[test]
    fn waits_are_bounded_and_spread() {
        for attempt in 0..=255 {
            assert!(backoff(7, attempt) <= BACKOFF_MAX);
        }
        let waits: std::collections::BTreeSet<_> = (0..100).map(|work| backoff(work, 3)).collect();
        assert_eq!(waits.len(), 100);
    }

    #[test]
    fn retry_after_is_read_strictly() {
        assert_eq!(retry_after(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("0.5"), Some(Duration::from_millis(500)));
        for bad in ["", "-1", "NaN", "inf", "1e300", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(retry_after(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_budget_grows_with_successes_only() {
        let mut budget = RetryBudget::new(2, 0.5);
        assert!(budget.take() && budget.take() && !budget.take());
        budget.earn();
        assert!(!budget.take());
        budget.earn();
        assert!(budget.take() && !budget.take());
    }
}
