//! Whatever is changed in a run, the report names the file and what is wrong with it.

use crate::fixture::{AGENTS, agents, new_run, output, played, rounds, with};
use std::fs;
use std::path::{Path, PathBuf};
use throng_data::{
    Check, Column, CommitRecord, RoundOutput, RunDir, RunStatus, Table, Values, sha256_file,
};

fn checks(path: &Path) -> Vec<(String, Check)> {
    let report = RunDir::open(path).unwrap().verify();
    report.problems.into_iter().map(|problem| (problem.path, problem.check)).collect()
}

/// A finished run that nobody holds.
fn finished(out: &Path) -> PathBuf {
    let mut run = played(out, "r", 2);
    run.set_status(RunStatus::Done).unwrap();
    run.path().to_owned()
}

#[test]
fn a_summary_that_contradicts_the_records() {
    let out = tempfile::tempdir().unwrap();
    let path = finished(out.path()).join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"last_round\": 2", "\"last_round\": 3")).unwrap();
    let found = checks(path.parent().unwrap());
    assert_eq!(found, [("manifest.json".to_owned(), Check::Manifest)]);
}

#[test]
fn every_kind_of_damage_is_named() {
    type Damage = fn(&Path);
    let damages: [(Damage, &str, Check); 13] = [
        (
            |run| fs::remove_file(run.join("people/part-00.parquet")).unwrap(),
            "people/part-00.parquet",
            Check::Missing,
        ),
        (
            |run| append(&run.join("rounds/part-000001.parquet")),
            "rounds/part-000001.parquet",
            Check::Bytes,
        ),
        (
            |run| flip(&run.join("agents/round-000002.s00.parquet")),
            "agents/round-000002.s00.parquet",
            Check::Digest,
        ),
        (|run| fs::write(run.join("run.toml"), "other").unwrap(), "run.toml", Check::Config),
        (
            |run| fs::write(run.join("manifest.json"), "{}").unwrap(),
            "manifest.json",
            Check::Manifest,
        ),
        (|run| fs::write(run.join("schema.json"), "[]").unwrap(), "schema.json", Check::Decode),
        (
            |run| fs::write(run.join("commits/round-000001.json"), "x").unwrap(),
            "commits/round-000001.json",
            Check::Record,
        ),
        (
            |run| fs::remove_file(run.join("commits/round-000001.json")).unwrap(),
            "commits/round-000001.json",
            Check::Record,
        ),
        (
            |run| fs::write(run.join("agents/other.parquet"), "x").unwrap(),
            "agents/other.parquet",
            Check::Unknown,
        ),
        (|run| fs::write(run.join("commits/note"), "x").unwrap(), "commits/note", Check::Unknown),
        (|run| fs::write(run.join("tmp/half"), "x").unwrap(), "tmp/half", Check::Unknown),
        (|run| fs::write(run.join("core.1234"), "x").unwrap(), "core.1234", Check::Unknown),
        (
            |run| edit(run, 1, |record| record.files[0].path = "../../etc/passwd".into()),
            "commits/round-000001.json",
            Check::Listing,
        ),
    ];
    for (damage, path, check) in damages {
        let out = tempfile::tempdir().unwrap();
        let run = finished(out.path());
        assert_eq!(checks(&run), []);
        damage(&run);
        let found = checks(&run);
        assert!(found.contains(&(path.to_owned(), check)), "{path} {check:?}: {found:?}");
    }
}

fn append(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.push(0);
    fs::write(path, bytes).unwrap();
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn edit(run: &Path, round: u32, change: impl FnOnce(&mut CommitRecord)) {
    let path = run.join(format!("commits/round-{round:06}.json"));
    let mut record: CommitRecord = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(path, serde_json::to_vec_pretty(&record).unwrap()).unwrap();
}

#[test]
fn records_that_contradict_their_files() {
    type Change = fn(&mut CommitRecord);
    let changes: [(Change, Check); 6] = [
        (|record| record.files[0].rows += 1, Check::Rows),
        (|record| record.accounting.agents += 1, Check::Record),
        (
            |record| {
                record.accounting.answered -= 1;
                record.accounting.not_asked += 1;
            },
            Check::Accounting,
        ),
        (
            |record| {
                record.accounting.agents += 1;
                record.accounting.not_asked += 1;
            },
            Check::Accounting,
        ),
        (|record| record.files.push(record.files[0].clone()), Check::Listing),
        (|record| drop(record.files.remove(0)), Check::Unknown),
    ];
    for (change, check) in changes {
        let out = tempfile::tempdir().unwrap();
        let run = finished(out.path());
        edit(&run, 1, change);
        let found = checks(&run);
        assert!(found.iter().any(|(_, found)| *found == check), "{check:?}: {found:?}");
    }
}

#[test]
fn a_round_number_in_a_record_is_that_of_its_name() {
    let out = tempfile::tempdir().unwrap();
    let run = finished(out.path());
    fs::rename(run.join("commits/round-000002.json"), run.join("commits/round-000003.json"))
        .unwrap();
    let report = RunDir::open(&run).unwrap().verify();
    let text: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains("it is the record of round 2")), "{text:?}");
}

/// Commits a round whose table `rounds` has one value changed, which only a recount can find.
fn with_reduction(changed: Column) -> Vec<(String, Check)> {
    with_round(agents(1), vec![changed])
}

/// What is found in a run of these agents whose `rounds` has some columns exchanged.
fn with_round(agents: Table, changed: Vec<Column>) -> Vec<(String, Check)> {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path(), "r");
    run.commit(output(0)).unwrap();
    let table = Table::new("rounds", with(rounds(1), changed)).unwrap();
    run.commit(RoundOutput { tables: vec![agents, table], ..output(1) }).unwrap();
    let path = run.path().to_owned();
    drop(run);
    checks(&path)
}

#[test]
fn agents_that_are_grouped_by_a_column_of_their_own() {
    let rooms = |first: Option<i64>| {
        let room = |agent: usize| i64::try_from(agent % 3).unwrap();
        let mut rooms: Vec<i64> = (0..AGENTS).map(room).collect();
        rooms[0] = first.unwrap_or(rooms[0]);
        let column = Column::new("room", "The room.", Values::I64(rooms));
        Table::new("agents", [agents(1).columns().to_vec(), vec![column]].concat()).unwrap()
    };
    let texts = |name: &str, texts: [&str; 4]| {
        Column::new(name, "The group.", Values::Text(texts.into_iter().collect()))
    };
    let by = |name: &str| {
        vec![texts("group_by", ["all", name, name, name]), texts("group", ["all", "0", "1", "2"])]
    };
    assert_eq!(with_round(rooms(None), by("room")), []);
    let wrong = ("rounds/part-000001.parquet".to_owned(), Check::Reduction);
    assert!(with_round(rooms(Some(2)), by("room")).contains(&wrong), "a member who is elsewhere");
    assert_eq!(with_round(rooms(None), by("floor")), vec![wrong.clone(); 3], "no such column");
    assert_eq!(with_round(rooms(None), by("guess")), vec![wrong; 3], "a float names no group");
}

#[test]
fn a_reduction_that_does_not_follow_is_found() {
    let reduction = |name: &str, row: usize, by: f64| {
        let column = rounds(1).column(name).unwrap().clone();
        let values = match column.values.clone() {
            Values::I64(mut values) => {
                values[row] += by as i64;
                Values::I64(values)
            }
            Values::F64(mut values) => {
                values[row] += by;
                Values::F64(values)
            }
            other => panic!("{other:?}"),
        };
        with_reduction(Column { values, ..column })
    };
    let wrong = vec![("rounds/part-000001.parquet".to_owned(), Check::Reduction)];
    for name in ["n", "answered", "failed_timeout", "not_asked"] {
        assert_eq!(reduction(name, 0, 1.0), wrong, "{name} of all");
        assert_eq!(reduction(name, 3, 1.0), wrong, "{name} of a group");
    }
    for name in ["min", "max", "mean", "median"] {
        assert_eq!(reduction(name, 0, 1e-9), wrong, "{name} of all");
        assert_eq!(reduction(name, 2, 1e-9), wrong, "{name} of a group");
    }
    assert_eq!(reduction("mean", 0, 1e-15), [], "another order of summing is no error");
}

#[test]
fn files_with_the_right_digest_and_the_wrong_contents() {
    let out = tempfile::tempdir().unwrap();
    let run = finished(out.path());
    // The agents of round 1 under the name of round 2, with the record adjusted.
    let path = run.join("agents/round-000002.s00.parquet");
    fs::copy(run.join("agents/round-000001.s00.parquet"), &path).unwrap();
    let (sha256, bytes) = sha256_file(&path).unwrap();
    edit(&run, 2, |record| {
        let file = record.files.iter_mut().find(|file| file.path.starts_with("agents")).unwrap();
        (file.sha256, file.bytes) = (sha256, bytes);
    });
    let found = checks(&run);
    assert!(found.iter().any(|(_, check)| *check == Check::Reduction), "{found:?}");
    // A file that is no Parquet at all.
    fs::write(&path, b"PAR1 nothing PAR1").unwrap();
    let (sha256, bytes) = sha256_file(&path).unwrap();
    edit(&run, 2, |record| {
        let file = record.files.iter_mut().find(|file| file.path.starts_with("agents")).unwrap();
        (file.sha256, file.bytes) = (sha256, bytes);
    });
    let found = checks(&run);
    let name = "agents/round-000002.s00.parquet".to_owned();
    assert!(found.contains(&(name, Check::Decode)), "{found:?}");
}

#[test]
fn a_link_is_not_followed() {
    let out = tempfile::tempdir().unwrap();
    let run = finished(out.path());
    let path = run.join("people/part-00.parquet");
    fs::rename(&path, out.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(out.path().join("elsewhere"), &path).unwrap();
    let found = checks(&run);
    assert!(found.contains(&("people/part-00.parquet".to_owned(), Check::Missing)), "{found:?}");
}

#[test]
fn a_run_in_progress_is_not_accused() {
    let out = tempfile::tempdir().unwrap();
    let run = played(out.path(), "r", 1);
    fs::write(run.path().join("tmp/agents.half"), "x").unwrap();
    fs::write(run.path().join("agents/round-000002.s00.parquet"), "x").unwrap();
    assert_eq!(checks(run.path()), []);
    fs::write(run.path().join("agents/round-000001.s01.parquet"), "x").unwrap();
    assert_eq!(
        checks(run.path()),
        [("agents/round-000001.s01.parquet".to_owned(), Check::Unknown)]
    );
}

/// A round with a row for each of two exchanges, and letters between agents.
fn further(round: u32, edit: fn(&mut [Values; 4], &mut [Values; 2])) -> RoundOutput {
    let mut output = output(round);
    let accounting = &output.accounting;
    let (failed, answered) = (accounting.failed_total() as i64, accounting.answered as i64);
    let all = AGENTS as i64;
    let mut exchanges = [
        Values::I32(vec![0, 1]),
        Values::I64(vec![answered, 3]),
        Values::I64(vec![failed, 0]),
        Values::I64(vec![accounting.not_asked as i64, all - 3]),
    ];
    let mut letters = [Values::I64(vec![1, 1, 5]), Values::I64(vec![2, 7, 0])];
    edit(&mut exchanges, &mut letters);
    let [number, answered, failed, not_asked] = exchanges;
    let column = |name: &str, values| Column::new(name, "What it says.", values);
    let rounds = |rows| Values::I32Repeat { value: round as i32, rows };
    let columns = vec![
        column("round", rounds(2)),
        column("exchange", number),
        column("n", Values::I64(vec![all, all])),
        column("answered", answered),
        column("not_asked", not_asked),
        column("failed", failed.clone()),
        column("failed_timeout", failed),
    ];
    output.tables.push(Table::new("exchanges", columns).unwrap());
    let [agent, from] = letters;
    let columns = vec![column("round", rounds(3)), column("agent", agent), column("from", from)];
    output.tables.push(Table::new("letters", columns).unwrap());
    output
}

#[test]
fn exchanges_add_up_and_letters_are_between_agents_of_the_run() {
    type Edit = fn(&mut [Values; 4], &mut [Values; 2]);
    let cases: [(Edit, Option<(&str, Check)>); 6] = [
        (|_, _| (), None),
        (
            |exchanges, _| exchanges[0] = Values::I32(vec![0, 2]),
            Some(("exchanges", Check::Listing)),
        ),
        (
            |exchanges, _| exchanges[1] = Values::I64(vec![0, 3]),
            Some(("exchanges", Check::Accounting)),
        ),
        (
            |exchanges, _| {
                exchanges[1] = Values::I64(vec![900, 3]);
                exchanges[2] = Values::I64(vec![0, 0]);
                exchanges[3] = Values::I64(vec![100, 997]);
            },
            Some(("exchanges", Check::Accounting)),
        ),
        (|_, letters| letters[0] = Values::I64(vec![5, 1, 1]), Some(("letters", Check::Agents))),
        (
            |_, letters| letters[1] = Values::I64(vec![2, 1_000, 0]),
            Some(("letters", Check::Agents)),
        ),
    ];
    for (edit, expected) in cases {
        let out = tempfile::tempdir().unwrap();
        let mut run = new_run(out.path(), "r");
        run.commit(output(0)).unwrap();
        run.commit(further(1, edit)).unwrap();
        run.set_status(RunStatus::Done).unwrap();
        let expected: Vec<_> = expected
            .map(|(table, check)| (format!("{table}/round-000001.s00.parquet"), check))
            .into_iter()
            .collect();
        assert_eq!(checks(run.path()), expected);
    }
}
