//! `throng serve-mock`: a server without a model that speaks OpenAI's protocol, for tests and load.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use throng_llm_bridge::mock::fault::FAULTS;
use throng_llm_bridge::mock::{Counts, Fault, Faults, Latency, MockOptions, Policy, serve};

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Results, note};
use crate::watch::SCHEMA;

/// Longest latency that can be asked for: a day.
const LATENCY_MS_MAX: f64 = 86_400_000.0;

/// Arguments of `throng serve-mock`.
#[derive(Args, Debug)]
pub(super) struct ServeMockArguments {
    /// Where to listen; port 0 takes a free one, which the first line of output tells
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    bind: SocketAddr,
    /// The model that it says it serves
    #[arg(long, value_name = "NAME", default_value = "mock")]
    model: String,
    /// Time until a reply, in milliseconds: the median of `log-normal`, the mean of the others
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    latency_ms: f64,
    /// How latencies spread
    #[arg(long, value_enum, default_value_t = Spread::Constant)]
    latency: Spread,
    /// Tokens per second of each choice, added to the latency [default: all at once]
    #[arg(long, value_name = "N")]
    tokens_per_second: Option<f64>,
    /// Most choices per request
    #[arg(long, value_name = "N", default_value_t = 128)]
    n_max: u32,
    /// Requests worked on at once; others wait [default: all]
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Requests worked on or waiting above which one is refused with 429 [default: none is]
    #[arg(long, value_name = "N")]
    refuse_above: Option<usize>,
    /// How answers are drawn
    #[arg(long, value_enum, default_value_t = Draw::Uniform)]
    answers: Draw,
    /// Give this text as every answer, whether it conforms or not
    #[arg(long, value_name = "TEXT", conflicts_with = "answers")]
    answer: Option<String>,
    /// Ignore the number of choices asked for
    #[arg(long)]
    ignore_n: bool,
    /// Ignore the type of the answer asked for
    #[arg(long)]
    ignore_schema: bool,
    /// Share of requests that go wrong, spread over all faults that pass when tried again
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    fault_rate: f64,
    /// A fault and its share, such as busy=0.1; may be repeated
    #[arg(long, value_name = "FAULT=SHARE")]
    fault: Vec<String>,
    /// Most tokens of a prompt; longer ones are refused
    #[arg(long, value_name = "N", default_value_t = 1 << 20)]
    context_tokens: u32,
    /// The environment variable that holds the key to demand
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// Seed of faults, latencies and answers without a seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Write an object at the start and one at the end
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spread {
    /// Always the same
    Constant,
    /// From nothing to twice the mean, all alike
    Uniform,
    /// Log-normal, with 0.5 as standard deviation of the logarithm
    LogNormal,
    /// Exponential
    Exponential,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Draw {
    /// Every allowed value with equal chance
    Uniform,
    /// Closed answers with fixed unequal chances
    Skewed,
    /// The same answer to equal prompts
    ByPrompt,
}

/// Serves until the process is asked to end, and tells what it counted.
pub(super) fn run(arguments: &ServeMockArguments, results: &Results) -> Result<Exit, Failure> {
    let options = options(arguments)?;
    let server = serve(options, arguments.bind).map_err(|error| {
        Failure::Arguments(format!("{} cannot be served: {error}", arguments.bind))
    })?;
    if arguments.json {
        let object = json!({ "schema": SCHEMA, "kind": "serving", "url": server.url() });
        results.line(&object.to_string());
    } else {
        results.line(&format!("serving `{}` at {}", arguments.model, server.url()));
        note("press Ctrl-C to end");
    }
    interrupt::wait()?;
    let counts = server.counts();
    results.line(&if arguments.json { object(&counts).to_string() } else { in_words(&counts) });
    Ok(Exit::Done)
}

fn options(arguments: &ServeMockArguments) -> Result<MockOptions, Failure> {
    let key = arguments.api_key_env.as_deref().map(std::env::var).transpose();
    let key = key.map_err(|error| Failure::Arguments(format!("--api-key-env: {error}")))?;
    let policy = match (&arguments.answer, arguments.answers) {
        (Some(text), _) => Policy::Fixed(text.clone()),
        (None, Draw::Uniform) => Policy::Uniform,
        (None, Draw::Skewed) => Policy::Skewed,
        (None, Draw::ByPrompt) => Policy::ByPrompt,
    };
    if arguments.tokens_per_second.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err(Failure::Arguments("--tokens-per-second is not above 0".to_owned()));
    }
    let none = [("--n-max", arguments.n_max == 0), ("--slots", arguments.slots == Some(0))];
    if let Some((flag, _)) = none.into_iter().find(|(_, none)| *none) {
        return Err(Failure::Arguments(format!("{flag} is 0: nothing could be answered")));
    }
    Ok(MockOptions {
        model: arguments.model.clone(),
        seed: arguments.seed,
        latency: latency(arguments)?,
        tokens_per_second: arguments.tokens_per_second,
        n_max: arguments.n_max,
        slots: arguments.slots,
        refuse_above: arguments.refuse_above,
        policy,
        ignores_n: arguments.ignore_n,
        ignores_schema: arguments.ignore_schema,
        key,
        context_tokens: arguments.context_tokens,
        faults: faults(arguments)?,
    })
}

fn latency(arguments: &ServeMockArguments) -> Result<Latency, Failure> {
    if !(0.0..=LATENCY_MS_MAX).contains(&arguments.latency_ms) {
        return Err(Failure::Arguments("--latency-ms is not from 0 to a day".to_owned()));
    }
    let time = Duration::from_secs_f64(arguments.latency_ms / 1e3);
    Ok(match arguments.latency {
        Spread::Constant => Latency::Constant(time),
        Spread::Uniform => Latency::Uniform(Duration::ZERO, 2 * time),
        Spread::LogNormal => Latency::LogNormal(time, 0.5),
        Spread::Exponential => Latency::Exponential(time),
    })
}

fn faults(arguments: &ServeMockArguments) -> Result<Faults, Failure> {
    let mut faults = Faults::mix(arguments.fault_rate);
    for text in &arguments.fault {
        faults.rates.push(fault(text)?);
    }
    let shares = faults.rates.iter().map(|(_, share)| *share);
    if faults.rates.iter().any(|(_, share)| !(0.0..=1.0).contains(share))
        || shares.sum::<f64>() > 1.0
    {
        let message = "shares of faults are from 0 to 1, and together at most 1";
        return Err(Failure::Arguments(message.to_owned()));
    }
    Ok(faults)
}

fn fault(text: &str) -> Result<(Fault, f64), Failure> {
    let names = || FAULTS.map(Fault::name).join(", ");
    let (name, share) = text.split_once('=').unwrap_or((text, ""));
    let fault = FAULTS.into_iter().find(|fault| fault.name() == name);
    match (fault, share.parse()) {
        (Some(fault), Ok(share)) => Ok((fault, share)),
        (None, _) => {
            let message = format!("--fault {text}: there is no fault `{name}`, only {}", names());
            Err(Failure::Arguments(message))
        }
        (_, Err(_)) => {
            Err(Failure::Arguments(format!("--fault {text}: write a share, such as {name}=0.1")))
        }
    }
}

fn object(counts: &Counts) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "kind": "served",
        "requests": counts.requests,
        "replies": counts.replies,
        "choices": counts.choices,
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
        "abandoned": counts.abandoned,
        "faults": counts.faults,
        "at_once_max": counts.at_once_max,
    })
}

fn in_words(counts: &Counts) -> String {
    let faults: u64 = counts.faults.values().sum();
    format!(
        "{} requests, {} replies with {} choices, {faults} faults, {} at once at most",
        counts.requests, counts.replies, counts.choices, counts.at_once_max
    )
}
