//! Several endpoints behind one queue: different ones, dead ones, slow ones, and one that goes and comes back.

use crate::asked::{batch, config, play};
use crate::{Outcome, Served};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_llm_bridge::store::Forgetful;
use throng_llm_bridge::{Bridge, EndpointConfig};

/// Four servers of 64, 32, 16 and 8 slots at 20 ms: 6,000 requests a second at best.
pub(crate) fn mixed() -> Outcome<()> {
    const REQUESTS: u64 = 60_000;
    let slots = [64, 32, 16, 8];
    let served =
        slots.iter().map(|slots| Served::start(20, *slots)).collect::<Outcome<Vec<_>>>()?;
    let all: Vec<&Served> = served.iter().collect();
    let ideal = slots.iter().sum::<usize>() as f64 / 0.020;
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let batch = batch(REQUESTS, 1_000)?;
        let start = Instant::now();
        let played = play(config(&all, 1_024, 1), batch)?;
        let rate = REQUESTS as f64 / start.elapsed().as_secs_f64();
        let mut waits: Vec<u32> = played.replies.iter().map(|reply| reply.latency_us).collect();
        waits.sort_unstable();
        rounds.push((rate, f64::from(waits[waits.len() * 99 / 100]) / 1e3));
    }
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (rate, p99) = rounds[1];
    println!(
        "mixed fleet of 64/32/16/8 slots: {rate:.0} requests/s, {:.0} % of the ideal {ideal:.0}, p99 {p99:.0} ms (median of 3 rounds)",
        rate / ideal * 100.0
    );
    Ok(())
}

/// A healthy server of 32 slots beside a dead one and one that is ten times slower, and a server that is killed and
/// comes back.
pub(crate) fn faults() -> Outcome<()> {
    const REQUESTS: u64 = 16_000;
    const SLOTS: usize = 32;
    let (healthy, slow) = (Served::start(20, SLOTS)?, Served::start(200, SLOTS)?);
    let dead = Served::start(20, SLOTS)?.url.clone();
    let mut config_of = config(&[&healthy, &slow], SLOTS, 1);
    config_of.models[0].endpoints.push(EndpointConfig::at(&dead));
    let ideal = SLOTS as f64 / 0.020;
    let mut rates = Vec::new();
    for _ in 0..3 {
        let batch = batch(REQUESTS, 1_000)?;
        let start = Instant::now();
        play(config_of.clone(), batch)?;
        rates.push(REQUESTS as f64 / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "one of three endpoints dead, one 10x slower: {:.0} requests/s, {:.0} % of the {ideal:.0} of the healthy one (median of 3 rounds)",
        rates[1],
        rates[1] / ideal * 100.0
    );
    outage(healthy, SLOTS)
}

/// Kills the server for two seconds and watches how long it takes until replies come as fast as before.
fn outage(served: Served, slots: usize) -> Outcome<()> {
    const LENGTH: Duration = Duration::from_secs(2);
    let port = served.port()?;
    let bridge = Bridge::start(config(&[&served], slots, 1), Arc::new(Forgetful))?;
    let exchange = bridge.begin(batch(24_000, 1_000)?)?;
    let watch = exchange.watch();
    let wait = std::thread::spawn(move || exchange.wait());
    let rate = |over: Duration| {
        let before = watch.snapshot().answered;
        let start = Instant::now();
        std::thread::park_timeout(over);
        (watch.snapshot().answered - before) as f64 / start.elapsed().as_secs_f64()
    };
    rate(Duration::from_secs(2));
    let usual = rate(Duration::from_secs(2));
    drop(served);
    std::thread::park_timeout(LENGTH);
    let _served = Served::start_at(port, 20, slots)?;
    let back = Instant::now();
    while rate(Duration::from_millis(200)) < 0.95 * usual {
        if wait.is_finished() {
            return Err("the rate never came back".into());
        }
    }
    println!(
        "a server killed for {LENGTH:?}: {usual:.0} requests/s before, 95 % of that again {:.1} s after it came back",
        back.elapsed().as_secs_f64()
    );
    let played = wait.join().map_err(|_| "the waiting thread panicked")??;
    println!(
        "{} answered, {} failed, {} retries",
        played.totals.answered, played.totals.failed, played.totals.retries
    );
    Ok(())
}
