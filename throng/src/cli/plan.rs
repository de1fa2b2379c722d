//! `throng plan`: what a run would ask of its models, before anything is paid for.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use throng_llm_bridge::forecast::{Forecast, Interval, forecast};
use throng_llm_bridge::service::Service;
use throng_llm_bridge::{BridgeConfig, Rehearsal};
use throng_systems::engine::{AgentRange, Simulation, SimulationSettings};
use throng_systems::{BridgeHandle, Populate, Scenario};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, table};
use super::play_arguments::PlayArguments;
use crate::config::{Resolved, bytes_in_words, resolve};
use crate::figures::grouped_whole;
use crate::watch::SCHEMA;

/// Agents that rehearse; what they ask stands for the whole population.
const AGENTS_MAX: u64 = 4_096;
/// Rounds that are rehearsed; later ones are taken to be like the last of them.
const ROUNDS_MAX: u32 = 12;

/// Arguments of `throng plan`.
#[derive(Args, Debug)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    play: PlayArguments,
    /// Ask no server at all, not even to count tokens, which costs nothing
    #[arg(long)]
    offline: bool,
    /// Seconds that a request takes, to estimate how long the run takes
    #[arg(long, value_name = "S")]
    seconds_per_request: Option<f64>,
    /// Write an object per round and a final one
    #[arg(long)]
    json: bool,
}

/// What a round would ask, of the whole population.
struct Planned {
    round: u32,
    forecast: Forecast,
}

/// Rehearses the run with some of its agents, and reckons what all of them would ask.
pub(super) fn run(
    arguments: &PlanArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let resolved = resolve(&arguments.play.request(scenarios)?, scenarios)?;
    if arguments.seconds_per_request.is_some_and(|seconds| !(seconds.is_finite() && seconds > 0.0))
    {
        return Err(Failure::Arguments("--seconds-per-request is not above 0".to_owned()));
    }
    let bridge = resolved.config.bridge(resolved.execution.bridge);
    let rounds = match bridge {
        Some((config, places)) => rehearse(&resolved, &config, places, arguments.offline)?,
        None => Vec::new(),
    };
    let sum = sum(&resolved, &rounds);
    let seconds = seconds(&resolved, &sum, arguments.seconds_per_request);
    if arguments.json {
        results.lines(rounds.iter().map(|round| object(round).to_string()));
        results.line(&total(&resolved, &sum, seconds).to_string());
    } else {
        results.lines(text(&resolved, &rounds, &sum, seconds));
    }
    Ok(Exit::Done)
}

/// What each round would ask; the last rehearsed round stands for those after it.
fn rehearse(
    resolved: &Resolved,
    config: &BridgeConfig,
    places: Vec<Option<u16>>,
    offline: bool,
) -> Result<Vec<Planned>, Failure> {
    let (callable, replayed) =
        (resolved.config.callable(config.clone()), resolved.config.replayed());
    let service = if offline { None } else { Some(Service::new(&callable)?) };
    let rehearsal = Arc::new(Rehearsal::new(config.clone()));
    let handle = BridgeHandle::new(Arc::clone(&rehearsal) as _, places);
    let mut sim = world(resolved, handle)?;
    let agents = resolved.config.run.agents;
    let scale = agents as f64 / agents.min(AGENTS_MAX) as f64;
    let mut rounds = Vec::new();
    for round in 1..=resolved.config.run.rounds.min(ROUNDS_MAX) {
        sim.round()?;
        let mut sum = Forecast::nothing();
        for mut batch in rehearsal.take() {
            // What is recorded is not asked for.
            batch.asks.retain(|ask| !replayed.contains_key(&ask.model));
            let part = forecast(&batch, config, service.as_ref(), scale);
            sum = sum.plus(&part.map_err(|error| Failure::Arguments(error.to_string()))?);
        }
        rounds.push(Planned { round, forecast: sum });
    }
    Ok(rounds)
}

/// A world of the first agents of the population, which ask a rehearsal.
fn world(resolved: &Resolved, handle: BridgeHandle) -> Result<Simulation, Failure> {
    let run = &resolved.config.run;
    let range = AgentRange { start: 0, end: run.agents.min(AGENTS_MAX) };
    let base = SimulationSettings::new(run.seed, run.agents);
    let threads = resolved.execution.threads;
    let mut sim = Simulation::new(SimulationSettings { range, threads, ..base })?;
    (resolved.prepared.insert)(&mut sim);
    sim.populate(resolved.cast.clone());
    sim.insert_resource(handle);
    resolved.scenario.build(&mut sim);
    sim.start()?;
    Ok(sim)
}

/// The sum of all rounds of the run; the last rehearsed one stands for those after it.
fn sum(resolved: &Resolved, rounds: &[Planned]) -> Forecast {
    let known = rounds.iter().fold(Forecast::nothing(), |sum, round| sum.plus(&round.forecast));
    let left = resolved.config.run.rounds.saturating_sub(ROUNDS_MAX);
    let last = rounds.last().filter(|last| last.round == ROUNDS_MAX);
    last.map_or(known.clone(), |last| (0..left).fold(known, |sum, _| sum.plus(&last.forecast)))
}

/// How long the run takes: as many requests at once as allowed, or what providers allow per minute.
fn seconds(resolved: &Resolved, sum: &Forecast, each: Option<f64>) -> Option<Interval> {
    let models = || resolved.config.models.iter().filter_map(|model| model.words());
    let endpoints = || models().flat_map(|model| &model.endpoints);
    let at_once: usize = endpoints().map(|endpoint| endpoint.in_flight_max).sum();
    let most = resolved.execution.bridge.in_flight_max.unwrap_or(at_once).min(at_once).max(1);
    let limits: Option<u32> = endpoints().map(|endpoint| endpoint.requests_per_minute).sum();
    let by_limit = limits.map(|limit| 60.0 / f64::from(limit.max(1)));
    let by_request = each.map(|each| each / most as f64);
    let seconds = by_limit.into_iter().chain(by_request).reduce(f64::max)?;
    let of = |requests: f64| requests * seconds;
    let requests = sum.requests;
    Some(Interval { low: of(requests.low), mean: of(requests.mean), high: of(requests.high) })
}

fn figures(forecast: &Forecast) -> serde_json::Value {
    serde_json::to_value(forecast).expect("a forecast is numbers")
}

fn object(round: &Planned) -> serde_json::Value {
    let (number, forecast) = (round.round, figures(&round.forecast));
    json!({ "schema": SCHEMA, "kind": "planned_round", "round": number, "forecast": forecast })
}

fn total(resolved: &Resolved, sum: &Forecast, seconds: Option<Interval>) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "kind": "plan",
        "agents": resolved.config.run.agents,
        "rounds": resolved.config.run.rounds,
        "agents_rehearsed": resolved.config.run.agents.min(AGENTS_MAX),
        "rounds_rehearsed": resolved.config.run.rounds.min(ROUNDS_MAX),
        "forecast": figures(sum),
        "seconds": seconds,
        "disk_bytes_max": resolved.footprint.disk,
        "memory_bytes": resolved.footprint.memory,
    })
}

fn text(
    resolved: &Resolved,
    rounds: &[Planned],
    sum: &Forecast,
    seconds: Option<Interval>,
) -> Vec<String> {
    let mut lines = Vec::new();
    if rounds.is_empty() {
        lines.push("no model is asked in words: the run costs nothing".to_owned());
    } else {
        let head = [
            "round",
            "asks",
            "distinct prompts",
            "requests",
            "prompt tokens",
            "reply tokens",
            "US dollars",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(rounds.iter().map(|round| row(&round.round.to_string(), &round.forecast)));
        rows.push(row("all", sum));
        lines.extend(table(&rows));
        lines.push(String::new());
        lines.push(reckoned(resolved, sum));
        lines.push(match seconds {
            Some(time) => format!("time: {} s", range(time, grouped_whole)),
            None => {
                "time: unknown; --seconds-per-request reckons it without sending any".to_owned()
            }
        });
    }
    let footprint = resolved.footprint;
    let (disk, memory) = (bytes_in_words(footprint.disk), bytes_in_words(footprint.memory));
    lines.push(format!("disk: at most {disk} of tables; memory: {memory}"));
    lines
}

/// What the figures rest on.
fn reckoned(resolved: &Resolved, sum: &Forecast) -> String {
    let run = &resolved.config.run;
    let agents = grouped_whole(run.agents.min(AGENTS_MAX) as f64);
    let rounds = run.rounds.min(ROUNDS_MAX);
    let tokens =
        if sum.counted { "counted by the server's tokenizer" } else { "reckoned from bytes" };
    format!(
        "rehearsed with {agents} agents for {rounds} rounds and random answers; tokens {tokens}; \
         nothing was paid"
    )
}

fn row(name: &str, forecast: &Forecast) -> Vec<String> {
    vec![
        name.to_owned(),
        grouped_whole(forecast.asks),
        range(forecast.cohorts, grouped_whole),
        range(forecast.requests, grouped_whole),
        range(forecast.prompt_tokens, grouped_whole),
        range(forecast.completion_tokens, grouped_whole),
        range(forecast.usd, |usd| format!("{usd:.2}")),
    ]
}

/// The guess, and its bounds where they differ from it.
fn range(interval: Interval, shown: fn(f64) -> String) -> String {
    let Interval { low, mean, high } = interval;
    let (low, mean, high) = (shown(low), shown(mean), shown(high));
    if low == mean && mean == high { mean } else { format!("{mean} ({low} to {high})") }
}
