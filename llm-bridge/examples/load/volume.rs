//! Large exchanges: coalesced work per agent, memory per request in flight, memory of a million prompts.

use crate::asked::{batch, config, play};
use crate::process::{cpu_seconds, peak_kib};
use crate::{Outcome, Served};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_llm_bridge::store::Forgetful;
use throng_llm_bridge::{AnswerSpec, Ask, Batch, Bridge, BridgeConfig, ModelConfig, Prompts, Role};

const AGENTS: u64 = 1_000_000;

/// A million agents who share a thousand prompts: answered in this process, which leaves the bridge's own work, and
/// by a server in another one.
pub(crate) fn coalesced() -> Outcome<()> {
    println!(
        "1,000,000 agents, 1,000 prompts, at most 128 choices per request (median of 3 rounds)"
    );
    println!(
        "{:>11} {:>9} {:>7} {:>7} {:>14}",
        "answered", "requests", "wall s", "CPU s", "us CPU/agent"
    );
    let numbers: Vec<String> = (0..=100).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut scripted = ModelConfig::scripted("scripted", &numbers);
    scripted.n_max = 128;
    coalesced_by(
        "in process",
        &BridgeConfig { models: vec![scripted], ..BridgeConfig::default() },
    )?;
    let served = Served::start(0, 0)?;
    coalesced_by("by a server", &config(&[&served], 64, 128))?;
    println!("peak {} MiB", peak_kib()? / 1_024);
    Ok(())
}

fn coalesced_by(name: &str, config: &BridgeConfig) -> Outcome<()> {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let batch = batch(AGENTS, 1_000)?;
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        let played = play(config.clone(), batch)?;
        rounds.push((start.elapsed().as_secs_f64(), cpu_seconds()? - cpu, played.totals.requests));
    }
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (wall, cpu, requests) = rounds[1];
    let each = cpu / AGENTS as f64 * 1e6;
    println!("{name:>11} {requests:>9} {wall:>7.2} {cpu:>7.2} {each:>14.2}");
    Ok(())
}

/// Ten thousand requests in flight at once.
pub(crate) fn flight() -> Outcome<()> {
    const IN_FLIGHT: usize = 10_000;
    let served = Served::start(2_000, 0)?;
    let batch = batch(60_000, 1_000)?;
    let before = peak_kib()?;
    let mut config = config(&[&served], IN_FLIGHT, 1);
    config.models[0].patience.attempt_ms = 60_000;
    let bridge = Bridge::start(config, Arc::new(Forgetful))?;
    bridge.notices().iter().for_each(|notice| println!("{notice}"));
    let exchange = bridge.begin(batch)?;
    let watch = exchange.watch();
    let wait = std::thread::spawn(move || exchange.wait());
    let mut most = 0;
    while !wait.is_finished() {
        most = most.max(watch.snapshot().in_flight);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let played = wait.join().map_err(|_| "the waiting thread panicked")??;
    let memory = peak_kib()? - before;
    println!(
        "at most {most} requests in flight, {} answered, {} failed, {:.1} KiB each",
        played.totals.answered,
        played.totals.failed,
        memory as f64 / most.max(1) as f64
    );
    Ok(())
}

/// A million agents with a prompt of 1 kB each, of which they share nothing, and replies of 300 bytes.
pub(crate) fn memory() -> Outcome<()> {
    let reply = "I would say so. ".repeat(19);
    let served = Served::start_saying(&reply)?;
    let mut interned = Prompts::new();
    let mut asks = Vec::with_capacity(AGENTS as usize);
    let mut text = String::with_capacity(1_024);
    for agent in 0..AGENTS {
        text.clear();
        while text.len() < 1_000 {
            write!(text, "Fact {} of agent {agent}. ", text.len())?;
        }
        text.truncate(1_000);
        let prompt = interned.ask(&[(Role::User, &text)])?;
        asks.push(Ask { agent, prompt, model: 0, answer: 0 });
    }
    let batch = Batch {
        asks,
        prompts: interned.shared(),
        answers: Arc::new([AnswerSpec::Text { length_max: 400 }]),
        ..batch(0, 1)?
    };
    let prompts = peak_kib()?;
    let played = play(config(&[&served], 64, 1), batch)?;
    println!(
        "1,000,000 prompts of 1,000 bytes, replies of {} bytes: {} answered, peak {} MiB, of which prompts {} MiB",
        reply.trim().len(),
        played.totals.answered,
        peak_kib()? / 1_024,
        prompts / 1_024
    );
    Ok(())
}
