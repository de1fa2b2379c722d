//! The bridge against a real inference server: llama.cpp's, with a tiny model of random weights.
//!
//! Runs where the environment variable `THRONG_TEST_VENV` names a Python environment with the packages
//! xllamacpp, gguf and numpy; elsewhere it says that it did not run.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "what a test sets up must work"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_llm_bridge::distribution::Drawing;
use throng_llm_bridge::model::DistributionConfig;
use throng_llm_bridge::probe::probe;
use throng_llm_bridge::quirk::ServerKind;
use throng_llm_bridge::{
    Answer, AnswerSpec, Ask, Batch, Bridge, BridgeConfig, Exchanged, MemoryStore, ModelConfig,
    Moment, Prompts, Responder, Role, Stop,
};

/// A server process; killed when dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(python: &Path, model: &Path, port: u16) -> Self {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server");
        let mut process = Command::new(python)
            .arg(scripts.join("serve.py"))
            .arg(model)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.map_while(Result::ok).any(|line| line.starts_with("ready"));
        assert!(ready, "the server ended before it was ready");
        Self { process, url: format!("http://127.0.0.1:{port}/v1") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The interpreter of the environment, if there is one.
fn python() -> Option<PathBuf> {
    let folder = std::env::var("THRONG_TEST_VENV").ok()?;
    Some(Path::new(&folder).join("bin/python"))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config(servers: &[&Server], n_max: u32) -> BridgeConfig {
    let mut model = ModelConfig::at("tiny", &servers[0].url);
    model.endpoints =
        servers.iter().map(|server| throng_llm_bridge::EndpointConfig::at(&server.url)).collect();
    for endpoint in &mut model.endpoints {
        endpoint.server = ServerKind::LlamaCpp;
        endpoint.quirks.n_max = Some(n_max);
        endpoint.in_flight_max = 32;
    }
    model.max_tokens = 8;
    model.patience.attempt_ms = 30_000;
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

fn batch(agents: u64, prompts: u64) -> Batch {
    let mut interned = Prompts::new();
    let ids: Vec<_> = (0..prompts)
        .map(|place| {
            let group = format!("You are in group {place}. Guess a number from 0 to 100.");
            interned
                .ask(&[(Role::System, "This is a game of guessing."), (Role::User, &group)])
                .unwrap()
        })
        .collect();
    let ask =
        |agent: u64| Ask { agent, prompt: ids[(agent % prompts) as usize], model: 0, answer: 0 };
    Batch {
        moment: Moment::default(),
        run_seed: 5,
        asks: (0..agents).map(ask).collect(),
        prompts: Arc::new(interned),
        answers: Arc::new([AnswerSpec::Integer { min: 0, max: 100 }]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    }
}

fn play(config: BridgeConfig, batch: Batch) -> Exchanged {
    Bridge::start(config, Arc::new(MemoryStore::default())).unwrap().exchange(batch).unwrap()
}

fn numbers(exchanged: &Exchanged) -> Vec<Option<f64>> {
    exchanged.replies.iter().map(|reply| reply.answer().and_then(Answer::number)).collect()
}

#[test]
fn a_real_server_is_played_with_from_end_to_end() {
    let Some(python) = python() else {
        eprintln!("THRONG_TEST_VENV is not set: the real server was not tested");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("tiny.gguf");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/make_model.py");
    assert!(Command::new(&python).arg(script).arg(&model).status().unwrap().success());
    let server = Server::start(&python, &model, free_port());
    capabilities_are_found(&server);
    coalescing_is_exact(&server);
    reasons_and_choices_are_constrained(&server);
    distributions_are_read(&server);
    a_cancelled_run_frees_the_server(&server);
    a_killed_server_loses_nobody(&server, Server::start(&python, &model, free_port()));
}

fn capabilities_are_found(server: &Server) {
    let found = probe(&config(&[server], 8)).unwrap().swap_remove(0);
    assert_eq!(found.error, None);
    assert_eq!((found.choices_of_two, found.slots), (2, Some(8)), "{found:?}");
    assert!(found.constrained && found.logprobs && found.usage && found.tokenizer, "{found:?}");
}

/// All answers valid, n = 8 against single requests nearly all equal, and alike in distribution.
fn coalescing_is_exact(server: &Server) {
    let start = Instant::now();
    let together = play(config(&[server], 8), batch(800, 4));
    let coalesced = start.elapsed();
    let start = Instant::now();
    let apart = play(config(&[server], 1), batch(800, 4));
    println!("coalesced {coalesced:?}, single {:?}", start.elapsed());
    assert_eq!((together.totals.answered, apart.totals.answered), (800, 800));
    assert_eq!((together.totals.requests, apart.totals.requests), (100, 800));
    let differ = numbers(&together)
        .iter()
        .zip(numbers(&apart))
        .filter(|(left, right)| **left != *right)
        .count();
    // The server's own rounding depends on what it computes together.
    assert!(differ <= 16, "{differ} of 800 differ");
}

fn reasons_and_choices_are_constrained(server: &Server) {
    let mut batch = batch(40, 2);
    batch.answers =
        Arc::new([AnswerSpec::Choice { options: vec!["left".to_owned(), "right".to_owned()] }]);
    let played = play(config(&[server], 4), batch);
    assert_eq!(played.totals.answered, 40);
}

fn distributions_are_read(server: &Server) {
    let mut config = config(&[server], 8);
    let mut batch = batch(2_000, 1);
    batch.answers = Arc::new([AnswerSpec::Integer { min: 0, max: 9 }]);
    let sampled = play(config.clone(), batch.clone());
    config.models[0].distribution = Some(DistributionConfig { missing_max: 0.05 });
    let bridge = Bridge::start(config, Arc::new(MemoryStore::default())).unwrap();
    let drawn = Drawing::on(bridge).exchange(batch).unwrap();
    assert_eq!((drawn.totals.answered, drawn.totals.requests), (2_000, 1));
    let mut counts = vec![[0.0; 2]; 10];
    for (side, played) in [sampled, drawn].iter().enumerate() {
        for number in numbers(played) {
            counts[number.unwrap() as usize][side] += 1.0;
        }
    }
    let cells = counts.iter().filter(|[left, right]| left + right >= 10.0);
    let (mut chi, mut freedom) = (0.0, -1.0);
    for [left, right] in cells {
        chi += (left - right) * (left - right) / (left + right);
        freedom += 1.0;
    }
    assert!(freedom >= 1.0, "{counts:?}");
    let z: f64 = (chi - freedom) / (2.0_f64 * freedom).sqrt();
    assert!(z < 4.0, "z = {z}: {counts:?}");
}

fn a_cancelled_run_frees_the_server(server: &Server) {
    let bridge = Bridge::start(config(&[server], 1), Arc::new(MemoryStore::default())).unwrap();
    let exchange = bridge.begin(batch(20_000, 4)).unwrap();
    while exchange.progress().answered < 50 {
        std::thread::yield_now();
    }
    exchange.cancel();
    let played = exchange.wait().unwrap();
    assert_eq!(played.stop, Some(Stop::Cancelled));
    assert_eq!(played.totals.answered + played.totals.failed, 20_000);
    let start = Instant::now();
    assert_eq!(play(config(&[server], 8), batch(8, 1)).totals.answered, 8);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

fn a_killed_server_loses_nobody(server: &Server, second: Server) {
    let bridge =
        Bridge::start(config(&[server, &second], 1), Arc::new(MemoryStore::default())).unwrap();
    let exchange = bridge.begin(batch(3_000, 4)).unwrap();
    while exchange.progress().answered < 500 {
        std::thread::yield_now();
    }
    drop(second);
    let played = exchange.wait().unwrap();
    assert_eq!(played.totals.answered, 3_000, "{:?}", played.totals);
}
