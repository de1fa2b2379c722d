//! Answers follow from the questions alone: not from chunking, order, concurrency, faults or hosts.

use super::{batch, config, digest, play};
use crate::answer::Answer;
use crate::cohort::CohortKey;
use crate::exchange::{Apart, Batch, Before, Prepared, cohort_sizes};
use crate::mock::{Faults, Latency, MockOptions};
use std::collections::BTreeMap;
use std::time::Duration;

fn options(faults: Faults) -> MockOptions {
    let latency = Latency::LogNormal(Duration::from_millis(10), 1.0);
    MockOptions { seed: 9, latency, faults, ..MockOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn answers_are_equal_over_chunking_concurrency_and_faults() {
    let mut digests = BTreeMap::new();
    for n_max in [1, 16, 64] {
        for in_flight in [1, 64] {
            for faults in [Faults::default(), Faults::mix(0.2)] {
                let mut config = config(2, n_max);
                config.in_flight_max = Some(in_flight);
                config.models[0]
                    .endpoints
                    .iter_mut()
                    .for_each(|endpoint| endpoint.in_flight_max = in_flight);
                let name = format!("n {n_max}, {in_flight} in flight, {faults:?}");
                let (played, _) = play(config, options(faults), batch(1_000, 20)).await;
                assert_eq!(played.totals.answered, 1_000, "{name}");
                digests.insert(name, digest(&played));
            }
        }
    }
    let first = digests.values().next().unwrap();
    assert!(digests.values().all(|digest| digest == first), "{digests:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_divided_population_has_the_same_answers() {
    let config = config(1, 16);
    let whole = batch(900, 7);
    let (together, _) = play(config.clone(), options(Faults::default()), whole.clone()).await;
    let mut before: BTreeMap<CohortKey, Before> = BTreeMap::new();
    let mut replies = Vec::new();
    for range in [0..250, 250..251, 251..900] {
        let mut part = whole.clone();
        part.asks = whole.asks[range].to_vec();
        part.ranks_before = before.clone();
        for (key, part) in cohort_sizes(&part, &config).unwrap() {
            before.entry(key).and_modify(|before| before.join(part)).or_insert(part);
        }
        replies.extend(play(config.clone(), options(Faults::default()), part).await.0.replies);
    }
    let answers = |replies: &[crate::reply::Reply]| -> Vec<Option<Answer>> {
        replies.iter().map(|reply| reply.answer().cloned()).collect()
    };
    assert_eq!(answers(&replies), answers(&together.replies));
}

/// Counts of answers 0 to 100.
fn histogram(exchanged: &crate::exchange::Exchanged) -> Vec<f64> {
    let mut counts = vec![0.0; 101];
    for reply in &exchanged.replies {
        let number = reply.answer().and_then(Answer::number).expect("it was answered");
        counts[number as usize] += 1.0;
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn coalesced_answers_are_distributed_as_single_ones() {
    let skewed =
        || MockOptions { policy: crate::mock::Policy::Skewed, ..options(Faults::default()) };
    let agents = 20_000;
    let (coalesced, core) = play(config(1, 64), skewed(), batch(agents, 1)).await;
    assert_eq!(core.counts().requests, agents.div_ceil(64));
    let mut single = batch(agents, 1);
    single.run_seed = 12;
    let mut config = config(1, 64);
    config.models[0].coalesce = false;
    let (single, core) = play(config, skewed(), single).await;
    assert_eq!(core.counts().requests, agents);
    let (left, right) = (histogram(&coalesced), histogram(&single));
    assert_ne!(left, right, "the seeds differ");
    // Two samples of equal size: the sum of (a - b)^2 / (a + b) is chi-square with one degree less than cells.
    let cells: Vec<(f64, f64)> =
        left.into_iter().zip(right).filter(|(left, right)| left + right > 0.0).collect();
    let chi: f64 =
        cells.iter().map(|(left, right)| (left - right) * (left - right) / (left + right)).sum();
    let freedom = cells.len() as f64 - 1.0;
    let z = (chi - freedom) / libm::sqrt(2.0 * freedom);
    assert!(z.abs() < 4.0, "z = {z}");
}

#[tokio::test(start_paused = true)]
async fn choices_that_never_come_are_asked_for_one_by_one() {
    let ignoring = MockOptions { ignores_n: true, ..options(Faults::default()) };
    let (played, core) = play(config(1, 16), ignoring, batch(300, 3)).await;
    let (normal, _) = play(config(1, 16), options(Faults::default()), batch(300, 3)).await;
    assert_eq!(digest(&played), digest(&normal));
    assert_eq!(core.counts().requests, 300, "each request brought one");
}

#[tokio::test(start_paused = true)]
async fn agents_asked_apart_answer_alike_whoever_else_is_asked() {
    let config = config(2, 16);
    let apart = |temperature| Batch { apart: Some(Apart { temperature }), ..batch(200, 3) };
    let (together, core) = play(config.clone(), options(Faults::default()), apart(0.5)).await;
    assert_eq!(core.counts().requests, 200, "nobody shares a request");
    let answers: std::collections::BTreeSet<String> =
        together.replies.iter().map(|reply| format!("{:?}", reply.status)).collect();
    assert!(answers.len() > 50, "equal prompts have seeds of their own");
    let mut replies = Vec::new();
    for range in [0..1, 1..150, 150..200] {
        let mut part = apart(0.5);
        part.asks = part.asks[range].to_vec();
        replies.extend(play(config.clone(), options(Faults::mix(0.2)), part).await.0.replies);
    }
    for (one, other) in replies.iter().zip(&together.replies) {
        assert_eq!(one.answer(), other.answer());
    }
    let other_seed = Batch { run_seed: 12, ..apart(0.5) };
    let keys = |batch: Batch| {
        let prepared = Prepared::new(batch, &config).unwrap();
        prepared.keyed().map(|(_, key)| key).collect::<Vec<_>>()
    };
    let same = keys(apart(0.5));
    assert_eq!(same, keys(apart(0.5)));
    for other in [apart(0.6), other_seed, batch(200, 3)] {
        assert!(!keys(other).iter().any(|key| same.contains(key)));
    }
}
