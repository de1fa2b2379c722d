//! The journal on a real disk: what is kept, found, cut, refused and handed over to the table `calls`.

use super::fuzz::{journal_damage, journal_reader};
use super::*;
use crate::commit::Accounting;
use crate::layout::CALLS;
use crate::manifest::Origin;
use crate::run_read::RunDir;
use crate::run_write::{NewRun, RoundOutput, WritableRun};
use crate::table::{Column, Table, Values};
use proptest::prelude::*;
use std::fs;
use std::sync::mpsc::channel;
use tempfile::TempDir;

fn call(round: u32, prompt: u8) -> Call {
    Call {
        round,
        exchange: 0,
        attempt: 0,
        prompt: [prompt; 32],
        model: [2; 32],
        parameters: [3; 32],
        model_index: 0,
        endpoint: 1,
        latency_us: 1_234,
        tokens: Tokens { prompt: 100, completion: 11, cached: 64 },
        cost: 1_000_001,
    }
}

fn record(round: u32, agents: impl IntoIterator<Item = u64>) -> JournalRecord {
    let choices = agents.into_iter().map(|agent| Choice {
        agent,
        text: format!("guess of {agent} in {round}").into(),
        finish: Finish::Stop,
    });
    JournalRecord { call: call(round, 1), choices: choices.collect() }
}

fn open(folder: &Path) -> Journal {
    let (journal, cuts) = Journal::open(folder, None, Opening::Alone).unwrap();
    assert_eq!(cuts, []);
    journal
}

/// Appends records and waits for them.
fn keep(journal: &Journal, records: impl IntoIterator<Item = JournalRecord>) {
    let (sender, outcomes) = channel();
    for record in records {
        let sender = sender.clone();
        journal.append(record, move |outcome| sender.send(outcome).unwrap());
    }
    drop(sender);
    outcomes.iter().for_each(|outcome| outcome.unwrap());
}

fn text(journal: &Journal, round: u32, agent: u64) -> Option<String> {
    let found = journal.lookup(&call(round, 1).key(agent)).unwrap();
    found.map(|completion| completion.text.into())
}

/// The only segment in a folder.
fn segment(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

/// Leaves a segment as a process that is killed does, without its seal.
fn killed(folder: &Path, records: impl IntoIterator<Item = JournalRecord>) -> Vec<u8> {
    let journal = open(folder);
    let mut bytes = Vec::new();
    for record in records {
        keep(&journal, [record]);
        bytes = fs::read(segment(folder)).unwrap();
    }
    drop(journal);
    fs::write(segment(folder), &bytes).unwrap();
    bytes
}

#[test]
fn completions_are_found_at_once_and_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    keep(&journal, [record(1, [7, 9]), record(1, [8]), record(2, [7])]);
    let check = |journal: &Journal| {
        assert_eq!(text(journal, 1, 9).as_deref(), Some("guess of 9 in 1"));
        assert_eq!(text(journal, 2, 7).as_deref(), Some("guess of 7 in 2"));
        assert_eq!(text(journal, 2, 9), None);
        assert_eq!(journal.lookup(&call(1, 5).key(7)).unwrap(), None, "another prompt");
        assert_eq!(journal.counts(), BTreeMap::from([(1, 3), (2, 1)]));
    };
    check(&journal);
    journal.finish().unwrap();
    check(&open(folder.path()));
}

#[test]
fn agents_share_tokens_and_price_of_their_request() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    keep(&journal, [record(1, [1, 2, 3])]);
    let found = |agent| journal.lookup(&call(1, 1).key(agent)).unwrap().unwrap();
    let tokens = Tokens { prompt: 34, completion: 4, cached: 22 };
    assert_eq!((found(1).tokens, found(1).cost), (tokens, 333_334));
    let tokens = Tokens { prompt: 33, completion: 3, cached: 21 };
    assert_eq!((found(3).tokens, found(3).cost), (tokens, 333_333));
}

#[test]
fn long_texts_and_large_cohorts_are_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut large = record(1, 0..3_000);
    large.choices[1_500].text = "é".repeat(40_000).into();
    keep(&journal, [large.clone()]);
    for choice in &large.choices {
        assert_eq!(text(&journal, 1, choice.agent).as_deref(), Some(&*choice.text));
    }
}

#[test]
fn of_two_answers_the_first_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut second = record(1, [4]);
    second.choices[0].text = "other".into();
    keep(&journal, [record(1, [4])]);
    keep(&journal, [second]);
    assert_eq!(text(&journal, 1, 4).as_deref(), Some("guess of 4 in 1"));
    drop(journal);
    assert_eq!(text(&open(folder.path()), 1, 4).as_deref(), Some("guess of 4 in 1"));
}

#[test]
fn what_the_format_cannot_hold_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let refused = |record: JournalRecord| {
        let (sender, outcome) = channel();
        journal.append(record, move |outcome| sender.send(outcome).unwrap());
        outcome.recv().unwrap().unwrap_err().to_string()
    };
    let message = refused(record(1, []));
    assert_eq!(message, "the journal refused a record: it has 0 choices; 1 to 16384 are allowed");
    assert!(refused(record(1, [u64::MAX])).contains("does not fit in an i64"));
    assert!(refused(record(1_000_000, [1])).contains("is above 999999"));
    let mut long = record(1, [1]);
    long.choices[0].text = "x".repeat(RECORD_TEXT_BYTES_MAX + 1).into();
    assert!(refused(long).contains("the limit is 33554432"));
    keep(&journal, [record(1, [1])]);
    journal.close_rounds(1).unwrap();
    assert!(refused(record(1, [2])).contains("round 1 is closed"));
    keep(&journal, [record(2, [2])]);
}

#[test]
fn a_torn_end_is_cut_with_a_message_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = killed(folder.path(), [record(1, [1]), record(1, [2])]);
    let path = segment(folder.path());
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let (journal, cuts) = Journal::open(folder.path(), None, Opening::Alone).unwrap();
    let frame = (bytes.len() - format::HEADER_BYTES) / 2;
    let name = path.file_name().unwrap().to_str().unwrap();
    let cut = Cut {
        segment: name.to_owned(),
        offset: (bytes.len() - frame) as u64,
        bytes: frame as u64 - 5,
        records_min: 1,
    };
    assert_eq!(cuts, [cut]);
    assert!(cuts[0].to_string().ends_with("with at least 1 unacknowledged records"));
    assert_eq!((text(&journal, 1, 1).is_some(), text(&journal, 1, 2)), (true, None));
    drop(journal);
    open(folder.path());
}

#[test]
fn a_damaged_middle_is_an_error_with_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = killed(folder.path(), [record(1, [1]), record(1, [2]), record(1, [3])]);
    let frame = (bytes.len() - format::HEADER_BYTES) / 3;
    let second = format::HEADER_BYTES + frame;
    bytes[second + 50] ^= 1;
    let path = segment(folder.path());
    fs::write(&path, &bytes).unwrap();
    let error = Journal::open(folder.path(), None, Opening::Alone).unwrap_err().to_string();
    let expected = format!(
        "`{}` cannot be read: it is damaged at byte {second}: what was written later is sound",
        path.display()
    );
    assert_eq!(error, expected);
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was changed");
}

#[test]
fn a_block_of_another_place_or_file_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = killed(folder.path(), [record(1, [1]), record(1, [2])]);
    let frame = (bytes.len() - format::HEADER_BYTES) / 2;
    let first = &bytes[format::HEADER_BYTES..][..frame];
    let repeated = [&bytes[..], first].concat();
    fs::write(segment(folder.path()), repeated).unwrap();
    let (journal, cuts) = Journal::open(folder.path(), None, Opening::Alone).unwrap();
    assert_eq!((journal.counts()[&1], cuts[0].bytes), (2, frame as u64));
}

#[test]
fn other_versions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = killed(folder.path(), [record(1, [1])]);
    bytes[8] = 9;
    let check = xxhash_rust::xxh3::xxh3_64(&bytes[..32]).to_le_bytes();
    bytes[32..40].copy_from_slice(&check);
    fs::write(segment(folder.path()), bytes).unwrap();
    let error = Journal::open(folder.path(), None, Opening::Alone).unwrap_err().to_string();
    assert!(error.ends_with("it has version 9 of the format, which is not known here"), "{error}");
}

#[test]
fn hosts_read_each_other_without_changing_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Journal::open(folder.path(), None, Opening::Shared).unwrap().0;
    let theirs = Journal::open(folder.path(), None, Opening::Shared).unwrap().0;
    keep(&theirs, [record(1, [1])]);
    keep(&ours, [record(1, [5])]);
    assert_eq!(text(&ours, 1, 1), None);
    ours.refresh().unwrap();
    assert!(text(&ours, 1, 1).is_some());
    let mut late = record(1, [5]);
    late.choices[0].text = "late".into();
    keep(&theirs, [late, record(1, [6])]);
    ours.refresh().unwrap();
    ours.refresh().unwrap();
    assert_eq!(text(&ours, 1, 5).as_deref(), Some("guess of 5 in 1"), "the first answer stays");
    assert!(text(&ours, 1, 6).is_some());
    assert_eq!(ours.counts()[&1], 4, "a completion is counted once");
    ours.trim(1).unwrap();
    ours.refresh().unwrap();
    assert_eq!(ours.counts(), BTreeMap::new());
}

#[test]
fn a_panicking_caller_leaves_nobody_without_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let (sender, outcomes) = channel();
    journal.append(record(1, [1]), |_| panic!("a caller's mistake, on purpose"));
    for agent in 2..50 {
        let sender = sender.clone();
        journal.append(record(1, [agent]), move |outcome| sender.send(outcome).unwrap());
    }
    drop(sender);
    assert_eq!(outcomes.iter().count(), 48);
    assert!(journal.finish().is_err());
}

fn new_run(out: &Path) -> WritableRun {
    run_of(out, 4)
}

/// A run of so many agents, before its first round.
fn run_of(out: &Path, size: u64) -> WritableRun {
    let origin = Origin { scenario: "game".to_owned(), agents: size, ..Origin::default() };
    let mut run =
        WritableRun::create(out, NewRun { id: None, config_toml: String::new(), origin }).unwrap();
    let agents = Values::I64Sequence { first: 0, rows: size as usize };
    let people = Table::new("people", vec![Column::new("agent", "Id.", agents)]).unwrap();
    run.commit(output_of(size, 0, vec![people])).unwrap();
    run
}

fn output(round: u32, tables: Vec<Table>) -> RoundOutput {
    output_of(4, round, tables)
}

fn output_of(agents: u64, round: u32, tables: Vec<Table>) -> RoundOutput {
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting: Accounting::nobody_asked(agents),
        state_hash: None,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

fn models() -> Vec<ModelNames> {
    let endpoints = vec!["one".to_owned(), "two".to_owned()];
    vec![ModelNames { model: "m".to_owned(), endpoints }]
}

/// A run whose round 1 has been paid: by two requests, one of them answered twice.
fn paid_run() -> (TempDir, WritableRun, Arc<Journal>) {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path());
    let (journal, _) = run.open_journal(models(), Opening::Alone).unwrap();
    keep(&journal, [record(1, [3, 1])]);
    keep(&journal, [record(1, [0]), record(2, [0])]);
    let mut again = record(1, [1]);
    again.choices[0].text = "again".into();
    keep(&journal, [again]);
    (out, run, journal)
}

#[test]
fn a_commit_turns_the_journal_into_calls() {
    let (_out, mut run, journal) = paid_run();
    let committed = run.commit(output(1, vec![])).unwrap();
    assert_eq!(committed.files[0].path, "calls/round-000001.s00.parquet");
    assert_eq!(journal.counts(), BTreeMap::from([(2, 1)]), "round 2 stays");
    let reader = run.reader().unwrap();
    let calls = reader.read(CALLS, 1, crate::Projection::All).unwrap();
    let shown: Vec<String> = (0..calls.rows()).map(|row| shown(&calls, row)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    0 1 m two 1 stop 100 0.000001000001 guess of 0 in 1
    1 1 m two 2 stop 50 0.0000005 guess of 1 in 1
    1 1 m two 1 duplicate 100 0.000001000001 again
    3 1 m two 2 stop 50 0.000000500001 guess of 3 in 1
    ");
    assert_whole(&reader);
    let found = find_call(&reader, &call(1, 1).key(1)).unwrap().unwrap();
    assert_eq!(&*found.text, "guess of 1 in 1");
    for other in
        [call(1, 2).key(1), call(1, 1).key(2), JournalKey { attempt: 1, ..call(1, 1).key(1) }]
    {
        assert_eq!(find_call(&reader, &other).unwrap(), None);
    }
}

/// The table is as its record says; the runs here have no table of agents that could be verified.
fn assert_whole(run: &RunDir) {
    let report = run.verify();
    let about_calls: Vec<_> = report.problems.iter().filter(|p| p.path.contains(CALLS)).collect();
    assert!(about_calls.is_empty() && report.files == 2, "{report:?}");
}

fn shown(calls: &Table, row: usize) -> String {
    let names = [
        "agent",
        "round",
        "model",
        "endpoint",
        "cohort_size",
        "status",
        "prompt_tokens",
        "cost_usd",
        "reply",
    ];
    let cell = |name: &&str| {
        let values = &calls.column(name).unwrap().values;
        let number = || values.number(row).unwrap().to_string();
        values.text(row).map_or_else(number, str::to_owned)
    };
    names.iter().map(cell).collect::<Vec<_>>().join(" ")
}

#[test]
fn recorded_calls_give_back_what_was_used() {
    let (out, mut run, journal) = paid_run();
    let key = call(1, 1).key(1);
    let before = journal.lookup(&key).unwrap();
    run.commit(output(1, vec![])).unwrap();
    let reader = run.reader().unwrap();
    let scratch = out.path().join(run.path()).join("tmp");
    let calls = RecordedCalls::open(&reader, 1, &scratch).unwrap();
    assert_eq!(calls.len(), 3, "the duplicate was not used");
    assert_eq!(calls.lookup(&key).unwrap(), before);
    assert_eq!(calls.lookup(&call(1, 9).key(1)).unwrap(), None);
    drop(calls);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "scratch is removed");
    assert!(RecordedCalls::open(&reader, 0, &scratch).unwrap().is_empty());
}

#[test]
fn at_no_point_of_a_commit_are_completions_in_neither_place() {
    let (out, mut run, journal) = paid_run();
    let path = run.path().to_owned();
    let copy = |name: &str| {
        let to = out.path().join(name);
        copy_folder(&path, &to);
        to
    };
    let before = copy("before");
    // The table is there and the record is not, as when the process dies between the two.
    let stamp_path = path.join("calls");
    fs::create_dir(&stamp_path).unwrap();
    fs::write(stamp_path.join("round-000001.s00.parquet"), "unfinished").unwrap();
    let between = copy("between");
    journal.close_rounds(2).unwrap();
    let journal_then = out.path().join("then");
    copy_folder(&path.join("journal"), &journal_then);
    run.commit(output(1, vec![])).unwrap();
    // The record is there and the journal is as it was, as when the process dies before it trims.
    let after = copy("after");
    fs::remove_dir_all(after.join("journal")).unwrap();
    copy_folder(&journal_then, &after.join("journal"));
    for place in [before, between, after] {
        let mut run = WritableRun::open(&place).unwrap();
        let (journal, cuts) = run.open_journal(models(), Opening::Alone).unwrap();
        assert_eq!(cuts, []);
        if run.last_round() == Some(0) {
            assert_eq!(journal.counts(), BTreeMap::from([(1, 4), (2, 1)]));
            run.commit(output(1, vec![])).unwrap();
        }
        assert_eq!(journal.counts(), BTreeMap::from([(2, 1)]));
        let reader = RunDir::open(&place).unwrap();
        assert_eq!(reader.commit(1).unwrap().files[0].rows, 4);
        assert!(find_call(&reader, &call(1, 1).key(3)).unwrap().is_some());
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn calls_that_do_not_fit_in_a_row_group_are_streamed() {
    let out = tempfile::tempdir().unwrap();
    let mut run = run_of(out.path(), 10_000);
    let (journal, _) = run.open_journal(models(), Opening::Alone).unwrap();
    // Backwards, so that the order of arrival is not the order of agents.
    let cohort = |first: u64| record(1, (first..first + 100).rev());
    keep(&journal, (0..100).rev().map(|cohort_number| cohort(cohort_number * 100)));
    run.commit(output_of(10_000, 1, vec![])).unwrap();
    let reader = run.reader().unwrap();
    let calls = reader.read(CALLS, 1, crate::Projection::Columns(&["agent", "reply"])).unwrap();
    assert_eq!(calls.rows(), 10_000);
    for row in 0..10_000 {
        assert_eq!(calls.column("agent").unwrap().values.integer(row), Some(row as i64));
        let reply = calls.column("reply").unwrap().values.text(row).unwrap();
        assert_eq!(reply, format!("guess of {row} in 1"));
    }
    assert_whole(&reader);
}

#[test]
fn completions_of_unknown_models_and_tables_from_elsewhere_are_errors() {
    let (_out, mut run, journal) = paid_run();
    let agent = Column::new("agent", "Id.", Values::I64(vec![]));
    let calls = Table::new(CALLS, vec![agent]).unwrap();
    let error = run.commit(output(1, vec![calls])).unwrap_err().to_string();
    assert_eq!(error, "table `calls`: it is made from the journal and cannot be handed over");
    let mut unknown = record(1, [2]);
    unknown.call.endpoint = 9;
    keep(&journal, [unknown]);
    let error = run.commit(output(1, vec![])).unwrap_err().to_string();
    let expected = "table `calls`: a completion is of endpoint 9 of model 0, unknown here";
    assert_eq!(error, expected);
    assert_eq!(journal.counts()[&1], 5, "nothing is lost");
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes: Vec<u8>) {
        journal_reader(&bytes);
    }

    #[test]
    fn damage_never_invents_a_completion(
        batches in prop::collection::vec(prop::collection::vec(".{0,40}", 1..4), 1..5),
        edits in prop::collection::vec((any::<u32>(), any::<u8>()), 0..3),
        keep in prop_oneof![Just(u32::MAX), 0_u32..2_000],
    ) {
        journal_damage(&batches, &edits, keep);
    }
}
