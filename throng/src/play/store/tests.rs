//! The bridge, a mock server and the journal together: nothing is used before it is kept, and nothing is paid twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use throng_data::{
    Accounting, CALLS, Column, NewRun, Origin, Projection, RoundOutput, Table, Values,
};
use throng_llm_bridge::digest::Digest;
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, serve};
use throng_llm_bridge::money::Prices;
use throng_llm_bridge::{
    AnswerSpec, Ask, Batch, Bridge, Exchanged, ModelConfig, Moment, Prompts, Role,
};

use super::*;

const AGENTS: u64 = 400;

fn mock(options: MockOptions) -> Mock {
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn config(mock: &Mock) -> BridgeConfig {
    let mut model = ModelConfig::at("mock", &mock.url());
    model.endpoints[0].quirks.n_max = Some(4);
    model.n_max = 4;
    model.price = Prices { prompt: 0.15, completion: 0.6, cached: None };
    model.patience.questions_max = 20;
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

fn batch(round: u32) -> Batch {
    let mut prompts = Prompts::new();
    let groups: Vec<_> = (0..7)
        .map(|group| {
            let text = format!("Group {group}.");
            prompts.ask(&[(Role::System, "Guess."), (Role::User, &text)]).unwrap()
        })
        .collect();
    let ask = |agent: u64| Ask { agent, prompt: groups[(agent % 7) as usize], model: 0, answer: 0 };
    Batch {
        moment: Moment { round, exchange: 0 },
        run_seed: 11,
        asks: (0..AGENTS).map(ask).collect(),
        prompts: Arc::new(prompts),
        answers: Arc::new([AnswerSpec::Integer { min: 0, max: 100 }]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    }
}

fn output(round: u32, tables: Vec<Table>) -> RoundOutput {
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting: Accounting::nobody_asked(AGENTS),
        state_hash: None,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

fn new_run(out: &Path) -> WritableRun {
    let origin = Origin { scenario: "game".to_owned(), agents: AGENTS, ..Origin::default() };
    let new = NewRun { id: None, config_toml: String::new(), origin };
    let mut run = WritableRun::create(out, new).unwrap();
    let agents = Values::I64Sequence { first: 0, rows: AGENTS as usize };
    let people = Table::new("people", vec![Column::new("agent", "Id.", agents)]).unwrap();
    run.commit(output(0, vec![people])).unwrap();
    run
}

fn store(run: &mut WritableRun, config: &BridgeConfig) -> Arc<JournalStore> {
    let (store, cuts) = JournalStore::open(run, config, Opening::Alone).unwrap();
    assert_eq!(cuts, []);
    Arc::new(store)
}

fn exchange(config: &BridgeConfig, store: &Arc<JournalStore>, round: u32) -> Exchanged {
    let bridge = Bridge::start(config.clone(), Arc::clone(store) as _).unwrap();
    bridge.exchange(batch(round)).unwrap()
}

/// What a reply says and cost, without how it was come by.
fn said(exchanged: &Exchanged) -> Vec<String> {
    let replies = exchanged.replies.iter();
    replies.map(|reply| format!("{:?} {:?} {}", reply.status, reply.usage, reply.cost.0)).collect()
}

/// The files of the journal as they are at this moment, as a crash would leave them.
fn copied(journal: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(journal).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn nothing_is_answered_before_it_is_in_the_files() {
    let out = tempfile::tempdir().unwrap();
    let latency = Latency::Uniform(Duration::from_millis(1), Duration::from_millis(30));
    let mock = mock(MockOptions { latency, slots: Some(4), ..MockOptions::default() });
    let (config, mut run) = (config(&mock), new_run(out.path()));
    let store = store(&mut run, &config);
    let bridge = Bridge::start(config, store as _).unwrap();
    let exchange = bridge.begin(batch(1)).unwrap();
    let mut unfinished = 0;
    loop {
        let answered = exchange.progress().answered;
        let copy = copied(&run.path().join("journal"));
        let (journal, _) = Journal::open(copy.path(), Some(0), Opening::Alone).unwrap();
        let kept = journal.counts().get(&1).copied().unwrap_or(0);
        assert!(kept >= answered, "{answered} are answered and {kept} are kept");
        unfinished += u32::from(0 < answered && answered < AGENTS);
        if answered == AGENTS {
            break;
        }
    }
    assert!(unfinished > 2, "it was looked at while it went on");
    assert_eq!(exchange.wait().unwrap().totals.answered, AGENTS);
}

#[test]
fn what_was_paid_is_found_again_to_the_byte_and_not_asked_again() {
    let out = tempfile::tempdir().unwrap();
    // Replies that must be asked for again have several attempts in the journal.
    let faults = Faults::only(Fault::WrongType, 0.2);
    let mock = mock(MockOptions { faults, ..MockOptions::default() });
    let (config, mut run) = (config(&mock), new_run(out.path()));
    let first = exchange(&config, &store(&mut run, &config), 1);
    assert_eq!(first.totals.answered, AGENTS);
    assert!(first.totals.questions_again > 0, "some replies were invalid");
    let paid = mock.counts();
    let path = run.path().to_owned();
    drop(run);
    let mut run = WritableRun::open(&path).unwrap();
    let again = exchange(&config, &store(&mut run, &config), 1);
    assert_eq!(said(&again), said(&first));
    assert_eq!(mock.counts().requests, paid.requests, "nothing was asked");
    assert_eq!((again.totals.requests, again.totals.completions), (0, 0));
    assert_eq!(again.totals.journaled, first.totals.completions);
}

#[test]
fn a_committed_round_has_every_completion_and_its_price() {
    let out = tempfile::tempdir().unwrap();
    let mock = mock(MockOptions::default());
    let (config, mut run) = (config(&mock), new_run(out.path()));
    let totals = exchange(&config, &store(&mut run, &config), 1).totals;
    run.commit(output(1, vec![])).unwrap();
    let calls = run.reader().unwrap().read(CALLS, 1, Projection::All).unwrap();
    assert_eq!(calls.rows() as u64, totals.completions);
    let column = |name: &str| &calls.column(name).unwrap().values;
    let sum =
        |name: &str| (0..calls.rows()).filter_map(|row| column(name).integer(row)).sum::<i64>();
    assert_eq!(sum("prompt_tokens"), totals.prompt_tokens as i64);
    assert_eq!(sum("completion_tokens"), totals.completion_tokens as i64);
    let cost: u64 = (0..calls.rows())
        .map(|row| Money::from_usd(column("cost_usd").number(row).unwrap()).0)
        .sum();
    assert_eq!(Money(cost), totals.cost);
    assert_eq!((column("model").text(0), column("endpoint").text(0)), (Some("mock"), Some("0")));
    assert_eq!(fs::read_dir(run.path().join("journal")).unwrap().count(), 0, "it is trimmed");
}

#[test]
fn a_journal_that_rots_ends_the_exchange_and_asks_nothing() {
    let out = tempfile::tempdir().unwrap();
    let mock = mock(MockOptions::default());
    let (config, mut run) = (config(&mock), new_run(out.path()));
    let store = store(&mut run, &config);
    exchange(&config, &store, 1);
    let paid = mock.counts().requests;
    let segment = segments(&run.path().join("journal")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let bridge = Bridge::start(config, store as _).unwrap();
    let error = bridge.exchange(batch(1)).unwrap_err().to_string();
    assert!(error.contains("journal") && error.contains("at byte"), "{error}");
    assert_eq!(mock.counts().requests, paid);
}

fn segments(journal: &Path) -> Vec<PathBuf> {
    fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_journal_and_the_bridge_share_a_price_alike() {
    let digest = |byte| Digest([byte; 32]);
    let text = |text: &str| -> Box<str> { text.into() };
    let record = Record {
        moment: Moment { round: 3, exchange: 1 },
        attempt: 2,
        prompt: digest(1),
        model: digest(2),
        parameters: digest(3),
        model_index: 4,
        endpoint: 5,
        latency_us: 6,
        usage: Usage { prompt_tokens: 100, completion_tokens: 11, cached_tokens: 65 },
        cost: Money(1_000_001),
        choices: vec![
            (7, text("a"), Finish::Stop),
            (8, text("é"), Finish::Length),
            (9, text(""), Finish::Withheld),
        ],
    };
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), None, Opening::Alone).unwrap();
    let (sender, outcome) = std::sync::mpsc::channel();
    journal.append(journal_record(record.clone()), move |done| sender.send(done).unwrap());
    outcome.recv().unwrap().unwrap();
    let store = JournalStore::of(Arc::new(journal));
    for place in 0..3 {
        let key = record.key(place).unwrap();
        assert_eq!(store.lookup(&key).unwrap(), record.completion(place));
        let other = CompletionKey { model: digest(9), ..key };
        assert_eq!(store.lookup(&other).unwrap(), None);
    }
}
