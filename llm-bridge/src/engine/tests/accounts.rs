//! Accounts add up, budgets hold, the store comes first, and invalid replies are asked again.

use super::{Play, batch, config, core, digest, play};
use crate::answer::AnswerSpec;
use crate::exchange::{ExchangeError, Stop};
use crate::mock::transport::MockTransport;
use crate::mock::{Fault, Faults, Latency, MockOptions, Policy};
use crate::model::BudgetConfig;
use crate::reply::Cause;
use crate::store::{
    Ack, Completion, CompletionKey, CompletionStore, MemoryStore, Record, StoreError,
};
use crate::wire::scripted::{Scene, Scripted, chat_body};
use crate::wire::transport::Landed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn options() -> MockOptions {
    MockOptions { latency: Latency::Constant(Duration::from_millis(10)), ..MockOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_cohort_takes_as_few_requests_as_n_allows() {
    let (played, core) = play(config(1, 64), options(), batch(10_000, 1)).await;
    assert_eq!(played.totals.requests, 157);
    let counts = core.counts();
    assert_eq!((counts.requests, counts.choices), (157, 10_000));
}

#[tokio::test(start_paused = true)]
async fn tokens_and_money_reconcile_with_the_server_and_with_the_replies() {
    let mut config = config(2, 16);
    config.models[0].price =
        crate::money::Prices { prompt: 0.5, completion: 1.5, cached: Some(0.1) };
    let faults = Faults::mix(0.1);
    let (played, core) = play(config, MockOptions { faults, ..options() }, batch(2_000, 9)).await;
    let (totals, counts) = (&played.totals, core.counts());
    assert_eq!(totals.requests, counts.requests);
    assert_eq!(totals.prompt_tokens, counts.prompt_tokens);
    assert_eq!(totals.completion_tokens, counts.completion_tokens);
    let sum = |read: fn(&crate::reply::Reply) -> u64| played.replies.iter().map(read).sum::<u64>();
    assert_eq!(sum(|reply| u64::from(reply.usage.prompt_tokens)), totals.prompt_tokens);
    assert_eq!(sum(|reply| u64::from(reply.usage.completion_tokens)), totals.completion_tokens);
    assert_eq!(sum(|reply| u64::from(reply.usage.cached_tokens)), totals.cached_tokens);
    assert_eq!(sum(|reply| reply.cost.0), totals.cost.0);
    assert!(totals.cost.usd() > 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_second_exchange_of_the_same_moment_is_played_from_the_store() {
    let store: Arc<dyn CompletionStore> = Arc::new(MemoryStore::default());
    let core = core(MockOptions { faults: Faults::only(Fault::WrongType, 0.2), ..options() });
    let mut digests = Vec::new();
    for requests in [true, false] {
        let mut play = Play::new(config(1, 16), MockTransport::new(&[Arc::clone(&core)]));
        play.store = Arc::clone(&store);
        let played = play.run(batch(1_000, 7)).await;
        assert_eq!(played.totals.requests > 0, requests);
        assert_eq!(played.totals.answered, 1_000);
        digests.push(digest(&played));
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_exchange_goes_on_where_it_stopped() {
    let whole = play(config(1, 16), options(), batch(1_000, 7)).await.0;
    let store: Arc<dyn CompletionStore> = Arc::new(MemoryStore::default());
    let run = async |requests_max: Option<u64>| {
        let mut config = config(1, 16);
        config.budget = BudgetConfig { requests_max, ..BudgetConfig::default() };
        let mut play = Play::new(config, MockTransport::new(&[core(options())]));
        play.store = Arc::clone(&store);
        play.run(batch(1_000, 7)).await
    };
    let first = run(Some(20)).await;
    assert_eq!((first.stop, first.totals.requests), (Some(Stop::Budget), 20));
    let rest = run(None).await;
    assert_eq!(rest.totals.journaled, first.totals.answered);
    assert_eq!(digest(&rest), digest(&whole));
}

#[tokio::test(start_paused = true)]
async fn budgets_of_tokens_and_money_stop_before_more_than_what_is_in_flight() {
    let mut config = config(1, 1);
    config.models[0].price = crate::money::Prices { prompt: 1.0, completion: 1.0, cached: None };
    let whole = play(config.clone(), options(), batch(2_000, 1)).await.0.totals;
    let tokens = whole.prompt_tokens + whole.completion_tokens;
    for budget in [
        BudgetConfig { tokens_max: Some(tokens / 2), ..BudgetConfig::default() },
        BudgetConfig { usd_max: Some(whole.cost.usd() / 2.0), ..BudgetConfig::default() },
        BudgetConfig { requests_max: Some(1_000), ..BudgetConfig::default() },
    ] {
        config.budget = budget;
        let played = play(config.clone(), options(), batch(2_000, 1)).await.0;
        assert_eq!(played.stop, Some(Stop::Budget), "{budget:?}");
        let spent = played.totals.prompt_tokens + played.totals.completion_tokens;
        assert!(
            spent <= tokens / 2 + 20 && spent >= tokens / 2 - 200,
            "{budget:?}: {spent} of {tokens}"
        );
        let failed = played.replies.iter().filter_map(|reply| reply.failure());
        assert!(failed.into_iter().all(|failure| failure.cause == Cause::Budget));
    }
    config.budget = BudgetConfig { seconds_max: Some(1), ..BudgetConfig::default() };
    let start = tokio::time::Instant::now();
    let slow = MockOptions {
        latency: Latency::Constant(Duration::from_millis(300)),
        ..MockOptions::default()
    };
    let played = play(config, slow, batch(2_000, 1)).await.0;
    assert_eq!(played.stop, Some(Stop::Budget));
    assert!(start.elapsed() < Duration::from_millis(1_400), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_reply_is_asked_again_with_the_error_named_and_then_fails_with_its_text() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let script = Scripted::new(move |_, body| {
        seen.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
        let body = chat_body(["between 20 and 30"], 10, 5);
        Scene {
            after: Duration::ZERO,
            outcome: Ok(Landed { status: 200, retry_after: None, body }),
        }
    });
    let mut config = config(1, 1);
    config.models[0].patience.questions_max = 3;
    let played = Play::new(config, script).run(batch(1, 1)).await;
    let failure = played.replies[0].failure().unwrap();
    assert_eq!(
        (failure.cause, failure.raw.as_deref()),
        (Cause::Invalid, Some("between 20 and 30"))
    );
    assert_eq!((played.replies[0].attempts, played.replies[0].usage.prompt_tokens), (3, 30));
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(!bodies[0].contains("cannot be used"));
    assert!(
        bodies[1].contains(r#"{"role":"assistant","content":"between 20 and 30"}"#),
        "{}",
        bodies[1]
    );
    assert!(
        bodies[1].contains("it holds several numbers and does not say which one is the answer")
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_and_schema_less_servers_are_handled() {
    let refusing =
        MockOptions { policy: Policy::Fixed("I cannot answer.".to_owned()), ..options() };
    let mut config = config(1, 4);
    config.models[0].patience.questions_max = 2;
    let played = play(config.clone(), refusing, batch(10, 2)).await.0;
    assert!(
        played
            .replies
            .iter()
            .all(|reply| reply.failure().is_some_and(|failure| failure.cause == Cause::Invalid))
    );
    let free = MockOptions { ignores_schema: true, ..options() };
    let played = play(config, free, batch(100, 2)).await.0;
    assert_eq!(played.totals.answered, 100, "`My answer: 12` is read without a constraint");
}

#[tokio::test(start_paused = true)]
async fn too_many_failed_replies_stop_the_exchange() {
    let mut config = config(1, 1);
    config.models[0].patience.questions_max = 1;
    let mut batch = batch(1_000, 10);
    batch.failed_max = Some(50);
    let options = MockOptions { policy: Policy::Fixed("no".to_owned()), ..options() };
    let (played, core) = play(config, options, batch).await;
    assert_eq!(played.stop, Some(Stop::Failed));
    assert_eq!(played.totals.failed, 1_000);
    assert!(core.counts().requests < 200, "{}", core.counts().requests);
}

#[tokio::test(start_paused = true)]
async fn too_large_an_n_is_halved_until_it_fits() {
    let small = MockOptions { n_max: 5, ..options() };
    let (played, _) = play(config(1, 64), small, batch(1_000, 3)).await;
    let (normal, _) = play(config(1, 64), options(), batch(1_000, 3)).await;
    assert_eq!(digest(&played), digest(&normal));
    assert!(played.totals.requests < 600, "{}", played.totals.requests);
}

/// A store that acknowledges after a while, in another order, or not at all.
struct Late {
    kept: Mutex<Vec<(Record, Ack)>>,
    /// Records that are acknowledged together.
    together: usize,
    fails: bool,
}

impl CompletionStore for Late {
    fn lookup(&self, _: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        Ok(None)
    }

    fn append(&self, record: Record, ack: Ack) {
        let mut kept = self.kept.lock().unwrap();
        kept.push((record, ack));
        if self.fails {
            kept.clear();
        } else if kept.len() >= self.together {
            // The newest first.
            while let Some((_, ack)) = kept.pop() {
                ack.done(Ok(()));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_reply_comes_before_its_acknowledgement() {
    let store = Arc::new(Late { kept: Mutex::default(), together: 8, fails: false });
    let mut play = Play::new(config(1, 1), MockTransport::new(&[core(options())]));
    play.store = Arc::clone(&store) as Arc<dyn CompletionStore>;
    let progress = Arc::clone(&play.progress);
    let rest = async |_: &tokio::sync::mpsc::Sender<crate::engine::Command>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(progress.snapshot().answered, 96, "4 of 100 are not acknowledged");
        for (_, ack) in store.kept.lock().unwrap().drain(..) {
            ack.done(Ok(()));
        }
    };
    let played = play.with(batch(100, 1), rest).await.unwrap();
    let (normal, _) = play_plain().await;
    assert_eq!(digest(&played), digest(&normal));
}

async fn play_plain() -> (crate::exchange::Exchanged, Arc<crate::mock::Core>) {
    play(config(1, 1), options(), batch(100, 1)).await
}

#[tokio::test(start_paused = true)]
async fn a_store_that_forgets_to_acknowledge_ends_the_exchange_with_an_error() {
    let mut play = Play::new(config(1, 1), MockTransport::new(&[core(options())]));
    play.store = Arc::new(Late { kept: Mutex::default(), together: 8, fails: true });
    let error = play.with(batch(100, 1), async |_| ()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Store(StoreError(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_store_is_bounded_in_bytes_too() {
    const BYTES: usize = 1 << 20;
    let store = Arc::new(Late { kept: Mutex::default(), together: usize::MAX, fails: false });
    let text = "a".repeat(BYTES);
    let script = Scripted::new(move |_, _| Scene {
        after: Duration::from_millis(1),
        outcome: Ok(Landed { status: 200, retry_after: None, body: chat_body([&*text], 1, 1) }),
    });
    let mut config = config(1, 1);
    config.models[0].endpoints[0].in_flight_max = 4;
    let mut play = Play::new(config, script);
    play.store = Arc::clone(&store) as Arc<dyn CompletionStore>;
    let progress = Arc::clone(&play.progress);
    let mut batch = batch(100, 1);
    batch.answers = Arc::new([AnswerSpec::Text { length_max: BYTES as u32 }]);
    let mut most = 0;
    let rest = async |_: &tokio::sync::mpsc::Sender<crate::engine::Command>| {
        while progress.snapshot().answered < 100 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let kept: Vec<_> = store.kept.lock().unwrap().drain(..).collect();
            most = most.max(kept.len());
            kept.into_iter().for_each(|(_, ack)| ack.done(Ok(())));
        }
    };
    assert_eq!(play.with(batch, rest).await.unwrap().totals.answered, 100);
    let bound = crate::limits::STORE_PENDING_BYTES_MAX / BYTES;
    assert!((bound..bound + 4).contains(&most), "{most} texts of {BYTES} bytes waited");
}

/// A store that cannot be read from some agent on.
struct Unreadable;

impl CompletionStore for Unreadable {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        if key.agent < 50 { Ok(None) } else { Err(StoreError("damaged".to_owned())) }
    }

    fn append(&self, _: Record, ack: Ack) {
        ack.done(Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_store_cannot_tell_is_not_asked_for() {
    let core = core(options());
    let mut play = Play::new(config(1, 1), MockTransport::new(&[Arc::clone(&core)]));
    play.store = Arc::new(Unreadable);
    let error = play.with(batch(100, 4), async |_| ()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Store(StoreError(_))), "{error}");
    assert_eq!(core.counts().requests, 0, "nothing was paid");
}

#[tokio::test(start_paused = true)]
async fn asks_out_of_order_or_unknown_are_refused() {
    let run = async |batch| {
        Play::new(config(1, 1), MockTransport::new(&[core(options())]))
            .with(batch, async |_| ())
            .await
            .unwrap_err()
            .to_string()
    };
    let mut twice = batch(3, 1);
    twice.asks[2].agent = 1;
    assert_eq!(run(twice).await, "agents must rise from ask to ask; at place 2 they do not");
    let mut unknown = batch(3, 1);
    unknown.asks[1].model = 7;
    assert_eq!(run(unknown).await, "the ask at place 1 names a model that does not exist");
}

#[tokio::test(start_paused = true)]
async fn an_empty_batch_ends_at_once() {
    let (played, core) = play(config(1, 1), options(), batch(0, 1)).await;
    assert!(played.replies.is_empty() && core.counts().requests == 0);
}
