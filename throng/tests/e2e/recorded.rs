//! Commands that read runs, on a small run of four agents whose every number is known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use throng_data::{
    Accounting, AnswerColumn, Column, NewRun, Origin, RoundOutput, RunId, RunStatus, Table, Values,
    WritableRun,
};

use crate::Place;

const CONFIG: &str = "[run]\nscenario = \"guessing-game\"\n\n[scenario]\nmin = 0\nmax = 100\n";
const AGENTS: usize = 4;

fn table(name: &str, columns: Vec<(&str, Values)>) -> Table {
    let column = |(name, values)| Column::new(name, "A column.", values);
    Table::new(name, columns.into_iter().map(column).collect()).unwrap()
}

fn everyone(text: &str) -> Values {
    Values::Category { codes: vec![0], names: vec![text.to_owned()] }
}

/// All agents answer 10, 20, 30 and 40, in every round.
fn round(round: u32) -> Vec<Table> {
    let rounds = |rows| Values::I32(vec![i32::try_from(round).unwrap(); rows]);
    let status = Values::Category { codes: vec![0; AGENTS], names: vec!["answered".to_owned()] };
    let agents = vec![
        ("agent", Values::I64Sequence { first: 0, rows: AGENTS }),
        ("round", rounds(AGENTS)),
        ("status", status),
        ("guess", Values::F64(vec![10.0, 20.0, 30.0, 40.0])),
    ];
    let mut summary = vec![
        ("round", rounds(1)),
        ("group_by", everyone("all")),
        ("group", everyone("all")),
        ("n", Values::I64(vec![4])),
        ("answered", Values::I64(vec![4])),
        ("mean", Values::F64(vec![25.0])),
        ("median", Values::F64(vec![25.0])),
    ];
    for bin in ["bin_00", "bin_01", "bin_02", "bin_03"] {
        let count = if bin == "bin_00" { 2 } else { i64::from(bin == "bin_01") * 2 };
        summary.push((bin, Values::I64(vec![count])));
    }
    vec![table("agents", agents), table("rounds", summary)]
}

/// A run called `mine` with this many rounds of three.
fn recorded(place: &Place, rounds: u32) -> PathBuf {
    let origin = Origin {
        engine_version: "0.1.0".to_owned(),
        scenario: "guessing-game".to_owned(),
        scenario_version: "1".to_owned(),
        seed: 7,
        agents: AGENTS as u64,
        rounds: 3,
        answer: Some(AnswerColumn { column: "guess".to_owned(), quantile_error: 0.0 }),
        ..Origin::default()
    };
    let id = Some(RunId::new("mine").unwrap());
    let new = NewRun { id, config_toml: CONFIG.to_owned(), origin };
    let mut run = WritableRun::create(&place.path().join("runs"), new).unwrap();
    let people = table("people", vec![("agent", Values::I64Sequence { first: 0, rows: AGENTS })]);
    run.commit(output(0, vec![people])).unwrap();
    for number in 1..=rounds {
        run.commit(output(number, round(number))).unwrap();
    }
    let status = if rounds == 3 { RunStatus::Done } else { RunStatus::Interrupted };
    run.set_status(status).unwrap();
    run.path().to_owned()
}

fn output(round: u32, tables: Vec<Table>) -> RoundOutput {
    let answered = if round == 0 { 0 } else { AGENTS as u64 };
    let accounting = Accounting {
        agents: AGENTS as u64,
        answered,
        failed: BTreeMap::new(),
        not_asked: AGENTS as u64 - answered,
    };
    let state_hash = Some(format!("{round:032x}"));
    RoundOutput {
        round,
        shard: 0,
        tables,
        accounting,
        state_hash,
        state: BTreeMap::new(),
        wall_us: None,
        calls: None,
    }
}

#[track_caller]
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]");
    settings.add_filter(r"[\d.]+ KiB", "[SIZE]");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn runs_are_listed_and_a_broken_one_does_not_hide_the_others() {
    let place = Place::new();
    recorded(&place, 2);
    let broken = place.path().join("runs/broken");
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("manifest.json"), "{").unwrap();
    snapshot("list", &place.run(&["list"]).done().told());
    let list = &place.run(&["list", "--json"]).done().json()[0];
    assert_eq!(list["runs"][0]["state"], "broken");
    assert_eq!(
        (&list["runs"][1]["run"], &list["runs"][1]["rounds_committed"]),
        (&"mine".into(), &2.into())
    );
}

#[test]
fn a_run_s_status_is_found_by_name_and_by_path() {
    let place = Place::new();
    let path = recorded(&place, 3);
    let by_name = place.run(&["status", "mine"]).done().out;
    snapshot("status", &by_name);
    assert_eq!(by_name, place.run(&["status", path.to_str().unwrap()]).done().out);
    let object = &place.run(&["status", "mine", "--json"]).done().json()[0];
    assert_eq!((&object["state"], &object["last_round"]["mean"]), (&"done".into(), &25.0.into()));
}

#[test]
fn a_whole_run_is_verified_and_a_changed_one_is_not() {
    let place = Place::new();
    let path = recorded(&place, 3);
    snapshot("verify_whole", &place.run(&["verify", "mine"]).done().out);
    assert_eq!(place.run(&["verify", "mine", "--json"]).done().json()[0]["whole"], true);
    change_one_byte(&path.join("agents/round-000002.s00.parquet"));
    let ran = place.run(&["verify", "mine"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("agents/round-000002.s00.parquet"), "{}", ran.out);
    assert!(ran.out.contains("not whole"), "{}", ran.out);
    let object = &place.run(&["verify", "mine", "--json"]).json()[0];
    assert_eq!(
        (&object["whole"], &object["problems"][0]["check"]),
        (&false.into(), &"digest".into())
    );
}

fn change_one_byte(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_report_draws_every_round_and_leaves_the_run_whole() {
    let place = Place::new();
    let path = recorded(&place, 3);
    snapshot("report", &place.run(&["report", "mine"]).done().out);
    for picture in ["round-000001.svg", "round-000003.svg", "convergence.svg"] {
        assert!(path.join("report").join(picture).is_file(), "{picture}");
    }
    place.run(&["verify", "mine"]).done();
}

#[test]
fn a_run_without_rounds_has_nothing_to_draw() {
    let place = Place::new();
    recorded(&place, 0);
    let ran = place.run(&["report", "mine"]).done();
    assert!(ran.out.is_empty() && ran.err.contains("nothing to draw"), "{}", ran.told());
    place.run(&["status", "mine"]).done();
}
