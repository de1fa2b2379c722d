//! What a dead process leaves behind is removed, and nothing else is.

use crate::fixture::{new_run, output, played};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use throng_data::{Error, RunDir, RunState, WritableRun};

/// Set for the child process that plays until it is killed.
const CHILD_RUN: &str = "THRONG_TEST_CRASH_RUN";

#[test]
fn leftovers_of_an_uncommitted_round_are_removed() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 2).path().to_owned();
    let at = |name: &str| path.join(name);
    // Files in place and no record, a half file in tmp/, and a file of the user's own.
    fs::copy(at("agents/round-000002.s00.parquet"), at("agents/round-000003.s00.parquet")).unwrap();
    fs::write(at("rounds/part-000003.parquet"), b"PAR1").unwrap();
    fs::write(at("tmp/agents-round-000003.s00.parquet.1-1"), b"PAR1 half").unwrap();
    fs::create_dir(at("tmp/folder")).unwrap();
    fs::write(at("agents/my-notes.parquet"), b"mine").unwrap();
    fs::write(at("journal/round-000003.log"), b"paid").unwrap();
    let before = RunDir::open(&path).unwrap().verify();
    assert_eq!(before.problems.len(), 5, "{:?}", before.problems);
    assert_eq!(RunDir::open(&path).unwrap().state().unwrap(), RunState::Crashed);

    let mut run = WritableRun::open(&path).unwrap();
    assert!(!at("agents/round-000003.s00.parquet").exists());
    assert!(!at("rounds/part-000003.parquet").exists());
    assert_eq!(fs::read_dir(at("tmp")).unwrap().count(), 0);
    assert!(at("agents/my-notes.parquet").exists(), "the user's files stay");
    assert!(at("journal/round-000003.log").exists(), "what was paid stays");
    fs::remove_file(at("agents/my-notes.parquet")).unwrap();
    run.commit(output(3)).unwrap();
    drop(run);
    assert!(RunDir::open(&path).unwrap().verify().is_whole());
}

#[test]
fn a_round_whose_record_is_lost_is_played_again() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 2).path().to_owned();
    fs::remove_file(path.join("commits/round-000002.json")).unwrap();
    let mut run = WritableRun::open(&path).unwrap();
    assert_eq!(run.next_round(), 2);
    assert!(!path.join("agents/round-000002.s00.parquet").exists());
    run.commit(output(2)).unwrap();
    drop(run);
    assert!(RunDir::open(&path).unwrap().verify().is_whole());
}

#[test]
fn a_broken_record_stops_everything_before_a_file_is_removed() {
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 2).path().to_owned();
    for (name, text) in [("round-000001.json", "{"), ("round-000000.json", "")] {
        fs::write(path.join("commits").join(name), text).unwrap();
        let error = WritableRun::open(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(path.join("agents/round-000001.s00.parquet").exists());
    }
    fs::remove_file(path.join("commits/round-000000.json")).unwrap();
    let error = WritableRun::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("it is missing, and later rounds exist"), "{error}");
}

#[test]
fn an_unfinished_creation_is_no_run() {
    let out = tempfile::tempdir().unwrap();
    let path = new_run(out.path(), "r").path().to_owned();
    fs::remove_file(path.join("manifest.json")).unwrap();
    assert!(matches!(WritableRun::open(&path), Err(Error::NotARun { .. })));
    assert!(matches!(RunDir::open(&out.path().join("nowhere")), Err(Error::NotARun { .. })));
}

/// Kills a process at any moment of its writing, many times, and goes on each time.
#[test]
fn a_killed_process_loses_no_committed_round() {
    if let Ok(path) = env::var(CHILD_RUN) {
        play_until_killed(Path::new(&path));
    }
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 0).path().to_owned();
    let mut last = 0;
    for lives in 1..=6 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::a_killed_process_loses_no_committed_round", "--nocapture"])
            .env(CHILD_RUN, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let committed = said.map_while(Result::ok).filter_map(|line| {
            line.strip_prefix("committed ").and_then(|round| round.parse::<u32>().ok())
        });
        let seen = committed.take(lives).last().expect("the child commits rounds");
        child.kill().unwrap();
        child.wait().unwrap();
        let run = WritableRun::open(&path).unwrap();
        let now = run.last_round().unwrap();
        assert!(now >= seen && now > last, "{now} rounds, {seen} were said to be committed");
        last = now;
        drop(run);
        let report = RunDir::open(&path).unwrap().verify();
        assert!(report.is_whole(), "{:?}", report.problems);
    }
}

fn play_until_killed(path: &Path) -> ! {
    let mut run = WritableRun::open(path).unwrap();
    loop {
        let round = run.next_round();
        run.commit(output(round)).unwrap();
        println!("committed {round}");
    }
}
