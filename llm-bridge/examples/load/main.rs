//! Measures the bridge against mock servers: CPU per request beside a bare client loop, threads, coalesced work per
//! agent, requests in flight with their memory, the limiter on a mixed fleet, and what faults cost.
//!
//! `cargo run --release -p throng-llm-bridge --example load [cpu|threads|coalesced|flight|fleet|faults|memory|clients]`.
//! The mock servers are processes of their own, so that only the client's CPU and memory are counted. `clients` sets
//! Python's clients beside the bridge, where `THRONG_CLIENTS_PYTHON` names an interpreter that has openai, litellm
//! and aiohttp.
#![allow(clippy::print_stdout, reason = "it prints its findings")]

mod asked;
mod cost;
mod fleet;
mod process;
mod served;
mod volume;

use served::{Served, serve_mock};

type Outcome<A> = Result<A, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The bare client needs a provider of cryptography as the bridge's does; one that is there already will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match words.as_slice() {
        ["serve", port, millis, slots] => {
            serve_mock(port.parse()?, millis.parse()?, slots.parse()?, None)
        }
        ["serve", text] => serve_mock(0, 0, 0, Some(text)),
        ["cpu"] => cost::cpu(),
        ["threads"] => cost::threads(),
        ["coalesced"] => volume::coalesced(),
        ["flight"] => volume::flight(),
        ["memory"] => volume::memory(),
        ["fleet"] => fleet::mixed(),
        ["faults"] => fleet::faults(),
        ["clients"] => cost::clients(),
        [] => [
            cost::cpu,
            cost::threads,
            volume::coalesced,
            volume::flight,
            fleet::mixed,
            fleet::faults,
        ]
        .iter()
        .try_for_each(|measure| measure()),
        _ => {
            Err("choose one of cpu, threads, coalesced, flight, fleet, faults, memory, clients"
                .into())
        }
    }
}
