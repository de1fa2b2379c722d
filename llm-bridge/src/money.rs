//! Money as whole numbers, so that accounts add up exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in millionths of a millionth of a US dollar: the price of one token at one dollar per
/// million tokens is a million of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money(pub u64);

const PER_DOLLAR: f64 = 1e12;

impl Money {
    /// An amount given in US dollars, rounded to the unit; amounts below zero become zero.
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * PER_DOLLAR).round() as u64)
    }

    /// The amount in US dollars.
    pub fn usd(self) -> f64 {
        self.0 as f64 / PER_DOLLAR
    }

    /// The sum, at most the greatest amount.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${:.6}", self.usd())
    }
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// Of prompt tokens.
    pub prompt: f64,
    /// Of completion tokens.
    pub completion: f64,
    /// Of prompt tokens that the server had cached; the prompt price where it is left out.
    pub cached: Option<f64>,
}

/// Tokens as a server counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of prompts, cached ones included.
    pub prompt_tokens: u32,
    /// Tokens of completions.
    pub completion_tokens: u32,
    /// Tokens of prompts that the server had cached.
    pub cached_tokens: u32,
}

impl Usage {
    /// Prompt and completion tokens.
    pub fn total(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.completion_tokens)
    }

    /// The share of part `rank` of `count` parts; the shares add up to the whole.
    #[must_use]
    pub fn share(&self, rank: u32, count: u32) -> Self {
        let part = |whole: u32| whole / count + u32::from(rank < whole % count);
        Self {
            prompt_tokens: part(self.prompt_tokens),
            completion_tokens: part(self.completion_tokens),
            cached_tokens: part(self.cached_tokens),
        }
    }
}

impl Prices {
    /// The price of `usage`.
    pub fn of(&self, usage: &Usage) -> Money {
        let price =
            |usd: f64, tokens: u32| Money::from_usd(usd / 1e6).0.saturating_mul(u64::from(tokens));
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let sum = price(self.prompt, usage.prompt_tokens - cached)
            .saturating_add(price(self.cached.unwrap_or(self.prompt), cached))
            .saturating_add(price(self.completion, usage.completion_tokens));
        Money(sum)
    }

    pub(crate) fn is_valid(&self) -> bool {
        [self.prompt, self.completion, self.cached.unwrap_or(0.0)]
            .iter()
            .all(|price| (0.0..=1e6).contains(price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_costs_what_the_price_list_says() {
        let prices = Prices { prompt: 0.15, completion: 0.6, cached: Some(0.075) };
        let usage =
            Usage { prompt_tokens: 1_000_000, completion_tokens: 500_000, cached_tokens: 400_000 };
        assert_eq!(prices.of(&usage), Money::from_usd(0.09 + 0.03 + 0.3));
        assert_eq!(prices.of(&usage).to_string(), "$0.420000");
    }

    proptest! {
        #[test]
        fn shares_add_up(prompt: u32, completion: u32, cached: u32, count in 1_u32..500) {
            let whole = Usage { prompt_tokens: prompt, completion_tokens: completion, cached_tokens: cached };
            let mut sum = Usage::default();
            for rank in 0..count {
                let share = whole.share(rank, count);
                sum.prompt_tokens += share.prompt_tokens;
                sum.completion_tokens += share.completion_tokens;
                sum.cached_tokens += share.cached_tokens;
            }
            prop_assert_eq!(sum, whole);
        }
    }
}
