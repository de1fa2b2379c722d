//! What is written comes back, value by value, whole or in part.

use crate::fixture::{self, AGENTS, agents, new_run, output, played};
use proptest::prelude::*;
use throng_data::{
    Accounting, Column, Projection, ROW_GROUP_ROWS, RoundOutput, RoundWriter, RunDir, RunState,
    RunStatus, Stamp, Table, Text, Values, WritableRun, list_runs, sha256_file, write_table,
};

#[test]
fn a_run_comes_back_as_it_was_written() {
    let out = tempfile::tempdir().unwrap();
    let run = played(out.path(), "r", 3);
    let reader = run.reader().unwrap();
    assert_eq!(reader.rounds().unwrap(), [0, 1, 2, 3]);
    let people = reader.read_people(Projection::All).unwrap();
    assert_eq!(people.rows(), AGENTS);
    assert_eq!(people.column("background").unwrap().values.text(7), Some("You are person 7."));
    assert_eq!(people.column("education").unwrap().values.text(5), Some("Ph.D."));
    for round in 1..=3 {
        let table = reader.read_agents(round, Projection::All).unwrap();
        let guesses = table.column("guess").unwrap();
        for agent in 0..AGENTS {
            assert_eq!(table.column("agent").unwrap().values.integer(agent), Some(agent as i64));
            assert_eq!(table.column("round").unwrap().values.integer(agent), Some(round.into()));
            let expected = fixture::guess(agent, round);
            let answered = table.column("status").unwrap().values.text(agent) == Some("answered");
            assert_eq!(guesses.is_valid(agent), answered);
            assert!(
                !answered || guesses.values.number(agent).unwrap().to_bits() == expected.to_bits()
            );
        }
        assert_eq!(guesses.doc, "The number reported.");
        let record = reader.commit(round).unwrap();
        assert_eq!(record.state["target"].value().to_bits(), (f64::from(round) / 3.0).to_bits());
        assert_eq!(record.accounting, fixture::accounting(round));
    }
    assert_eq!(reader.read_rounds(2, Projection::All).unwrap().rows(), 4);
    let report = reader.verify();
    assert!(report.is_whole(), "{:?}", report.problems);
    assert_eq!((report.rounds, report.files), (4, 7));
}

#[test]
fn the_same_round_gives_the_same_bytes_whoever_encodes_it() {
    let out = tempfile::tempdir().unwrap();
    let digest = |id: &str, encoders| {
        let mut run = new_run(out.path(), id);
        run.set_encoders(encoders);
        run.commit(output(0)).unwrap();
        run.commit(output(1)).unwrap().files
    };
    let stamped = |encoders| {
        let path = out.path().join(format!("{encoders}.parquet"));
        write_table(&path, large_table(), &stamp(), encoders).unwrap()
    };
    let one = stamped(1);
    assert_eq!(stamped(2), one);
    assert_eq!(stamped(7), one);
    // The run's id is in the files, so that two runs differ in bytes and agree in rows.
    let (a, b) = (digest("a", 1), digest("b", 2));
    assert_eq!(a[0].rows, b[0].rows);
}

fn stamp() -> Stamp {
    Stamp {
        run_id: "r".to_owned(),
        round: 1,
        seed: 1,
        scenario: "s".to_owned(),
        scenario_version: "1".to_owned(),
        engine_version: "1".to_owned(),
        config_sha256: "00".to_owned(),
        state_hash: None,
    }
}

fn large_table() -> Table {
    let rows = 2 * ROW_GROUP_ROWS + 12_345;
    let codes: Vec<u8> = (0..rows).map(|row| u8::try_from(row * row % 7).unwrap()).collect();
    let columns = vec![
        Column::new("agent", "a", Values::I64Sequence { first: 5_000, rows }),
        Column::new("round", "r", Values::I32Repeat { value: 1, rows }),
        Column::new(
            "status",
            "s",
            Values::Category { codes, names: (0..7).map(|n| format!("c{n}")).collect() },
        ),
        Column::new("guess", "g", Values::F64((0..rows).map(|row| (row % 101) as f64).collect()))
            .with_valid((0..rows).map(|row| row % 5 != 0).collect()),
    ];
    Table::new("letters", columns).unwrap()
}

#[test]
fn one_agent_is_found_in_any_row_group() {
    let out = tempfile::tempdir().unwrap();
    let rows = 2 * ROW_GROUP_ROWS + 12_345;
    let mut run = new_run(out.path(), "r");
    run.commit(output(0)).unwrap();
    let output = RoundOutput { tables: vec![agents(1), large_table()], ..output(1) };
    run.commit(output).unwrap();
    let reader = run.reader().unwrap();
    for row in [0, 1, 40_000, ROW_GROUP_ROWS - 1, ROW_GROUP_ROWS, 2 * ROW_GROUP_ROWS, rows - 1] {
        let agent = 5_000 + i64::try_from(row).unwrap();
        let table = reader.read_agent("letters", 1, agent, Projection::All).unwrap();
        assert_eq!(table.rows(), 1, "{agent}");
        assert_eq!(table.column("agent").unwrap().values.integer(0), Some(agent));
        let guess = table.column("guess").unwrap();
        assert_eq!(guess.is_valid(0), row % 5 != 0);
        assert!(row % 5 == 0 || guess.values.number(0) == Some((row % 101) as f64));
        let expected = format!("c{}", row * row % 7);
        assert_eq!(table.column("status").unwrap().values.text(0), Some(expected.as_str()));
        let some = reader.read_agent("letters", 1, agent, Projection::Columns(&["guess"]));
        assert_eq!(some.unwrap().columns().len(), 1);
    }
    for agent in [-1, 4_999, 5_000 + i64::try_from(rows).unwrap(), i64::MAX, i64::MIN] {
        let table = reader.read_agent("letters", 1, agent, Projection::All).unwrap();
        assert_eq!(table.rows(), 0, "{agent}");
    }
}

#[test]
fn an_agent_with_several_rows_or_none_is_found_too() {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path(), "r");
    run.commit(output(0)).unwrap();
    // Every third agent has two calls.
    let ids: Vec<i64> = (0..60_000).map(|row| row / 2 * 3).collect();
    let rows = ids.len();
    let columns = vec![
        Column::new("agent", "a", Values::I64(ids)),
        Column::new("round", "r", Values::I32Repeat { value: 1, rows }),
        Column::new("attempt", "t", Values::I32((0..rows).map(|row| (row % 2) as i32).collect())),
    ];
    let calls = Table::new("calls", columns).unwrap();
    run.commit(RoundOutput { tables: vec![agents(1), calls], ..output(1) }).unwrap();
    let reader = run.reader().unwrap();
    for (agent, expected) in [(0, 2), (1, 0), (3, 2), (89_997, 2), (89_998, 0), (90_000, 0)] {
        let table = reader.read_agent("calls", 1, agent, Projection::All).unwrap();
        assert_eq!(table.rows(), expected, "{agent}");
    }
}

#[test]
fn a_table_without_rows_has_no_file_and_reads_as_empty() {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path(), "r");
    run.commit(output(0)).unwrap();
    let letters = |rows: usize, round| {
        let columns = vec![
            Column::new("round", "r", Values::I32Repeat { value: round, rows }),
            Column::new("text", "t", Values::Text(vec!["hello"; rows].into_iter().collect())),
        ];
        Table::new("letters", columns).unwrap()
    };
    run.commit(RoundOutput { tables: vec![agents(1), letters(0, 1)], ..output(1) }).unwrap();
    run.commit(RoundOutput { tables: vec![agents(2), letters(3, 2)], ..output(2) }).unwrap();
    let reader = run.reader().unwrap();
    assert!(!run.path().join("letters/round-000001.s00.parquet").exists());
    assert_eq!(reader.read("letters", 1, Projection::All).unwrap().rows(), 0);
    assert_eq!(reader.read("letters", 2, Projection::All).unwrap().rows(), 3);
    assert!(reader.read("posts", 2, Projection::All).is_err());
    let views = std::fs::read_to_string(run.path().join("views.sql")).unwrap();
    assert!(views.contains("\"letters\""), "{views}");
}

#[test]
fn rounds_are_written_behind_in_order() {
    let out = tempfile::tempdir().unwrap();
    let mut writer = RoundWriter::start(new_run(out.path(), "r")).unwrap();
    for round in 0..=20 {
        writer.submit(output(round)).unwrap();
    }
    let run = writer.finish(RunStatus::Done).unwrap();
    assert_eq!(run.last_round(), Some(20));
    let reader = run.reader().unwrap();
    assert_eq!(reader.state().unwrap(), RunState::Running, "this process holds it still");
    drop(run);
    assert_eq!(reader.state().unwrap(), RunState::Ended(RunStatus::Done));
    assert!(reader.verify().is_whole());
    let runs = list_runs(out.path()).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].found.as_ref().unwrap().0.commits.last_round, Some(20));
}

#[test]
fn a_failure_behind_comes_out_with_the_next_round() {
    let out = tempfile::tempdir().unwrap();
    let mut writer = RoundWriter::start(new_run(out.path(), "r")).unwrap();
    writer.submit(output(0)).unwrap();
    writer.submit(output(2)).unwrap();
    let error = (0..100).find_map(|_| writer.submit(output(1)).err()).unwrap();
    assert!(error.to_string().contains("round 2 was handed over where round 1 is next"), "{error}");
    assert_eq!(writer.committed().len(), 1);
    drop(writer);
    let reader = RunDir::open(&out.path().join("r")).unwrap();
    assert_eq!(reader.rounds().unwrap(), [0]);
    assert_eq!(reader.state().unwrap(), RunState::Ended(RunStatus::Failed));
    let mut writer = RoundWriter::start(WritableRun::open(reader.path()).unwrap()).unwrap();
    writer.submit(output(3)).unwrap();
    assert!(writer.finish(RunStatus::Done).is_err(), "the last failure comes out at the end");
}

#[test]
fn a_run_goes_on_where_it_was() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 2).path().to_owned();
    let mut run = WritableRun::open(&path).unwrap();
    assert_eq!(run.next_round(), 3);
    run.commit(output(3)).unwrap();
    run.set_status(RunStatus::Done).unwrap();
    assert_eq!(run.manifest().commits.files, 7);
    drop(run);
    assert!(RunDir::open(&path).unwrap().verify().is_whole());
}

#[test]
fn a_hundred_agents_less_is_no_agent_lost() {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path(), "r");
    let mut population = output(0);
    population.accounting = Accounting::nobody_asked(AGENTS as u64 + 100);
    let error = run.commit(population).unwrap_err().to_string();
    assert_eq!(error, "round 0: `people` has 1000 rows for 1100 agents");
}

fn any_values(rows: usize) -> impl Strategy<Value = Values> {
    use proptest::collection::vec;
    let names: Vec<String> = (0..300).map(|name| format!("name {name}")).collect();
    let wide = names.clone();
    let few: Vec<String> = names[..4].to_vec();
    prop_oneof![
        vec(any::<i32>(), rows).prop_map(Values::I32),
        vec(any::<i64>(), rows).prop_map(Values::I64),
        vec(any::<f32>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()), rows)
            .prop_map(Values::F32),
        vec(any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()), rows)
            .prop_map(Values::F64),
        vec(any::<bool>(), rows).prop_map(Values::Bool),
        vec(any::<String>(), rows).prop_map(|texts| Values::Text(texts.iter().collect::<Text>())),
        vec(0_u8..4, rows).prop_map(move |codes| Values::Category { codes, names: few.clone() }),
        vec(0_u16..300, rows)
            .prop_map(move |codes| Values::Category16 { codes, names: wide.clone() }),
        vec(any::<i64>(), rows).prop_map(Values::TimestampUs),
    ]
}

fn any_table() -> impl Strategy<Value = Table> {
    (1_usize..50).prop_flat_map(|rows| {
        let valid = proptest::option::of(proptest::collection::vec(any::<bool>(), rows));
        proptest::collection::vec((any_values(rows), valid), 1..6).prop_map(move |columns| {
            let mut all = vec![Column::new("round", "r", Values::I32Repeat { value: 1, rows })];
            for (index, (values, valid)) in columns.into_iter().enumerate() {
                let column = Column::new(format!("c{index}"), "any", values);
                all.push(Column { valid, ..column });
            }
            Table::new("events", all).unwrap()
        })
    })
}

/// The value of a row in one spelling, whatever variant holds it.
fn spelled(column: &Column, row: usize) -> String {
    if !column.is_valid(row) {
        return "none".to_owned();
    }
    match &column.values {
        Values::F32(values) => format!("{:08x}", values[row].to_bits()),
        Values::F64(values) => format!("{:016x}", values[row].to_bits()),
        Values::Bool(values) => values[row].to_string(),
        values => values
            .integer(row)
            .map(|integer| integer.to_string())
            .or_else(|| values.text(row).map(|text| format!("{text:?}")))
            .unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_table_comes_back(table in any_table()) {
        let out = tempfile::tempdir().unwrap();
        let mut run = new_run(out.path(), "r");
        run.commit(output(0)).unwrap();
        run.commit(RoundOutput { tables: vec![agents(1), table.clone()], ..output(1) }).unwrap();
        let found = run.reader().unwrap().read("events", 1, Projection::All).unwrap();
        prop_assert_eq!(found.schema(), table.schema());
        for (found, column) in found.columns().iter().zip(table.columns()) {
            for row in 0..table.rows() {
                prop_assert_eq!(spelled(found, row), spelled(column, row), "{}", column.name);
            }
        }
    }
}

#[test]
fn a_file_has_the_digest_that_its_record_says() {
    let out = tempfile::tempdir().unwrap();
    let run = played(out.path(), "r", 1);
    for file in run.reader().unwrap().commit(1).unwrap().files {
        let found = sha256_file(&run.path().join(&file.path)).unwrap();
        assert_eq!(found, (file.sha256, file.bytes));
    }
}
