//! Two processes cannot write one run, and a dead one holds nothing.

use crate::fixture::{output, played};
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use throng_data::{Error, Fault, RunDir, RunState, WritableRun};

/// Set for the child process that holds the run until its input ends.
const CHILD_RUN: &str = "THRONG_TEST_LOCK_RUN";

#[test]
fn two_processes_cannot_write_one_run() {
    if let Ok(path) = env::var(CHILD_RUN) {
        return hold(Path::new(&path));
    }
    let out = tempfile::tempdir().unwrap();
    let path = played(out.path(), "r", 1).path().to_owned();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "lock::two_processes_cannot_write_one_run", "--nocapture"])
        .env(CHILD_RUN, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "held"), "the child takes the lock");

    let error = WritableRun::open(&path).unwrap_err();
    assert_eq!(error.fault(), Fault::Rival);
    let Error::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*holder, format!("process {}", child.id()));
    let reader = RunDir::open(&path).unwrap();
    assert_eq!(reader.state().unwrap(), RunState::Running);
    assert!(reader.verify().is_whole(), "reading needs no lock");

    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(reader.state().unwrap(), RunState::Crashed);
    WritableRun::open(&path).unwrap().commit(output(2)).unwrap();
}

fn hold(path: &Path) {
    let _run = WritableRun::open(path).unwrap();
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
