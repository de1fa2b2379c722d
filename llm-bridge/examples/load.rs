//! Measures the bridge against mock servers: CPU per request beside a bare client loop, coalesced work per
//! agent, requests in flight with their memory, and the limiter on a mixed fleet.
//!
//! `cargo run --release -p throng-llm-bridge --example load [cpu|coalesced|flight|fleet|memory|clients]`. The mock
//! servers are processes of their own, so that only the client's CPU and memory are counted. `clients` sets Python's
//! clients beside the bridge, where `THRONG_CLIENTS_PYTHON` names an interpreter that has openai, litellm and aiohttp.
#![allow(clippy::print_stdout, reason = "it prints its findings")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_llm_bridge::mock::{Latency, MockOptions, Policy, serve};
use throng_llm_bridge::store::Forgetful;
use throng_llm_bridge::{
    AnswerSpec, Ask, Batch, Bridge, BridgeConfig, EndpointConfig, Exchanged, ModelConfig, Moment,
    Prompts, Role,
};

type Outcome<A> = Result<A, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The bare client needs a provider of cryptography as the bridge's does; one that is there already will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match words.as_slice() {
        ["serve", millis, slots] => serve_mock(millis.parse()?, slots.parse()?, None),
        ["serve", text] => serve_mock(0, 0, Some(text)),
        ["cpu"] => cpu(),
        ["coalesced"] => coalesced(),
        ["flight"] => flight(),
        ["fleet"] => fleet(),
        ["memory"] => memory(),
        ["clients"] => clients(),
        [] => [cpu, coalesced, flight, fleet].iter().try_for_each(|measure| measure()),
        _ => Err("choose one of cpu, coalesced, flight, fleet, memory, clients".into()),
    }
}

fn serve_mock(millis: u64, slots: usize, says: Option<&str>) -> Outcome<()> {
    let latency = Latency::Constant(Duration::from_millis(millis));
    let slots = (slots > 0).then_some(slots);
    let policy = says.map_or(Policy::Uniform, |text| Policy::Fixed(text.to_owned()));
    let options = MockOptions { latency, slots, policy, ..MockOptions::default() };
    let mock = serve(options, "127.0.0.1:0".parse()?)?;
    println!("{}", mock.url());
    mock.wait();
    Ok(())
}

/// A mock server in a process of its own.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(millis: u64, slots: usize) -> Outcome<Self> {
        Self::launch(&["serve", &millis.to_string(), &slots.to_string()])
    }

    /// A server that answers everything with this text.
    fn start_saying(text: &str) -> Outcome<Self> {
        Self::launch(&["serve", text])
    }

    fn launch(arguments: &[&str]) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config(servers: &[&Served], in_flight: usize, n_max: u32) -> BridgeConfig {
    let mut model = ModelConfig::at("mock", &servers[0].url);
    model.endpoints = servers.iter().map(|served| EndpointConfig::at(&served.url)).collect();
    for endpoint in &mut model.endpoints {
        endpoint.quirks.n_max = Some(n_max);
        endpoint.in_flight_max = in_flight;
    }
    model.n_max = n_max;
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

fn batch(agents: u64, prompts: u64) -> Outcome<Batch> {
    let rules = "You are playing a guessing game with many others. ".repeat(17);
    let mut interned = Prompts::new();
    let mut ids = Vec::new();
    for place in 0..prompts {
        ids.push(
            interned.ask(&[(Role::System, &rules), (Role::User, &format!("Group {place}."))])?,
        );
    }
    let ask =
        |agent: u64| Ask { agent, prompt: ids[(agent % prompts) as usize], model: 0, answer: 0 };
    Ok(Batch {
        moment: Moment::default(),
        run_seed: 1,
        asks: (0..agents).map(ask).collect(),
        prompts: interned.shared(),
        answers: Arc::new([AnswerSpec::Integer { min: 0, max: 100 }]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    })
}

fn play(config: BridgeConfig, batch: Batch) -> Outcome<Exchanged> {
    let played = Bridge::start(config, Arc::new(Forgetful))?.exchange(batch)?;
    if played.totals.failed > 0 {
        return Err(format!("{} replies failed", played.totals.failed).into());
    }
    Ok(played)
}

/// User and system time of this process in seconds, from the kernel's accounts in hundredths.
fn cpu_seconds() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().ok_or("no accounts")?.split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

/// The largest memory of this process so far, in KiB.
fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no peak")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

/// CPU per request: a bare loop of the same client library against the whole bridge, in turns.
fn cpu() -> Outcome<()> {
    const REQUESTS: u64 = 30_000;
    let served = Served::start(0, 0)?;
    println!(
        "CPU per request in us, and requests per CPU second (server: 0 ms; median of 3 rounds)"
    );
    println!("{:>9} {:>8} {:>8} {:>7} {:>9}", "in flight", "bare", "bridge", "ratio", "req/cpu s");
    for in_flight in [16, 64, 256, 1_024] {
        let mut rounds = Vec::new();
        for _ in 0..3 {
            let start = cpu_seconds()?;
            bare(&served.url, in_flight, REQUESTS)?;
            let bare = (cpu_seconds()? - start) / REQUESTS as f64 * 1e6;
            let batch = batch(REQUESTS, 1_000)?;
            let start = cpu_seconds()?;
            play(config(&[&served], in_flight, 1), batch)?;
            rounds.push((bare, (cpu_seconds()? - start) / REQUESTS as f64 * 1e6));
        }
        rounds.sort_by(|left, right| (left.1 / left.0).total_cmp(&(right.1 / right.0)));
        let (bare, bridge) = rounds[1];
        println!(
            "{in_flight:>9} {bare:>8.1} {bridge:>8.1} {:>7.2} {:>9.0}",
            bridge / bare,
            1e6 / bridge
        );
    }
    Ok(())
}

/// `count` equal requests with nothing around them: send, read the body, parse nothing.
fn bare(url: &str, in_flight: usize, count: u64) -> Outcome<()> {
    use futures_util::StreamExt as _;
    let prompt = "You are playing a guessing game with many others. ".repeat(17);
    let body = format!(
        r#"{{"model":"mock","temperature":1,"top_p":1,"max_tokens":512,"response_format":{{"type":"json_schema","json_schema":{{"name":"answer","strict":true,"schema":{{"type":"integer","minimum":0,"maximum":100}}}}}},"seed":1,"messages":[{{"role":"system","content":"{prompt}"}},{{"role":"user","content":"Group 1."}}]}}"#
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = reqwest::Url::parse(&format!("{url}/chat/completions"))?;
        let send = |_| {
            let mut request = reqwest::Request::new(reqwest::Method::POST, url.clone());
            let json = reqwest::header::HeaderValue::from_static("application/json");
            request.headers_mut().insert(reqwest::header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.clone().into());
            let reply = client.execute(request);
            async move { reply.await?.bytes().await }
        };
        let mut replies =
            futures_util::stream::iter(0..count).map(send).buffer_unordered(in_flight);
        while let Some(reply) = replies.next().await {
            reply?;
        }
        Ok(())
    })
}

/// A million agents who share a thousand prompts.
fn coalesced() -> Outcome<()> {
    const AGENTS: u64 = 1_000_000;
    let served = Served::start(0, 0)?;
    let batch = batch(AGENTS, 1_000)?;
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let played = play(config(&[&served], 64, 128), batch)?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!(
        "1,000,000 agents, 1,000 prompts, n <= 128: {} requests, {wall:.2} s wall, {cpu:.2} s CPU, {:.2} us CPU per agent, peak {} MiB",
        played.totals.requests,
        cpu / AGENTS as f64 * 1e6,
        peak_kib()? / 1_024
    );
    Ok(())
}

/// Ten thousand requests in flight at once.
fn flight() -> Outcome<()> {
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

/// Four servers of 64, 32, 16 and 8 slots at 20 ms: 6,000 requests a second at best.
fn fleet() -> Outcome<()> {
    const REQUESTS: u64 = 60_000;
    let slots = [64, 32, 16, 8];
    let served =
        slots.iter().map(|slots| Served::start(20, *slots)).collect::<Outcome<Vec<_>>>()?;
    let all: Vec<&Served> = served.iter().collect();
    let ideal = slots.iter().sum::<usize>() as f64 / 0.020;
    let start = Instant::now();
    play(config(&all, 1_024, 1), batch(REQUESTS, 1_000)?)?;
    let rate = REQUESTS as f64 / start.elapsed().as_secs_f64();
    println!(
        "mixed fleet of 64/32/16/8 slots: {rate:.0} requests/s, {:.0} % of the ideal {ideal:.0}",
        rate / ideal * 100.0
    );
    Ok(())
}

/// A million agents with a prompt of 1 kB each, of which they share nothing, and replies of 300 bytes.
fn memory() -> Outcome<()> {
    const AGENTS: u64 = 1_000_000;
    let reply = "I would say so. ".repeat(19);
    let served = Served::start_saying(&reply)?;
    let mut interned = Prompts::new();
    let mut asks = Vec::with_capacity(AGENTS as usize);
    let mut text = String::with_capacity(1_024);
    for agent in 0..AGENTS {
        text.clear();
        while text.len() < 1_000 {
            use std::fmt::Write as _;
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

/// CPU per request of the bridge and of Python's clients, at 64 in flight.
fn clients() -> Outcome<()> {
    const REQUESTS: u64 = 3_000;
    const IN_FLIGHT: usize = 64;
    let python = std::env::var("THRONG_CLIENTS_PYTHON").map_err(
        |_| "name an interpreter with openai, litellm and aiohttp in THRONG_CLIENTS_PYTHON",
    )?;
    let served = Served::start(0, 0)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clients.py");
    let mut rows = Vec::new();
    let start = cpu_seconds()?;
    bare(&served.url, IN_FLIGHT, 10 * REQUESTS)?;
    rows.push(("reqwest".to_owned(), (cpu_seconds()? - start) / (10 * REQUESTS) as f64 * 1e6));
    let batch = batch(10 * REQUESTS, 1_000)?;
    let start = cpu_seconds()?;
    play(config(&[&served], IN_FLIGHT, 1), batch)?;
    rows.push(("bridge".to_owned(), (cpu_seconds()? - start) / (10 * REQUESTS) as f64 * 1e6));
    for client in ["aiohttp", "openai", "litellm"] {
        let arguments =
            [script, client, &served.url, &IN_FLIGHT.to_string(), &REQUESTS.to_string()];
        let output = Command::new(&python).args(arguments).stderr(Stdio::inherit()).output()?;
        let micros = String::from_utf8(output.stdout)?;
        rows.push((
            client.to_owned(),
            micros.trim().parse().map_err(|_| format!("{client} failed"))?,
        ));
    }
    let own = rows[1].1;
    println!("{:>9} {:>12} {:>14}", "client", "us CPU each", "of the bridge");
    for (client, micros) in rows {
        println!("{client:>9} {micros:>12.1} {:>14.2}", micros / own);
    }
    Ok(())
}
