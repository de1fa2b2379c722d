//! The bridge and the mock server over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "what a test sets up must work"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_llm_bridge::batch_file::{BatchFile, Ingested, Standing, Submitted};
use throng_llm_bridge::digest::Digest;
use throng_llm_bridge::distribution::Drawing;
use throng_llm_bridge::exchange::{Before, cohort_sizes};
use throng_llm_bridge::forecast::{Interval, forecast};
use throng_llm_bridge::mock::fault::FAULTS;
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, Policy, serve};
use throng_llm_bridge::model::{Api, BatchFileConfig, DistributionConfig, Patience};
use throng_llm_bridge::money::Prices;
use throng_llm_bridge::probe::{probe, table};
use throng_llm_bridge::quirk::Continuation;
use throng_llm_bridge::service::Service;
use throng_llm_bridge::wire::transport::Address;
use throng_llm_bridge::{
    Answer, AnswerSpec, Ask, Batch, Batched, Bridge, BridgeConfig, Cause, CohortKey, Exchanged,
    MemoryStore, ModelConfig, Moment, Prompts, Responder, Role, Stop, Totals,
};

const AT: Address = Address { model: 0, endpoint: 0 };

fn mock(options: MockOptions) -> Mock {
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn config(mocks: &[&Mock], n_max: u32) -> BridgeConfig {
    let mut model = ModelConfig::at("mock", &mocks[0].url());
    model.endpoints =
        mocks.iter().map(|mock| throng_llm_bridge::EndpointConfig::at(&mock.url())).collect();
    model.endpoints.iter_mut().for_each(|endpoint| endpoint.quirks.n_max = Some(n_max));
    model.n_max = n_max;
    model.patience = Patience {
        attempt_ms: 400,
        reply_ms: 60_000,
        attempts_max: 30,
        attempts_on_500_max: 30,
        questions_max: 30,
        retries_per_success: 0.6,
        retries_free: 100,
    };
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

fn batch(agents: u64, prompts: u64) -> Batch {
    let mut interned = Prompts::new();
    let ids: Vec<_> = (0..prompts)
        .map(|place| {
            interned
                .ask(&[(Role::System, "Guess."), (Role::User, &format!("Group {place}."))])
                .unwrap()
        })
        .collect();
    let ask =
        |agent: u64| Ask { agent, prompt: ids[(agent % prompts) as usize], model: 0, answer: 0 };
    Batch {
        moment: Moment::default(),
        run_seed: 1,
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

fn answers(exchanged: &Exchanged) -> Vec<Option<Answer>> {
    exchanged.replies.iter().map(|reply| reply.answer().cloned()).collect()
}

#[test]
fn ten_thousand_agents_through_a_mix_of_faults_answer_as_without() {
    let clean = play(config(&[&mock(MockOptions::default())], 16), batch(10_000, 50));
    assert_eq!(clean.totals.requests, 50 * 13);
    // Those that cost time or memory rather than judgement are played in virtual time and one by one.
    let dear = [Fault::Hang, Fault::Drip, Fault::HugeBody, Fault::ContextLength];
    let cheap: Vec<Fault> = FAULTS.into_iter().filter(|fault| !dear.contains(fault)).collect();
    for (rate, n_max) in [(0.3, 16), (0.1, 1)] {
        let options = |seed| MockOptions {
            seed,
            faults: Faults::alike(&cheap, rate),
            ..MockOptions::default()
        };
        let mocks = [1, 2].map(|seed| mock(options(seed)));
        let mut config = config(&[&mocks[0], &mocks[1]], n_max);
        config.threads = Some(if n_max == 1 { 3 } else { 1 });
        let played = play(config, batch(10_000, 50));
        assert_eq!(answers(&played), answers(&clean), "{rate}");
        let counted: u64 = mocks.iter().map(|mock| mock.counts().requests).sum();
        // A connection that broke before its request was read was counted by one side only.
        assert!(
            counted <= played.totals.requests && counted * 100 >= played.totals.requests * 99,
            "{counted} of {}",
            played.totals.requests
        );
    }
}

#[test]
fn counters_reconcile_with_the_server() {
    let mock = mock(MockOptions::default());
    let bridge = Bridge::start(config(&[&mock], 16), Arc::new(MemoryStore::default())).unwrap();
    let played = bridge.exchange(batch(1_000, 10)).unwrap();
    let counts = mock.counts();
    let counters = bridge.counters().unwrap()[0][0];
    assert_eq!(
        (counters.requests, counters.replies, counters.choices),
        (counts.requests, counts.replies, counts.choices)
    );
    assert_eq!(played.totals.prompt_tokens, counts.prompt_tokens);
    assert_eq!(played.totals.completion_tokens, counts.completion_tokens);
    assert_eq!(bridge.spent().unwrap().tokens, counts.prompt_tokens + counts.completion_tokens);
}

#[test]
fn cancelling_frees_the_server() {
    freed_by_cancelling(1);
}

#[test]
fn cancelling_frees_the_server_from_every_thread() {
    freed_by_cancelling(3);
}

fn freed_by_cancelling(threads: usize) {
    let mock = mock(MockOptions {
        latency: Latency::Constant(Duration::from_millis(300)),
        ..MockOptions::default()
    });
    let mut config = config(&[&mock], 1);
    config.threads = Some(threads);
    let bridge = Bridge::start(config, Arc::new(MemoryStore::default())).unwrap();
    let exchange = bridge.begin(batch(2_000, 10)).unwrap();
    let start = Instant::now();
    while mock.counts().at_once == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing arrives");
        std::thread::yield_now();
    }
    assert!(exchange.progress().in_flight > 0);
    exchange.cancel();
    let played = exchange.wait().unwrap();
    assert_eq!(played.stop, Some(Stop::Cancelled));
    assert_eq!(played.totals.answered + played.totals.failed, 2_000);
    let start = Instant::now();
    while mock.counts().at_once > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", mock.counts());
        std::thread::yield_now();
    }
    assert!(mock.counts().abandoned > 0);
}

#[test]
fn a_server_that_is_killed_and_comes_back_loses_nobody() {
    let options = || MockOptions {
        latency: Latency::Constant(Duration::from_millis(5)),
        ..MockOptions::default()
    };
    let first = mock(options());
    let address = first.address();
    let bridge = Bridge::start(config(&[&first], 1), Arc::new(MemoryStore::default())).unwrap();
    let exchange = bridge.begin(batch(3_000, 10)).unwrap();
    while exchange.progress().answered < 300 {
        std::thread::yield_now();
    }
    drop(first);
    let second = serve(options(), address).unwrap();
    let played = exchange.wait().unwrap();
    assert_eq!(played.totals.answered, 3_000, "{:?}", played.totals);
    assert!(second.counts().requests > 0);
}

#[test]
fn no_key_shows_up_in_anything_that_a_run_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "sk-very-private-key\n").unwrap();
    let with_key = |key: &str| {
        let mock = mock(MockOptions { key: Some(key.to_owned()), ..MockOptions::default() });
        let mut config = config(&[&mock], 4);
        config.models[0].endpoints[0].api_key_file = Some(path.to_str().unwrap().to_owned());
        let store = Arc::new(MemoryStore::default());
        let bridge = Bridge::start(config.clone(), store.clone()).unwrap();
        let played = bridge.exchange(batch(20, 2)).unwrap();
        let found = probe(&config).unwrap();
        let kept =
            format!("{bridge:?} {played:?} {store:?} {config:?} {found:?} {}", table(&found));
        assert!(!kept.contains("very-private"), "{kept}");
        played
    };
    assert_eq!(with_key("sk-very-private-key").totals.answered, 20);
    // The server refuses the key and repeats it.
    let refused = with_key("another");
    let failure = refused.replies[0].failure().unwrap();
    assert_eq!(failure.cause, Cause::HttpStatus(401));
    assert!(failure.message.contains("incorrect key: Bearer *"), "{}", failure.message);
}

#[test]
fn redirects_are_not_followed_and_fail_with_their_status() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = mock(MockOptions::default());
    let to = target.url();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head);
            let reply = format!(
                "HTTP/1.1 307 X\r\nlocation: {to}/chat/completions\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    let model = ModelConfig::at("m", &format!("http://{address}/v1"));
    let played = play(BridgeConfig { models: vec![model], ..BridgeConfig::default() }, batch(1, 1));
    assert_eq!(played.replies[0].failure().unwrap().cause, Cause::HttpStatus(307));
    assert_eq!(target.counts().requests, 0);
}

#[test]
fn a_body_beyond_all_bounds_is_not_read() {
    let mock =
        mock(MockOptions { faults: Faults::only(Fault::HugeBody, 1.0), ..MockOptions::default() });
    let mut config = config(&[&mock], 1);
    config.models[0].patience.attempts_max = 2;
    let played = play(config, batch(1, 1));
    let failure = played.replies[0].failure().unwrap();
    assert_eq!(failure.cause, Cause::Invalid);
    assert!(failure.message.contains("larger than"), "{}", failure.message);
}

#[test]
fn the_probe_finds_out_what_a_server_does() {
    let able = mock(MockOptions::default());
    let unable =
        mock(MockOptions { ignores_n: true, ignores_schema: true, ..MockOptions::default() });
    let mut config = config(&[&able, &unable], 16);
    config.models[0].endpoints.push(throng_llm_bridge::EndpointConfig::at("http://127.0.0.1:1/v1"));
    let found = probe(&config).unwrap();
    assert!(
        found[0].choices_of_two == 2
            && found[0].constrained
            && found[0].logprobs
            && found[0].usage
            && found[0].tokenizer
            && found[0].embedding.is_some()
    );
    assert_eq!(
        (found[0].seeds_consecutive, found[0].models.as_slice()),
        (Some(true), ["mock".to_owned()].as_slice())
    );
    assert!(found[1].choices_of_two == 1 && !found[1].logprobs, "{:?}", found[1]);
    assert!(found[2].error.is_some());
    let table = table(&found);
    assert_eq!(table.lines().count(), 4);
    assert!(table.lines().nth(1).unwrap().contains("ready"), "{table}");
}

/// A configuration whose model draws from distributions that are read.
fn drawing(server: &Mock) -> BridgeConfig {
    let mut config = config(&[server], 128);
    config.models[0].endpoints[0].quirks.continuation = Some(Continuation::Flag);
    config.models[0].distribution = Some(DistributionConfig::default());
    config
}

fn draw(config: BridgeConfig, store: &Arc<MemoryStore>, batch: Batch) -> Exchanged {
    let bridge = Bridge::start(config, Arc::clone(store) as _).unwrap();
    Drawing::on(bridge).exchange(batch).unwrap()
}

#[test]
fn a_distribution_read_once_is_the_one_that_is_sampled() {
    let mock = mock(MockOptions { policy: Policy::Skewed, ..MockOptions::default() });
    let sampled = play(config(&[&mock], 128), batch(20_000, 1));
    let before = mock.counts().requests;
    let store = Arc::new(MemoryStore::default());
    let drawn = draw(drawing(&mock), &store, batch(20_000, 1));
    assert_eq!((drawn.totals.answered, drawn.totals.failed), (20_000, 0));
    assert_eq!(drawn.totals.requests, 11, "the root, 1 to 9, and 10");
    assert_eq!(mock.counts().requests, before + 11);
    let mut counts = vec![[0.0_f64; 2]; 101];
    for (side, played) in [sampled, drawn.clone()].iter().enumerate() {
        for reply in &played.replies {
            counts[reply.answer().and_then(Answer::number).unwrap() as usize][side] += 1.0;
        }
    }
    let chi: f64 =
        counts.iter().map(|[left, right]| (left - right) * (left - right) / (left + right)).sum();
    let z = (chi - 100.0) / 200.0_f64.sqrt();
    assert!(z.abs() < 4.0, "z = {z}");

    let again = draw(drawing(&mock), &store, batch(20_000, 1));
    assert_eq!(
        (again.replies, again.totals.requests),
        (drawn.replies, 0),
        "it is read from the store"
    );
}

#[test]
fn a_divided_cohort_reads_its_distribution_once_and_draws_the_same() {
    let mock = mock(MockOptions { policy: Policy::Skewed, ..MockOptions::default() });
    let whole = batch(900, 3);
    let store = Arc::new(MemoryStore::default());
    let together = draw(drawing(&mock), &store, whole.clone());
    assert_eq!(together.totals.requests, 33);
    let divided =
        Drawing::on(Bridge::start(drawing(&mock), Arc::new(MemoryStore::default())).unwrap());
    let mut before: BTreeMap<CohortKey, Before> = BTreeMap::new();
    let mut replies = Vec::new();
    for range in [0..450, 450..451, 451..900] {
        let asks = whole.asks[range].to_vec();
        let part = Batch { asks, ranks_before: before.clone(), ..whole.clone() };
        for (key, part) in cohort_sizes(&part, divided.config()).unwrap() {
            before.entry(key).and_modify(|before| before.join(part)).or_insert(part);
        }
        let played = divided.exchange(part).unwrap();
        assert_eq!(played.totals.requests, if replies.is_empty() { 33 } else { 0 });
        replies.extend(played.replies);
    }
    assert_eq!(replies, together.replies);
}

#[test]
fn what_a_server_does_not_list_is_refused_above_the_limit() {
    let mock = mock(MockOptions::default());
    let mut config = drawing(&mock);
    config.models[0].endpoints[0].quirks.top_logprobs_max = Some(3);
    let store = Arc::new(MemoryStore::default());
    let played = draw(config, &store, batch(50, 1));
    assert_eq!((played.totals.answered, played.totals.failed), (0, 50));
    let failure = played.replies[7].failure().unwrap();
    assert_eq!(failure.cause, Cause::Invalid);
    assert!(failure.message.contains("was not listed"), "{}", failure.message);
}

#[test]
fn models_that_draw_and_models_that_are_asked_share_a_batch() {
    let mock = mock(MockOptions::default());
    let mut config = drawing(&mock);
    config.models.push(ModelConfig {
        name: "asked".to_owned(),
        distribution: None,
        ..config.models[0].clone()
    });
    let mut mixed = batch(60, 1);
    mixed.asks.iter_mut().for_each(|ask| ask.model = u16::from(ask.agent % 3 == 0));
    let played = draw(config.clone(), &Arc::new(MemoryStore::default()), mixed.clone());
    assert_eq!((played.totals.answered, played.totals.requests), (60, 12));
    assert!(
        played
            .replies
            .iter()
            .zip(&mixed.asks)
            .all(|(reply, ask)| (reply.attempts > 0) == (ask.model == 1))
    );

    mixed.answers = Arc::new([AnswerSpec::Text { length_max: 9 }]);
    let bridge = Bridge::start(config, Arc::new(MemoryStore::default())).unwrap();
    let refused = Drawing::on(bridge).exchange(mixed).unwrap_err();
    assert!(refused.to_string().contains("answers by `distribution`"), "{refused}");
}

#[test]
fn embeddings_and_text_completions_come_back_in_order() {
    let mock = mock(MockOptions::default());
    let service = Service::new(&config(&[&mock], 1)).unwrap();
    let vectors = service.embed(AT, &["a", "b", "a"]).unwrap();
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    let text = service.complete(AT, "Once", Some(3)).unwrap();
    assert_eq!(text, service.complete(AT, "Once", Some(3)).unwrap());
    assert!(text.starts_with("My answer"));
}

#[test]
fn base_models_are_asked_for_text_completions() {
    let mock = mock(MockOptions::default());
    let mut config = config(&[&mock], 16);
    config.models[0].api = Api::Completions;
    let played = play(config.clone(), batch(500, 5));
    assert_eq!((played.totals.answered, played.totals.requests), (500, 5 * 7));
    let mut single = config;
    single.models[0].coalesce = false;
    assert_eq!(answers(&play(single, batch(500, 5))), answers(&played));
}

/// Sends a batch as one file and waits for its results.
fn batch_file(service: &Service, batch: &Batch) -> (Submitted, String) {
    let mut sent = None;
    let take = |file: BatchFile| service.submit(AT, &file).map(|batch| sent = Some(batch));
    service.batch_files(AT, batch, |_| true, take).unwrap();
    let sent = sent.unwrap();
    let standings = (0..10).map(|_| service.standing(AT, &sent.id).unwrap());
    let standing = standings.into_iter().find(Standing::has_ended).unwrap();
    assert_eq!(standing.status, "completed");
    (sent, standing.output.unwrap())
}

#[test]
fn a_batch_file_fills_the_store_and_the_exchange_pays_for_the_rest() {
    let mock = mock(MockOptions {
        faults: Faults::only(Fault::ServerError, 0.2),
        ..MockOptions::default()
    });
    let config = config(&[&mock], 1);
    let service = Service::new(&config).unwrap();
    let batch = batch(500, 5);
    let (sent, output) = batch_file(&service, &batch);
    assert_eq!((sent.requests, sent.found), (500, false));
    let (again, _) = batch_file(&service, &batch);
    assert_eq!((&again.id, again.found), (&sent.id, true), "what was sent is found again");
    let store = Arc::new(MemoryStore::default());
    let Ingested { completions, unusable, .. } =
        service.ingest(AT, &batch, &output, 0.5, store.as_ref()).unwrap();
    assert_eq!(completions + unusable, 500);
    assert!(unusable > 50 && store.len() as u64 == completions);
    let before = mock.counts().requests;
    let played = Bridge::start(config.clone(), store).unwrap().exchange(batch.clone()).unwrap();
    assert_eq!((played.totals.answered, played.totals.journaled), (500, completions));
    assert!(mock.counts().requests - before < 2 * unusable);
    let direct = play(config, batch);
    assert_eq!(answers(&played), answers(&direct), "seeds make both ways say the same");
}

#[test]
fn a_model_in_batch_files_is_paid_less_and_stays_within_its_budget() {
    let mock = mock(MockOptions::default());
    let mut config = config(&[&mock], 1);
    config.models[0].price = Prices { prompt: 1.0, completion: 1.0, cached: None };
    let direct = play(config.clone(), batch(300, 3));
    let look = BatchFileConfig { look_every_s: 0.01, ..BatchFileConfig::default() };
    config.models[0].batch_file = Some(look);
    let by_file = |config: &BridgeConfig| {
        let store = Arc::new(MemoryStore::default());
        let bridge = Bridge::start(config.clone(), Arc::clone(&store) as _).unwrap();
        Batched::on(Arc::new(bridge), store).unwrap().exchange(batch(300, 3))
    };
    let played = by_file(&config).unwrap();
    assert_eq!(answers(&played), answers(&direct));
    let Totals { requests, completions, journaled, .. } = played.totals;
    assert_eq!((requests, completions, journaled), (300, 300, 0));
    assert_eq!(played.totals.cost.0 * 2, direct.totals.cost.0);
    let cost =
        |exchanged: &Exchanged| -> u64 { exchanged.replies.iter().map(|reply| reply.cost.0).sum() };
    assert_eq!(2 * cost(&played), cost(&direct));
    config.budget.usd_max = Some(1e-6);
    let refused = by_file(&config).unwrap_err().to_string();
    assert!(refused.contains("raise the budget"), "{refused}");
}

#[test]
fn who_waits_for_a_batch_file_stops_when_the_bridge_is_wound_down() {
    let mock = mock(MockOptions::default());
    let mut config = config(&[&mock], 1);
    let hours = BatchFileConfig { look_every_s: 3_600.0, ..BatchFileConfig::default() };
    config.models[0].batch_file = Some(hours);
    let store = Arc::new(MemoryStore::default());
    let bridge = Arc::new(Bridge::start(config.clone(), Arc::clone(&store) as _).unwrap());
    let batched = Batched::on(Arc::clone(&bridge), Arc::clone(&store) as _).unwrap();
    let waiting = std::thread::spawn(move || batched.exchange(batch(50, 1)).unwrap());
    while mock.counts().choices < 50 {
        std::thread::yield_now();
    }
    bridge.wind_down();
    let stopped = waiting.join().unwrap();
    assert_eq!((stopped.stop, stopped.totals.failed), (Some(Stop::Cancelled), 50));
    // Whoever goes on later finds the batch at the service and pays for nothing twice.
    config.models[0].batch_file = Some(BatchFileConfig { look_every_s: 0.01, ..hours });
    let bridge = Arc::new(Bridge::start(config, Arc::clone(&store) as _).unwrap());
    let played = Batched::on(bridge, store).unwrap().exchange(batch(50, 1)).unwrap();
    assert_eq!(played.totals.answered, 50);
    assert_eq!(mock.counts().choices, 50, "{:?}", mock.counts());
}

#[test]
fn a_forecast_holds_what_the_run_then_takes() {
    let mock = mock(MockOptions::default());
    let config = config(&[&mock], 16);
    let batch = batch(5_000, 40);
    let service = Service::new(&config).unwrap();
    let counted = forecast(&batch, &config, Some(&service), 1.0).unwrap();
    let reckoned = forecast(&batch, &config, None, 1.0).unwrap();
    let fifth = self::batch(1_000, 40);
    let scaled = forecast(&fifth, &config, None, 5.0).unwrap();
    let played = play(config, batch);
    assert!(counted.counted && !reckoned.counted);
    let requests = played.totals.requests as f64;
    assert_eq!(counted.requests, Interval { low: requests, mean: requests, high: requests });
    assert_eq!(
        (scaled.asks, scaled.requests),
        (5_000.0, counted.requests),
        "a fifth stands for all"
    );
    let tokens = played.totals.prompt_tokens as f64;
    for forecast in [&counted, &reckoned] {
        let interval = forecast.prompt_tokens;
        assert!(
            interval.low * 0.99 <= tokens && tokens <= interval.high * 1.01,
            "{interval:?} {tokens}"
        );
    }
    let refined = counted.refined(&played.totals);
    assert!((refined.prompt_tokens.mean - tokens).abs() < 1e-6);
}

#[test]
fn a_stream_ends_with_its_tokens() {
    let mock = mock(MockOptions::default());
    let mut stream = TcpStream::connect(mock.address()).unwrap();
    let body =
        r#"{"model":"mock","stream":true,"seed":1,"messages":[{"role":"user","content":"hi"}]}"#;
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut text = String::new();
    let mut chunk = [0; 1_024];
    while !text.ends_with("0\r\n\r\n") {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    assert!(text.contains(r#""delta":{"content":"My a"}"#), "{text}");
    assert!(text.contains(r#""usage":{"prompt_tokens":1"#) && text.contains("data: [DONE]"));
}

#[test]
fn scripted_models_answer_in_process() {
    let model = ModelConfig::scripted("script", &["12", "nonsense"]);
    let config = BridgeConfig { models: vec![model], ..BridgeConfig::default() };
    let played = play(config.clone(), batch(200, 1));
    let failed = played.replies.iter().filter(|reply| reply.failure().is_some()).count();
    assert_eq!(failed, 100, "every second seed never says a number");
    let digest = |played: &Exchanged| Digest::of([format!("{:?}", answers(played)).as_bytes()]);
    assert_eq!(digest(&played), digest(&play(config, batch(200, 1))));
}
