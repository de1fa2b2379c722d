//! What a batch will take, before anything is paid, and a better guess while it runs.

use crate::cohort::requests_min;
use crate::exchange::{Batch, BatchError, Prepared, choices_max};
use crate::model::BridgeConfig;
use crate::money::{Prices, Usage};
use crate::reply::Totals;
use crate::service::Service;
use crate::wire::transport::Address;
use serde::Serialize;

/// Prompts whose tokens are counted.
pub const SAMPLE: usize = 64;
/// Bytes per token where no server counts them; between 3 and 5 for usual languages and tokenizers.
const BYTES_PER_TOKEN: [f64; 3] = [5.0, 4.0, 3.0];
/// Standard errors on either side of the mean.
const SIGMAS: f64 = 2.0;

/// A guess with its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Interval {
    /// Probably not less.
    pub low: f64,
    /// The guess.
    pub mean: f64,
    /// Probably not more.
    pub high: f64,
}

/// What a batch will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Asks.
    pub asks: u64,
    /// Distinct requests.
    pub cohorts: u64,
    /// Requests, at least.
    pub requests: u64,
    /// Prompt tokens, as sent.
    pub prompt_tokens: Interval,
    /// Completion tokens.
    pub completion_tokens: Interval,
    /// US dollars.
    pub usd: Interval,
    /// Whether a server counted the tokens of the sample, or they were reckoned from bytes.
    pub counted: bool,
}

/// Forecasts `batch`. With a `service`, its servers' tokenizers count a sample of prompts; else, or where
/// they have none, tokens are reckoned from bytes, which `Forecast::counted` says.
pub fn forecast(
    batch: &Batch,
    config: &BridgeConfig,
    service: Option<&Service>,
) -> Result<Forecast, BatchError> {
    let prepared = Prepared::new(batch.clone(), config)?;
    let cohorts = &prepared.cohorts.cohorts;
    let stride = cohorts.len().div_ceil(SAMPLE).max(1);
    let mut ratios = Vec::new();
    for cohort in cohorts.iter().step_by(stride) {
        let text: String =
            batch.prompts.messages(cohort.ask.prompt).map(|message| message.to_string()).collect();
        let at = Address { model: cohort.ask.model, endpoint: 0 };
        let tokens = service.and_then(|service| service.count_tokens(at, &text));
        ratios.extend(
            tokens.filter(|_| !text.is_empty()).map(|tokens| tokens as f64 / text.len() as f64),
        );
    }
    let per_byte = per_byte(&ratios);
    let mut forecast = Forecast {
        asks: batch.asks.len() as u64,
        cohorts: cohorts.len() as u64,
        requests: 0,
        prompt_tokens: Interval::default(),
        completion_tokens: Interval::default(),
        usd: Interval::default(),
        counted: !ratios.is_empty(),
    };
    for cohort in cohorts {
        let model = &config.models[usize::from(cohort.ask.model)];
        let requests = requests_min([cohort.length], choices_max(model));
        let bytes = batch.prompts.length(cohort.ask.prompt) as f64 * requests as f64;
        let prompt = per_byte.times(bytes);
        // A reply has at least one token, at most the limit; short answers are usual.
        let most = f64::from(model.max_tokens);
        let completion =
            Interval { low: 1.0, mean: most.min(8.0), high: most }.times(f64::from(cohort.length));
        forecast.requests += requests;
        forecast.prompt_tokens = forecast.prompt_tokens.plus(prompt);
        forecast.completion_tokens = forecast.completion_tokens.plus(completion);
        forecast.usd = forecast.usd.plus(price(&model.price, prompt, completion));
    }
    Ok(forecast)
}

impl Forecast {
    /// The forecast of the whole given what its first part, `totals`, took.
    #[must_use]
    pub fn refined(&self, totals: &Totals) -> Self {
        let done = totals.answered + totals.failed;
        if done == 0 {
            return self.clone();
        }
        let scale = self.asks as f64 / done as f64;
        // The part done is a sample: what is left may differ by about this share.
        let doubt = SIGMAS / libm::sqrt(done as f64) * (1.0 - 1.0 / scale).max(0.0);
        let whole = |part: f64| {
            let mean = part * scale;
            Interval {
                low: mean * (1.0 - doubt).max(1.0 / scale),
                mean,
                high: mean * (1.0 + doubt),
            }
        };
        Self {
            requests: libm::ceil(totals.requests as f64 * scale) as u64,
            prompt_tokens: whole(totals.prompt_tokens as f64),
            completion_tokens: whole(totals.completion_tokens as f64),
            usd: whole(totals.cost.usd()),
            counted: true,
            ..self.clone()
        }
    }
}

impl Interval {
    fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, mean: self.mean * factor, high: self.high * factor }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            mean: self.mean + other.mean,
            high: self.high + other.high,
        }
    }
}

/// Tokens per byte: from counted samples, or from what is usual.
fn per_byte(ratios: &[f64]) -> Interval {
    if ratios.is_empty() {
        let [low, mean, high] = BYTES_PER_TOKEN.map(|bytes| 1.0 / bytes);
        return Interval { low, mean, high };
    }
    let count = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / count;
    let variance = ratios.iter().map(|ratio| (ratio - mean) * (ratio - mean)).sum::<f64>() / count;
    let doubt = SIGMAS * libm::sqrt(variance / count);
    Interval { low: (mean - doubt).max(0.0), mean, high: mean + doubt }
}

fn price(prices: &Prices, prompt: Interval, completion: Interval) -> Interval {
    let usd = |prompt: f64, completion: f64| {
        let million = Usage { prompt_tokens: 1_000_000, ..Usage::default() };
        let of_prompt = prices.of(&million).usd() * prompt / 1e6;
        of_prompt + prices.completion * completion / 1e6
    };
    Interval {
        low: usd(prompt.low, completion.low),
        mean: usd(prompt.mean, completion.mean),
        high: usd(prompt.high, completion.high),
    }
}
