//! Faults that a mock server injects, chosen by its seed, the request and how often it came.

use crate::digest::{mix, unit};

/// Ways in which a reply goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Status 429 with `Retry-After`.
    Busy,
    /// Status 500.
    ServerError,
    /// Status 503.
    Unavailable,
    /// No reply, ever.
    Hang,
    /// A reply of one byte at a time, slower than anyone waits.
    Drip,
    /// A connection reset within the head.
    ResetInHead,
    /// A connection reset within the body.
    ResetInBody,
    /// JSON that ends early.
    TruncatedJson,
    /// One choice fewer than asked for, or one more of a single one.
    WrongCount,
    /// Choices of the wrong type.
    WrongType,
    /// Choices that decline.
    Refusal,
    /// Status 400 for a prompt that is said to be too long.
    ContextLength,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A body beyond all bounds.
    HugeBody,
}

/// All faults, in the order in which rates are laid out.
pub const FAULTS: [Fault; 14] = [
    Fault::Busy,
    Fault::ServerError,
    Fault::Unavailable,
    Fault::Hang,
    Fault::Drip,
    Fault::ResetInHead,
    Fault::ResetInBody,
    Fault::TruncatedJson,
    Fault::WrongCount,
    Fault::WrongType,
    Fault::Refusal,
    Fault::ContextLength,
    Fault::InvalidUtf8,
    Fault::HugeBody,
];

impl Fault {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::ServerError => "server_error",
            Self::Unavailable => "unavailable",
            Self::Hang => "hang",
            Self::Drip => "drip",
            Self::ResetInHead => "reset_in_head",
            Self::ResetInBody => "reset_in_body",
            Self::TruncatedJson => "truncated_json",
            Self::WrongCount => "wrong_count",
            Self::WrongType => "wrong_type",
            Self::Refusal => "refusal",
            Self::ContextLength => "context_length",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::HugeBody => "huge_body",
        }
    }

    /// Whether a client that tries again gets what it would have got without the fault.
    pub fn is_transient(self) -> bool {
        self != Self::ContextLength
    }
}

/// How often each fault occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Faults with their rates; the rates add up to at most 1.
    pub rates: Vec<(Fault, f64)>,
    /// Seconds that `Retry-After` asks for.
    pub retry_after_s: f64,
}

impl Faults {
    /// One fault at one rate.
    pub fn only(fault: Fault, rate: f64) -> Self {
        Self { rates: vec![(fault, rate)], retry_after_s: 0.02 }
    }

    /// All transient faults alike, `rate` in all.
    pub fn mix(rate: f64) -> Self {
        let transient: Vec<Fault> =
            FAULTS.into_iter().filter(|fault| fault.is_transient()).collect();
        Self::alike(&transient, rate)
    }

    /// These transient faults alike, `rate` in all.
    pub fn alike(faults: &[Fault], rate: f64) -> Self {
        let each = rate / faults.len() as f64;
        Self { rates: faults.iter().map(|fault| (*fault, each)).collect(), retry_after_s: 0.02 }
    }

    /// The fault, if any, of the `occurrence`-th request with a body of this hash.
    pub fn draw(&self, seed: u64, body: u64, occurrence: u32) -> Option<Fault> {
        let mut left = unit(mix(seed ^ mix(body ^ mix(u64::from(occurrence)))));
        self.rates.iter().find_map(|(fault, rate)| {
            left -= rate;
            (left < 0.0).then_some(*fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_at_their_rates_and_follow_the_seed() {
        let faults = Faults::mix(0.26);
        let drawn: Vec<Option<Fault>> = (0..50_000).map(|body| faults.draw(1, body, 0)).collect();
        for fault in FAULTS {
            let count = drawn.iter().filter(|drawn| **drawn == Some(fault)).count();
            let expected = if fault.is_transient() { 800..1200 } else { 0..1 };
            assert!(expected.contains(&count), "{fault:?}: {count}");
        }
        assert_eq!(drawn[7], faults.draw(1, 7, 0));
        assert!((0..20).any(|occurrence| faults.draw(1, 7, occurrence) != drawn[7]));
    }
}
