//! `throng check`: what a configuration means and takes, without playing it.

use clap::Args;
use serde_json::json;
use throng_systems::engine::AgentId;
use throng_systems::{PromptText, Scenario};

use super::exit::Exit;
use super::failure::Failure;
use super::output::Results;
use super::play_arguments::PlayArguments;
use crate::config::footprint::{memory_available, small};
use crate::config::{Resolved, bytes_in_words, resolve};
use crate::watch::SCHEMA;

/// Agents of the world in which prompts are rendered.
const AGENTS_MAX: u64 = 1_000;

/// Arguments of `throng check`.
#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    play: PlayArguments,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Resolves the configuration, builds a small world of it, and shows what comes of it.
pub(super) fn run(
    arguments: &CheckArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let resolved = resolve(&arguments.play.request(scenarios)?, scenarios)?;
    let prompts = prompts(&resolved)?;
    if arguments.json {
        results.line(&object(&resolved, &prompts).to_string());
    } else {
        results.lines(text(&resolved, &prompts));
    }
    Ok(Exit::Done)
}

/// The prompts of the first, the middle and the last agent of a small world.
fn prompts(resolved: &Resolved) -> Result<Vec<(AgentId, PromptText)>, Failure> {
    let Resolved { config, scenario, prepared, cast, execution, .. } = resolved;
    let agents = config.run.agents;
    let mut sim = small(scenario, prepared, cast, agents, AGENTS_MAX, execution.threads)?;
    let last = u32::try_from(agents.min(AGENTS_MAX) - 1).expect("a small world has few agents");
    let mut shown = vec![0, last / 2, last];
    shown.dedup();
    let preview = |agent| {
        let agent = AgentId(agent);
        Ok((agent, scenario.preview(&mut sim, agent)?))
    };
    shown.into_iter().map(preview).collect()
}

fn object(resolved: &Resolved, prompts: &[(AgentId, PromptText)]) -> serde_json::Value {
    let prompts: Vec<_> = prompts
        .iter()
        .map(|(agent, text)| json!({ "agent": agent.0, "system": text.system, "user": text.user }))
        .collect();
    let footprint = resolved.footprint;
    json!({
        "schema": SCHEMA,
        "kind": "check",
        "config": resolved.config,
        "config_sha256": resolved.config.sha256(),
        "bytes_per_agent": footprint.bytes_per_agent,
        "memory_bytes": footprint.memory,
        "memory_available_bytes": memory_available(),
        "disk_bytes_max": footprint.disk,
        "prompts": prompts,
    })
}

fn text(resolved: &Resolved, prompts: &[(AgentId, PromptText)]) -> Vec<String> {
    let mut lines: Vec<String> = resolved.config.to_toml().lines().map(str::to_owned).collect();
    for (agent, text) in prompts {
        lines.push(String::new());
        lines.push(format!("# What agent {agent} is told in round 1"));
        let told = text.system.lines().chain([""]).chain(text.user.lines());
        lines.extend(told.map(|line| format!("#   {line}").trim_end().to_owned()));
    }
    let footprint = resolved.footprint;
    let available = memory_available()
        .map_or_else(String::new, |bytes| format!(" of {} available", bytes_in_words(bytes)));
    lines.push(String::new());
    lines.push(format!(
        "# Memory: {}{available}, at {} bytes per agent",
        bytes_in_words(footprint.memory),
        footprint.bytes_per_agent
    ));
    lines.push(format!("# Disk: at most {} of tables", bytes_in_words(footprint.disk)));
    lines.push(format!("# The configuration is fine: {}", resolved.config.sha256()));
    lines
}
