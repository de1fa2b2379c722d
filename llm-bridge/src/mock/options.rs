//! What a mock server is told: its speed, its bounds, its answers, its faults.

use crate::digest::{mix, unit};
use crate::mock::fault::Faults;
use std::time::Duration;

/// Everything a mock server is told.
#[derive(Clone, Debug, PartialEq)]
pub struct MockOptions {
    /// The model that it claims to serve.
    pub model: String,
    /// Seed of its faults and latencies.
    pub seed: u64,
    /// Time until a reply.
    pub latency: Latency,
    /// Tokens per second and choice, added to the latency; none means at once.
    pub tokens_per_second: Option<f64>,
    /// Most choices per request; more are refused with 400.
    pub n_max: u32,
    /// Requests worked on at once; others wait their turn.
    pub slots: Option<usize>,
    /// Requests worked on or waiting past which a request is refused with 429.
    pub refuse_above: Option<usize>,
    /// How answers are drawn.
    pub policy: Policy,
    /// Ignores `n`, as some servers do.
    pub ignores_n: bool,
    /// Ignores answer types, as some servers do.
    pub ignores_schema: bool,
    /// The key that it demands.
    pub key: Option<String>,
    /// Most prompt tokens; longer prompts are refused.
    pub context_tokens: u32,
    /// Injected faults.
    pub faults: Faults,
}

/// How long a reply takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Between two bounds.
    Uniform(Duration, Duration),
    /// Log-normal with this median and this standard deviation of the logarithm.
    LogNormal(Duration, f64),
    /// Exponential with this mean.
    Exponential(Duration),
}

/// How answers are drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Every allowed value with equal chance.
    Uniform,
    /// Closed answers with fixed unequal chances.
    Skewed,
    /// The same value for equal prompts, whatever the seed.
    ByPrompt,
    /// Always this text, whether it conforms or not.
    Fixed(String),
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            model: "mock".to_owned(),
            seed: 0,
            latency: Latency::Constant(Duration::ZERO),
            tokens_per_second: None,
            n_max: 128,
            slots: None,
            refuse_above: None,
            policy: Policy::Uniform,
            ignores_n: false,
            ignores_schema: false,
            key: None,
            context_tokens: 1 << 20,
            faults: Faults::default(),
        }
    }
}

impl Latency {
    /// The latency of a request with these random bits.
    pub fn draw(&self, bits: u64) -> Duration {
        let first = unit(bits).max(1e-12);
        let second = unit(mix(bits));
        match *self {
            Self::Constant(time) => time,
            Self::Uniform(low, high) => low + high.saturating_sub(low).mul_f64(first),
            Self::LogNormal(median, deviation) => {
                // Box and Muller's method.
                let normal =
                    libm::sqrt(-2.0 * libm::log(first)) * libm::cos(std::f64::consts::TAU * second);
                median.mul_f64(libm::exp((deviation * normal).clamp(-10.0, 10.0)))
            }
            Self::Exponential(mean) => mean.mul_f64(-libm::log(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_their_means() {
        let millis = Duration::from_millis(100);
        let mean = |latency: Latency| {
            (0..20_000_u64).map(|n| latency.draw(mix(n)).as_secs_f64()).sum::<f64>() / 20_000.0
        };
        assert!((mean(Latency::Uniform(Duration::ZERO, 2 * millis)) - 0.1).abs() < 0.003);
        assert!((mean(Latency::Exponential(millis)) - 0.1).abs() < 0.004);
        // The mean of a log-normal is its median times exp(s^2 / 2).
        assert!((mean(Latency::LogNormal(millis, 0.5)) - 0.1 * 1.1331).abs() < 0.004);
    }
}
