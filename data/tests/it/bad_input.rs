//! What cannot be written is refused with its place, before a byte of it is on disk.

use crate::fixture::{self, AGENTS, agents, new_run, origin, output, played, rounds, with};
use throng_data::{
    Column, Error, Fault, NewRun, RoundOutput, RunId, Table, Text, Values, WritableRun,
};

fn column(name: &str, values: Values) -> Column {
    Column::new(name, "doc", values)
}

fn refusal(name: &str, columns: Vec<Column>) -> String {
    Table::new(name, columns).unwrap_err().to_string()
}

#[test]
fn tables_that_a_reader_would_misread() {
    let one = || vec![column("x", Values::I32(vec![1]))];
    let category = |codes, names: &[&str]| Values::Category {
        codes,
        names: names.iter().map(|&n| n.into()).collect(),
    };
    for (found, expected) in [
        (
            refusal("commits", one()),
            "the table `commits` is not allowed: the name is that of a folder of the run directory",
        ),
        (refusal("a=b", one()), "the table `a=b` is not allowed"),
        (refusal("x", vec![]), "table `x`: it has 0 columns; 1 to 1000 are allowed"),
        (
            refusal("x", vec![column("Guess", Values::I32(vec![1]))]),
            "the column `Guess` is not allowed",
        ),
        (refusal("x", [one(), one()].concat()), "table `x`, column `x`: the name is used twice"),
        (
            refusal("x", vec![column("a", Values::I32(vec![1])), column("b", Values::I64(vec![]))]),
            "table `x`, column `b`: it has 0 rows where the first column has 1",
        ),
        (
            refusal("x", vec![column("a", Values::I32(vec![1])).with_valid(vec![])]),
            "table `x`, column `a`: its validity has 0 rows where the values have 1",
        ),
        (
            refusal("x", vec![column("a", category(vec![2], &["p", "q"]))]),
            "table `x`, column `a`: code 2 has no name; there are 2 names",
        ),
        (
            refusal("x", vec![column("a", category(vec![0], &["p", "q", "p"]))]),
            "table `x`, column `a`: the category `p` is named twice",
        ),
        (
            refusal("agents", vec![column("a", Values::TimestampUs(vec![1]))]),
            "table `agents`, column `a`: wall time is recorded only in `calls` and `events`",
        ),
        (
            refusal("calls", vec![column("latency", Values::I64(vec![1])).with_unit("us")]),
            "table `calls`, column `latency`: a column in `us` must have a name that ends in `_us`",
        ),
        (
            refusal("x", vec![column("a", Values::I64Sequence { first: i64::MAX, rows: 1 })]),
            "table `x`, column `a`: 1 numbers from 9223372036854775807 on do not fit in an i64",
        ),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
    let timed = vec![column("latency_us", Values::I64(vec![1])).with_unit("us")];
    Table::new("calls", timed).unwrap();
}

#[test]
fn text_parts_must_fit_together() {
    let parts = |text: &str, offsets: &[usize]| Text::from_parts(text.to_owned(), offsets.to_vec());
    assert!(parts("aü", &[0, 1, 3]).is_some());
    for offsets in [&[][..], &[0], &[1, 3], &[0, 2, 3], &[0, 3, 1, 3], &[0, 1], &[0, 4]] {
        assert!(parts("aü", offsets).is_none(), "{offsets:?}");
    }
}

fn commit_error(output: RoundOutput) -> String {
    let out = tempfile::tempdir().unwrap();
    let mut run = played(out.path(), "r", 0);
    let error = run.commit(output).unwrap_err();
    assert_eq!(run.last_round(), Some(0));
    assert!(!run.path().join("agents").exists(), "nothing was written");
    error.to_string()
}

#[test]
fn rounds_that_do_not_add_up() {
    let changed = |columns: Vec<Column>| {
        let table = Table::new("agents", with(agents(1), columns)).unwrap();
        RoundOutput { tables: vec![table], ..output(1) }
    };
    let ids = |first: i64| {
        let rows = AGENTS as i64;
        Values::I64((first..first + rows).collect())
    };
    let mut gap = (0..AGENTS as i64).collect::<Vec<i64>>();
    gap[7] = 8;
    let all_answered = Values::Category { codes: vec![0; AGENTS], names: vec!["answered".into()] };
    let strange = Values::Category { codes: vec![0; AGENTS], names: vec!["fine".into()] };
    let mut accounts = output(1);
    accounts.accounting.answered += 1;
    for (output, expected) in [
        (
            changed(vec![column("agent", Values::I64(gap))]),
            "table `agents`, column `agent`: 8 follows 6; ids must ascend by one",
        ),
        (
            changed(vec![column("agent", ids(-1))]),
            "table `agents`, column `agent`: -1 is not an agent",
        ),
        (
            changed(vec![column("agent", Values::F64(vec![0.0; AGENTS]))]),
            "table `agents`, column `agent`: it must be there, of type i64",
        ),
        (
            changed(vec![column("round", Values::I32Repeat { value: 2, rows: AGENTS })]),
            "table `agents`, column `round`: row 0 is of round 2",
        ),
        (
            changed(vec![column("status", all_answered)]),
            "round 1: the table `agents` has 1000 answered, the accounts say 800",
        ),
        (
            changed(vec![column("status", strange)]),
            "table `agents`, column `status`: `fine` is none of",
        ),
        (accounts, "round 1: 801 answered + 100 failed + 100 not asked is not 1000 agents"),
        (
            RoundOutput { tables: vec![agents(1), agents(1)], ..output(1) },
            "table `agents`: it was handed over twice",
        ),
        (
            RoundOutput { tables: vec![fixture::people()], ..output(1) },
            "table `people`: round 0 brings `people`",
        ),
        (
            RoundOutput { state_hash: Some("XY".into()), ..output(1) },
            "round 1: the state hash `XY` is not",
        ),
        (output(2), "`"),
        (
            RoundOutput { shard: 10_000, ..output(1) },
            "the shard number is 10000, and the limit is 9999",
        ),
    ] {
        let found = commit_error(output);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_frozen_schema_stays_frozen_also_after_reopening() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 1).path().to_owned();
    let mut run = WritableRun::open(&path).unwrap();
    let guesses = Values::F32(vec![0.0; AGENTS]);
    let valid = agents(2).column("guess").unwrap().valid.clone().unwrap();
    let mut longer = agents(2).into_columns();
    longer.push(column("mood", Values::Bool(vec![true; AGENTS])));
    for (columns, expected) in [
        (
            with(agents(2), vec![column("guess", guesses).with_valid(valid)]),
            "it was f64 and is now f32",
        ),
        (
            with(agents(2), vec![column("guess", Values::F64(vec![0.0; AGENTS]))]),
            "it was `may lack values` and is now `always has a value`",
        ),
        (longer, "it is new"),
        (agents(2).into_columns()[..3].to_vec(), "it is missing"),
    ] {
        let table = Table::new("agents", columns).unwrap();
        let error =
            run.commit(RoundOutput { tables: vec![table, rounds(2)], ..output(2) }).unwrap_err();
        assert!(matches!(error, Error::SchemaChanged { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Table);
        let text = error.to_string();
        assert!(text.ends_with(expected), "{text}");
    }
    run.commit(output(2)).unwrap();
}

fn create(out: &std::path::Path, id: Option<&str>) -> Result<WritableRun, Error> {
    let id = id.map(|id| RunId::new(id).unwrap());
    WritableRun::create(out, NewRun { id, config_toml: String::new(), origin: origin() })
}

#[test]
fn an_existing_run_is_never_overwritten() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 1).path().to_owned();
    let error = create(out.path(), Some("r")).unwrap_err();
    assert!(matches!(error, Error::RunExists { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--run-id"));
    assert!(throng_data::RunDir::open(&path).unwrap().verify().is_whole());
    // Without an id of its own, a run finds a free one.
    let first = create(out.path(), None).unwrap();
    let second = create(out.path(), None).unwrap();
    assert_ne!(first.path(), second.path());
}

#[test]
fn folders_that_readers_would_take_for_columns() {
    let out = tempfile::tempdir().unwrap();
    let error = create(&out.path().join("lr=3/runs"), None).unwrap_err();
    assert!(matches!(error, Error::OutFolder { .. }), "{error}");
    assert!(error.to_string().ends_with("take the folder `lr=3` for a column because of its `=`"));
    assert!(RunId::new("a=b").is_err());
}

#[test]
fn a_scenario_whose_name_is_no_path() {
    let out = tempfile::tempdir().unwrap();
    let mut new = NewRun { id: None, config_toml: String::new(), origin: origin() };
    new.origin.scenario = "../two thirds".to_owned();
    assert!(matches!(WritableRun::create(out.path(), new), Err(Error::Name { .. })));
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn another_attempt_at_a_committed_round_is_fenced() {
    let out = tempfile::tempdir().unwrap();
    let mut run = played(out.path(), "r", 1);
    // Another host commits round 2 behind this one's back.
    let record = std::fs::read_to_string(run.path().join("commits/round-000001.json")).unwrap();
    let attempt = run.reader().unwrap().commit(1).unwrap().attempt.to_string();
    let theirs = record
        .replace("\"round\": 1", "\"round\": 2")
        .replace(&attempt, "00000000000000000000000000000000");
    std::fs::write(run.path().join("commits/round-000002.json"), theirs).unwrap();
    let error = run.commit(output(2)).unwrap_err();
    assert!(matches!(error, Error::Fenced { round: 2, .. }), "{error}");
    assert!(!run.path().join("agents/round-000002.s00.parquet").exists());
    assert_eq!(error.fault(), Fault::Rival);
    new_run(out.path(), "unharmed");
}
