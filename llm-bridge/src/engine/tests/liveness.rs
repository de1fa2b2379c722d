//! Nothing hangs: open circuits, dead endpoints, slow ones, deadlines, cancellation, poison.

use super::{Play, batch, config, core, play};
use crate::engine::Command;
use crate::exchange::Stop;
use crate::mock::transport::MockTransport;
use crate::mock::{Faults, Latency, MockOptions};
use crate::reply::Cause;
use crate::wire::scripted::{Scene, Scripted, chat_body};
use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

fn good(millis: u64) -> Scene {
    let body = chat_body(["7"], 1, 1);
    Scene {
        after: Duration::from_millis(millis),
        outcome: Ok(Landed { status: 200, retry_after: None, body }),
    }
}

fn bad(error: LinkError) -> Scene {
    Scene { after: Duration::from_millis(1), outcome: Err(error) }
}

fn refused() -> Scene {
    bad(LinkError::Refused("nobody listens".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn every_circuit_open_still_wakes_up_when_one_closes() {
    let sent = Rc::new(Cell::new(0));
    let count = Rc::clone(&sent);
    let script = Scripted::new(move |_, _| {
        count.set(count.get() + 1);
        if count.get() <= 100 { refused() } else { good(1) }
    });
    let played = Play::new(config(3, 1), script).run(batch(500, 5)).await;
    assert_eq!(played.totals.answered, 500);
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_dead_ends_by_the_deadline_with_errors_as_values() {
    let mut config = config(3, 16);
    config.models[0].patience.reply_ms = 30_000;
    let start = Instant::now();
    let played = Play::new(config, Scripted::new(|_, _| refused())).run(batch(10_000, 100)).await;
    assert_eq!(played.totals.failed, 10_000);
    assert!(start.elapsed() <= Duration::from_secs(61), "{:?}", start.elapsed());
    assert!(played.totals.requests < 500, "{}", played.totals.requests);
    let causes = |wanted| {
        played
            .replies
            .iter()
            .filter(|reply| reply.failure().is_some_and(|failure| failure.cause == wanted))
            .count()
    };
    assert_eq!(causes(Cause::CircuitOpen) + causes(Cause::Refused), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_ends_by_the_deadline() {
    let mut config = config(1, 16);
    config.models[0].patience.reply_ms = 10_000;
    let hang = Scripted::new(|_, _| Scene { after: Duration::from_hours(24), ..refused() });
    let start = Instant::now();
    let played = Play::new(config, hang).run(batch(1_000, 1)).await;
    assert_eq!(played.totals.failed, 1_000);
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
}

/// Seconds that 20,000 requests take on servers of 20 slots with these latencies in milliseconds, or dead.
async fn seconds_on(latencies: &[Option<u64>]) -> f64 {
    let mut config = config(latencies.len(), 1);
    config.models[0].endpoints.iter_mut().for_each(|endpoint| endpoint.in_flight_max = 20);
    let latencies = latencies.to_vec();
    let script = Scripted::new(move |address, _| {
        latencies[usize::from(address.endpoint)].map_or_else(refused, good)
    });
    let start = Instant::now();
    let played = Play::new(config, script).run(batch(20_000, 20)).await;
    assert_eq!(played.totals.answered, 20_000);
    start.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn a_dead_and_a_slow_endpoint_cost_at_most_a_twentieth() {
    let healthy = seconds_on(&[Some(10)]).await;
    let with_both = seconds_on(&[Some(10), None, Some(100)]).await;
    assert!(with_both <= healthy / 0.95, "{with_both} s against {healthy} s");
    // The slow one adds a tenth of what the healthy one gives.
    assert!(with_both <= healthy / 1.1 / 0.95, "{with_both} s against {healthy} s");
}

#[tokio::test(start_paused = true)]
async fn the_exchange_deadline_ends_what_is_in_flight() {
    let mut batch = batch(1_000, 10);
    batch.deadline = Some(Duration::from_millis(500));
    let start = Instant::now();
    let played = Play::new(config(1, 1), Scripted::new(|_, _| good(100))).run(batch).await;
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    assert_eq!(played.stop, Some(Stop::Cancelled));
    assert_eq!(played.totals.answered + played.totals.failed, 1_000);
    assert!(played.totals.answered > 0 && played.totals.failed > 0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_the_server_and_settles_everybody() {
    let latency = Latency::Constant(Duration::from_millis(100));
    let core = core(MockOptions { latency, ..MockOptions::default() });
    let play = Play::new(config(1, 1), MockTransport::new(std::slice::from_ref(&core)));
    let progress = std::sync::Arc::clone(&play.progress);
    let at_cancel = async |commands: &tokio::sync::mpsc::Sender<Command>| {
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert!(core.counts().at_once > 0);
        progress.cancelled.store(true, Ordering::Relaxed);
        commands.send(Command::Cancel).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(core.counts().at_once, 0, "the requests in flight are gone");
    };
    let played = play.with(batch(1_000, 10), at_cancel).await.unwrap();
    assert_eq!(played.stop, Some(Stop::Cancelled));
    assert!(played.totals.answered > 0);
    assert_eq!(played.totals.answered + played.totals.failed, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_question_under_which_endpoints_die_is_put_into_quarantine() {
    // Endpoints die at the question of group 3 and come back after a second.
    let dead_until = Rc::new(RefCell::new([Instant::now(); 3]));
    let script = Scripted::new(move |address, body| {
        let mut dead_until = dead_until.borrow_mut();
        let place = usize::from(address.endpoint);
        if Instant::now() < dead_until[place] {
            return refused();
        }
        if body.windows(8).any(|window| window == b"Group 3.") {
            dead_until[place] = Instant::now() + Duration::from_secs(1);
            return bad(LinkError::Lost("reset by peer".to_owned()));
        }
        good(10)
    });
    let played = Play::new(config(3, 1), script).run(batch(300, 300)).await;
    assert_eq!(played.totals.failed, 1, "{:?}", played.totals);
    let failure = played.replies[3].failure().unwrap();
    assert_eq!(failure.cause, Cause::Quarantined);
}

/// Endpoints that die at the question of group 3, with everything that they have in flight, and come back
/// after two seconds.
struct Mortal(Rc<[(watch::Sender<u32>, Cell<Option<Instant>>); 3]>);

impl Transport for Mortal {
    fn post(
        &self,
        address: Address,
        _: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        let endpoints = Rc::clone(&self.0);
        async move {
            let (death, dead_until) = &endpoints[usize::from(address.endpoint)];
            if dead_until.get().is_some_and(|until| Instant::now() < until) {
                return refused().outcome;
            }
            let mut dies = death.subscribe();
            let lost = || LinkError::Lost("reset by peer".to_owned());
            tokio::time::sleep(Duration::from_millis(5)).await;
            if body.windows(8).any(|window| window == b"Group 3.") {
                dead_until.set(Some(Instant::now() + Duration::from_secs(2)));
                death.send_modify(|deaths| *deaths += 1);
                return Err(lost());
            }
            tokio::select! {
                _ = dies.changed() => Err(lost()),
                () = tokio::time::sleep(Duration::from_millis(5)) => good(0).outcome,
            }
        }
        .boxed_local()
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_beside_a_poisonous_question_is_answered() {
    let endpoints = [0; 3].map(|_| (watch::Sender::new(0), Cell::new(None)));
    let played = Play::new(config(3, 1), Mortal(Rc::new(endpoints))).run(batch(300, 300)).await;
    assert_eq!((played.totals.answered, played.totals.failed), (299, 1));
    assert_eq!(played.replies[3].failure().unwrap().cause, Cause::Quarantined);
    assert!(played.totals.retries > 10, "others were lost with it: {:?}", played.totals);
}

#[tokio::test(start_paused = true)]
async fn retry_after_pauses_the_endpoint_and_not_only_the_request() {
    let start = Instant::now();
    let early = Rc::new(Cell::new(0));
    let count = Rc::clone(&early);
    let script = Scripted::new(move |_, _| {
        let at = start.elapsed();
        count.set(
            count.get() + u32::from(at > Duration::from_millis(50) && at < Duration::from_secs(9)),
        );
        if at < Duration::from_secs(9) {
            let landed = Landed {
                status: 429,
                retry_after: Some(Duration::from_secs(10)),
                body: Vec::new(),
            };
            return Scene { after: Duration::from_millis(1), outcome: Ok(landed) };
        }
        good(1)
    });
    let played = Play::new(config(1, 1), script).run(batch(100, 1)).await;
    assert_eq!(played.totals.answered, 100);
    assert_eq!(early.get(), 0, "requests during the pause");
}

#[tokio::test(start_paused = true)]
async fn one_refusal_in_fifty_does_not_pause_the_endpoint_again_and_again() {
    let start = Instant::now();
    let sent = Rc::new(Cell::new(0_u32));
    let script = Scripted::new(move |_, _| {
        sent.set(sent.get() + 1);
        if !sent.get().is_multiple_of(50) {
            return good(5);
        }
        let retry_after = Some(Duration::from_secs(1));
        let landed = Landed { status: 429, retry_after, body: Vec::new() };
        Scene { after: Duration::from_millis(5), outcome: Ok(landed) }
    });
    let mut config = config(1, 1);
    config.models[0].endpoints[0].in_flight_max = 16;
    let played = Play::new(config, script).run(batch(6_000, 10)).await;
    assert_eq!((played.totals.answered, played.totals.retries), (6_000, 122));
    // 16 places at 5 ms take 1.9 s; the last that are refused wait a second or two more.
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 5.0, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn limits_per_minute_are_kept() {
    let mut config = config(1, 1);
    config.models[0].endpoints[0].requests_per_minute = Some(600);
    let start = Instant::now();
    let (played, _) = play(config, MockOptions::default(), batch(1_260, 3)).await;
    assert_eq!(played.totals.answered, 1_260);
    // A burst of 60, then ten a second.
    let seconds = start.elapsed().as_secs_f64();
    assert!((119.0..122.0).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn hedging_shortens_the_tail_and_changes_no_answer() {
    let latency = Latency::LogNormal(Duration::from_millis(10), 1.2);
    let options = || MockOptions { latency, ..MockOptions::default() };
    let mut config = config(2, 1);
    config.models[0].patience.attempt_ms = 60_000;
    let start = Instant::now();
    let (plain, _) = play(config.clone(), options(), batch(2_000, 10)).await;
    let without = start.elapsed();
    config.models[0].hedge = true;
    let start = Instant::now();
    let (hedged, core) = play(config, options(), batch(2_000, 10)).await;
    let with = start.elapsed();
    assert_eq!(super::digest(&plain), super::digest(&hedged));
    assert!(hedged.totals.hedges > 0 && hedged.totals.hedges < 200, "{}", hedged.totals.hedges);
    assert_eq!(core.counts().requests, hedged.totals.requests);
    assert!(with < without, "{with:?} against {without:?}");
}

#[tokio::test(start_paused = true)]
async fn no_model_starves_another() {
    let mut config = config(1, 1);
    let mut second = config.models[0].clone();
    second.name = "second".to_owned();
    config.models.push(second);
    let mut batch = batch(4_000, 4);
    // Three quarters of the work is the first model's.
    batch.asks.iter_mut().for_each(|ask| ask.model = u16::from(ask.agent % 4 == 0));
    let done_at = Rc::new(RefCell::new([Duration::ZERO; 2]));
    let noted = Rc::clone(&done_at);
    let start = Instant::now();
    let script = Scripted::new(move |address, _| {
        noted.borrow_mut()[usize::from(address.model)] = start.elapsed();
        good(10)
    });
    let mut play = Play::new(config, script);
    play.in_flight_max = 20;
    let played = play.run(batch).await;
    assert_eq!(played.totals.answered, 4_000);
    let [first, second] = *done_at.borrow();
    let share = second.as_secs_f64() / first.as_secs_f64();
    assert!((0.4..0.6).contains(&share), "the small half ends at {share} of the whole");
}

#[tokio::test(start_paused = true)]
async fn faults_without_end_still_end() {
    let mut config = config(2, 8);
    config.models[0].patience.attempts_max = 4;
    let (played, _) = play(
        config,
        MockOptions { faults: Faults::mix(1.0), ..MockOptions::default() },
        batch(500, 5),
    )
    .await;
    assert_eq!(played.totals.answered + played.totals.failed, 500);
}
