//! Every fault, alone and mixed: all agents accounted for, answers as without faults, no retry storm.

use super::{batch, config, digest, play};
use crate::digest::Digest;
use crate::mock::fault::FAULTS;
use crate::mock::{Fault, Faults, Latency, MockOptions};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const AGENTS: u64 = 10_000;

fn options(faults: Faults) -> MockOptions {
    let latency = Latency::Uniform(Duration::from_millis(5), Duration::from_millis(20));
    MockOptions { seed: 5, latency, faults, ..MockOptions::default() }
}

async fn clean() -> Digest {
    let (clean, _) = play(config(2, 64), options(Faults::default()), batch(AGENTS, 50)).await;
    assert_eq!(clean.totals.answered, AGENTS);
    digest(&clean)
}

async fn survives(faults: Faults, n_max: u32, clean: Digest) {
    let name = format!("{faults:?}");
    let (played, core) = play(config(2, n_max), options(faults), batch(AGENTS, 50)).await;
    assert_eq!(digest(&played), clean, "{name}");
    let totals = &played.totals;
    assert_eq!((totals.answered, totals.failed), (AGENTS, 0), "{name}");
    assert_eq!(core.counts().requests, totals.requests, "{name}");
    // First requests, questions asked again and what was missing are no retries; retries have a budget of
    // 0.6 per success and 100, and trials that go out alone.
    let patience = super::patience();
    let allowed =
        f64::from(patience.retries_free) + patience.retries_per_success * totals.completions as f64;
    assert!(
        totals.retries as f64 <= allowed * 1.05,
        "{name}: {} retries of {allowed}",
        totals.retries
    );
}

#[tokio::test(start_paused = true)]
async fn each_fault_at_a_tenth_changes_no_answer() {
    let clean = clean().await;
    for fault in FAULTS.into_iter().filter(|fault| fault.is_transient()) {
        survives(Faults::only(fault, 0.1), 16, clean).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_at_three_tenths_changes_no_answer_without_coalescing() {
    let clean = clean().await;
    for fault in [Fault::Busy, Fault::Hang, Fault::ResetInBody, Fault::WrongCount, Fault::WrongType]
    {
        survives(Faults::only(fault, 0.3), 1, clean).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_mix_of_three_tenths_changes_no_answer() {
    let clean = clean().await;
    survives(Faults::mix(0.3), 1, clean).await;
    survives(Faults::mix(0.3), 64, clean).await;
}

#[tokio::test(start_paused = true)]
async fn prompts_that_are_too_long_fail_with_their_cause_and_are_not_asked_again() {
    let (played, core) =
        play(config(1, 16), options(Faults::only(Fault::ContextLength, 1.0)), batch(1_000, 4))
            .await;
    assert_eq!(played.totals.failed, 1_000);
    let causes =
        played.replies.iter().filter_map(|reply| reply.failure()).map(|failure| failure.cause);
    assert!(causes.into_iter().all(|cause| cause == crate::reply::Cause::ContextLength));
    // A cohort is given up at its first reply; what was in flight by then is lost.
    assert!(core.counts().requests <= 4 * 16, "{}", core.counts().requests);
}

#[tokio::test(start_paused = true)]
async fn throughput_comes_back_after_an_outage() {
    use crate::wire::scripted::{Scene, Scripted, chat_body};
    use crate::wire::transport::{Landed, LinkError};
    let start = tokio::time::Instant::now();
    let outage = Duration::from_secs(2)..Duration::from_secs(4);
    let back = outage.end;
    let good: Rc<RefCell<Vec<Duration>>> = Rc::default();
    let seen = Rc::clone(&good);
    let script = Scripted::new(move |_, _| {
        let at = start.elapsed();
        let after = Duration::from_millis(10);
        if outage.contains(&at) {
            return Scene { after, outcome: Err(LinkError::Refused("down".to_owned())) };
        }
        seen.borrow_mut().push(at);
        Scene {
            after,
            outcome: Ok(Landed { status: 200, retry_after: None, body: chat_body(["7"], 1, 1) }),
        }
    });
    let mut config = config(1, 1);
    config.models[0].endpoints[0].in_flight_max = 32;
    let played = super::Play::new(config, script).run(batch(20_000, 20)).await;
    assert_eq!(played.totals.answered, 20_000);
    // 32 places at 10 ms are 3,200 replies a second. The circuit may rest for another 1.6 s after the outage, and
    // then the limit grows again.
    let window = Duration::from_millis(250);
    let rate = |from: Duration| {
        good.borrow().iter().filter(|at| (from..from + window).contains(*at)).count()
    };
    let mut waits = (0..100).map(|number| number * window / 10);
    let wait = waits.find(|wait| rate(back + *wait) >= 760).unwrap();
    assert!(wait <= Duration::from_millis(3_600), "95 % after {wait:?}");
    assert!(played.totals.retries < 200, "{} requests into the outage", played.totals.retries);
}
