//! What a batch will take, before anything is paid, and a better guess while it runs.

use crate::answer::{AnswerSpec, Field};
use crate::cohort::{Cohort, requests_min};
use crate::distribution::calls_max;
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
    pub asks: f64,
    /// Distinct requests.
    pub cohorts: Interval,
    /// Requests, if none has to be sent again.
    pub requests: Interval,
    /// Prompt tokens, as sent.
    pub prompt_tokens: Interval,
    /// Completion tokens.
    pub completion_tokens: Interval,
    /// US dollars.
    pub usd: Interval,
    /// Whether a server counted the tokens of the sample, or they were reckoned from bytes.
    pub counted: bool,
}

/// Forecasts what `scale` times as many agents would take as ask in `batch`, which stands for them.
///
/// A prompt that several of the sample share is taken to be shared by the rest in proportion. Of prompts that
/// only one asks, the others have as many more at most, and none at least. With a `service`, its servers'
/// tokenizers count a sample of prompts; else, or where they have none, tokens are reckoned from bytes, which
/// `Forecast::counted` says.
pub fn forecast(
    batch: &Batch,
    config: &BridgeConfig,
    service: Option<&Service>,
    scale: f64,
) -> Result<Forecast, BatchError> {
    let prepared = Prepared::new(batch.clone(), config)?;
    let ratios = ratios(&prepared, service);
    let per_byte = per_byte(&ratios);
    let mut forecast = Forecast { asks: batch.asks.len() as f64 * scale, ..Forecast::nothing() };
    forecast.counted = !ratios.is_empty();
    for (number, cohort) in prepared.cohorts.cohorts.iter().enumerate() {
        let model = &config.models[usize::from(cohort.ask.model)];
        let members = f64::from(cohort.length) * scale;
        let distinct = if cohort.length == 1 { scale } else { 1.0 };
        let requests = match model.distribution {
            Some(_) => readings(prepared.spec(number as u32)).times(distinct),
            None => requests(cohort.length, members, choices_max(model)),
        };
        let bytes = batch.prompts.length(cohort.ask.prompt) as f64;
        let prompt = requests.by(per_byte.times(bytes));
        let answer =
            answer_tokens(prepared.spec(number as u32)).at_most(f64::from(model.max_tokens));
        // A reading takes one token per request.
        let completion =
            if model.distribution.is_some() { requests } else { answer.times(members) };
        let cohorts = Interval { low: 1.0, mean: distinct, high: distinct };
        forecast.cohorts = forecast.cohorts.plus(cohorts);
        forecast.requests = forecast.requests.plus(requests);
        forecast.prompt_tokens = forecast.prompt_tokens.plus(prompt);
        forecast.completion_tokens = forecast.completion_tokens.plus(completion);
        forecast.usd = forecast.usd.plus(price(&model.price, prompt, completion));
    }
    Ok(forecast)
}

/// Requests for this many members of a cohort of which the sample has `length`.
fn requests(length: u32, members: f64, choices: u32) -> Interval {
    let shared = requests_min([libm::ceil(members) as u32], choices) as f64;
    let alone = if length == 1 { members } else { shared };
    Interval { low: shared.min(alone), mean: alone, high: alone.max(shared) }
}

/// Requests for reading one distribution: the fewer the more a token holds.
fn readings(spec: &AnswerSpec) -> Interval {
    let most = f64::from(calls_max(spec));
    Interval { low: most.min(1.0), mean: most, high: most }
}

/// Tokens per byte of an even sample of prompts, as far as servers count them.
fn ratios(prepared: &Prepared, service: Option<&Service>) -> Vec<f64> {
    let Some(service) = service else { return Vec::new() };
    let cohorts = &prepared.cohorts.cohorts;
    let stride = cohorts.len().div_ceil(SAMPLE).max(1);
    let prompts = &prepared.batch.prompts;
    let ratio = |cohort: &Cohort| {
        let messages = prompts.messages(cohort.ask.prompt);
        let text: String = messages.map(|message| message.to_string()).collect();
        let at = Address { model: cohort.ask.model, endpoint: 0 };
        let tokens = service.count_tokens(at, &text).filter(|_| !text.is_empty())?;
        Some(tokens as f64 / text.len() as f64)
    };
    cohorts.iter().step_by(stride).filter_map(ratio).collect()
}

/// Tokens of an answer: at least one, and more the more it may say. A number or a choice with its quotes and
/// braces has few; of free text, half of what is allowed is usual, at four bytes per token.
fn answer_tokens(spec: &AnswerSpec) -> Interval {
    match spec {
        AnswerSpec::Text { length_max } => {
            let most = f64::from(*length_max);
            Interval { low: 1.0, mean: (most / 8.0).max(2.0), high: (most / 2.0).max(4.0) }
        }
        AnswerSpec::Object { fields } => {
            let field = |field: &Field| {
                answer_tokens(&field.answer).plus(Interval { low: 2.0, mean: 5.0, high: 10.0 })
            };
            fields.iter().map(field).fold(Interval::default(), Interval::plus)
        }
        _ => Interval { low: 1.0, mean: 4.0, high: 16.0 },
    }
}

impl Forecast {
    /// The forecast of an empty batch.
    pub fn nothing() -> Self {
        let none = Interval::default();
        Self {
            asks: 0.0,
            cohorts: none,
            requests: none,
            prompt_tokens: none,
            completion_tokens: none,
            usd: none,
            counted: true,
        }
    }

    /// The forecast of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            asks: self.asks + other.asks,
            cohorts: self.cohorts.plus(other.cohorts),
            requests: self.requests.plus(other.requests),
            prompt_tokens: self.prompt_tokens.plus(other.prompt_tokens),
            completion_tokens: self.completion_tokens.plus(other.completion_tokens),
            usd: self.usd.plus(other.usd),
            counted: self.counted && other.counted,
        }
    }

    /// The forecast of the whole given what its first part, `totals`, took.
    #[must_use]
    pub fn refined(&self, totals: &Totals) -> Self {
        let done = totals.answered + totals.failed;
        if done == 0 {
            return self.clone();
        }
        let scale = self.asks / done as f64;
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
            requests: whole(totals.requests as f64),
            prompt_tokens: whole(totals.prompt_tokens as f64),
            completion_tokens: whole(totals.completion_tokens as f64),
            usd: whole(totals.cost.usd()),
            counted: true,
            ..self.clone()
        }
    }
}

impl Interval {
    /// The least and most of both factors.
    fn by(self, other: Self) -> Self {
        Self {
            low: self.low * other.low,
            mean: self.mean * other.mean,
            high: self.high * other.high,
        }
    }

    fn at_most(self, most: f64) -> Self {
        Self { low: self.low.min(most), mean: self.mean.min(most), high: self.high.min(most) }
    }

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
