//! CPU per request: beside a bare client loop, over several threads, and beside Python's clients.

use crate::asked::{all_answered, batch, config, play};
use crate::process::{cpu_seconds, thread_seconds};
use crate::{Outcome, Served};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use throng_llm_bridge::Bridge;
use throng_llm_bridge::store::Forgetful;

/// CPU per request: a bare loop of reqwest against the whole bridge, in turns.
pub(crate) fn cpu() -> Outcome<()> {
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

/// What each thread of the bridge has to do, for one to three of them: the busiest one is what bounds the rate.
pub(crate) fn threads() -> Outcome<()> {
    const REQUESTS: u64 = 60_000;
    let served = [Served::start(0, 0)?, Served::start(0, 0)?];
    println!("CPU per request in us by thread, 256 in flight (server: 0 ms; median of 3 rounds)");
    println!(
        "{:>7} {:>6} {:>9} {:>14} {:>9}",
        "threads", "all", "busiest", "req/s at most", "req/s"
    );
    for threads in 1..=3 {
        let mut rounds = Vec::new();
        for _ in 0..3 {
            let mut config = config(&[&served[0], &served[1]], 128, 1);
            config.threads = Some(threads);
            let bridge = Bridge::start(config, Arc::new(Forgetful))?;
            let batch = batch(REQUESTS, 1_000)?;
            let start = Instant::now();
            all_answered(bridge.exchange(batch)?)?;
            let rate = REQUESTS as f64 / start.elapsed().as_secs_f64();
            let each = thread_seconds("throng-bridge")?.into_iter();
            let each: Vec<f64> = each.map(|seconds| seconds / REQUESTS as f64 * 1e6).collect();
            let busiest = each.iter().copied().fold(0.0, f64::max);
            rounds.push((busiest, each.iter().sum::<f64>(), rate));
        }
        rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (busiest, all, rate) = rounds[1];
        println!("{threads:>7} {all:>6.1} {busiest:>9.1} {:>14.0} {rate:>9.0}", 1e6 / busiest);
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

/// CPU per request of the bridge and of Python's clients, at 64 in flight.
pub(crate) fn clients() -> Outcome<()> {
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
