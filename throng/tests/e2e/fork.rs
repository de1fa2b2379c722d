//! Forks: what stays the same is the parent's bit for bit and asked of nobody, what changes is asked, and no more.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use throng_data::{Projection, RunDir};
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, serve};

use super::{Place, Ran};

const AGENTS: u64 = 400;
const ROUNDS: u64 = 4;

fn mock(options: MockOptions) -> Mock {
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// A game of two backgrounds, a quarter of them teachers.
fn game(url: &str) -> String {
    format!(
        "[run]\nscenario = \"guessing-game\"\nagents = {AGENTS}\nrounds = {ROUNDS}\nreport = false\n\
         failed_replies_max = 1.0\n\
         [[models]]\nkind = \"openai\"\nmodel = \"mock\"\nendpoints = [{{ url = \"{url}\" }}]\n\
         [[backgrounds]]\nname = \"teacher\"\ntext = \"You teach.\"\nshare = 0.25\n\
         [[backgrounds]]\nname = \"painter\"\ntext = \"You paint.\"\nshare = 0.75\n"
    )
}

/// A place with a finished run `p`.
fn parent(mock: &Mock) -> Place {
    let place = Place::new().with("my.toml", game(&mock.url()));
    place.run(&["run", "my.toml", "--run-id", "p"]).done();
    place
}

fn last(ran: &Ran) -> Value {
    ran.json().pop().unwrap()
}

fn hash(ran: &Ran) -> String {
    last(ran)["state_hash"].as_str().unwrap().to_owned()
}

fn state(place: &Place, run: &str) -> Value {
    place.run(&["status", run, "--json"]).done().json().pop().unwrap()["state_hash"].clone()
}

/// Everything that a run can be asked about itself.
fn check_whole(place: &Place, run: &str) {
    place.run(&["verify", run]).done();
    place.run(&["replay", run]).done();
}

#[test]
fn without_a_change_a_fork_is_its_parent_and_needs_no_server() {
    let mock = mock(MockOptions::default());
    let place = parent(&mock);
    drop(mock);
    for at in ["0", "1", "3", "4"] {
        let id = format!("f{at}");
        let ran = place.run(&["fork", "p", "--at", at, "--run-id", &id, "--json"]).done();
        assert_eq!(Value::from(hash(&ran)), state(&place, "p"), "at {at}");
        place.run(&["diff", "p", &id]).done();
        check_whole(&place, &id);
        assert!(!place.path().join("runs").join(&id).join("parent").exists(), "it is done");
    }
    // A fork stands on its own, and can be forked.
    std::fs::rename(place.path().join("runs/p"), place.path().join("elsewhere")).unwrap();
    check_whole(&place, "f1");
    let ran = place.run(&["fork", "f1", "--at", "2", "--run-id", "g", "--json"]).done();
    assert_eq!(Value::from(hash(&ran)), state(&place, "f3"));
    check_whole(&place, "g");
    let status = place.run(&["status", "g", "--json"]).done().json().pop().unwrap();
    assert_eq!(
        (&status["parent"]["run_id"], &status["parent"]["round"]),
        (&"f1".into(), &2.into())
    );
}

#[test]
fn failed_replies_of_a_parent_fail_in_its_fork() {
    let faults = Faults::only(Fault::ServerError, 0.5);
    let mock = mock(MockOptions { faults, ..MockOptions::default() });
    let place = Place::new().with("my.toml", game(&mock.url()));
    let hasty = ["--set", "models.0.patience.attempts_on_500_max=1"];
    place.run(&[&["run", "my.toml", "--run-id", "p"][..], &hasty].concat()).done();
    drop(mock);
    place.run(&["fork", "p", "--at", "1", "--run-id", "f"]).done();
    assert_eq!(state(&place, "p"), state(&place, "f"));
    let failed = |run: &str| {
        let path = place.path().join("runs").join(run);
        RunDir::open(&path).unwrap().commit(3).unwrap().accounting.failed_total()
    };
    assert!(failed("p") > 0 && failed("p") == failed("f"), "{} {}", failed("p"), failed("f"));
    check_whole(&place, "f");
}

#[test]
fn only_those_whose_prompts_change_are_asked() {
    let mock = mock(MockOptions::default());
    let place = parent(&mock);
    let before = mock.counts();
    assert_eq!(before.choices, AGENTS * ROUNDS);
    let change = "backgrounds.0.text=You teach game theory.";
    let fork = ["fork", "p", "--at", "2", "--set", change, "--json", "--run-id"];
    let ran = place.run(&[&fork[..], &["f", "--rounds", "3"]].concat()).done();
    // A quarter of the agents is told something else, and nobody else is asked.
    assert_eq!(mock.counts().choices - before.choices, AGENTS / 4);
    let round = &ran.json()[0];
    assert_eq!((&round["round"], &round["groups"]["all"]["answered"]), (&3.into(), &AGENTS.into()));
    check_whole(&place, "f");
    let ended = place.run(&["diff", "p", "f", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.told());
    assert_eq!(ended.json()[0]["first"]["round"], 3, "{}", ended.out);
    // What was reused cost nothing here, and is in the fork's own table of calls.
    let run = RunDir::open(&place.path().join("runs/f")).unwrap();
    let calls = run.read("calls", 3, Projection::All).unwrap();
    assert_eq!(calls.rows() as u64, AGENTS);
    let tokens = calls.column("prompt_tokens").unwrap();
    let free = (0..calls.rows()).filter(|&row| tokens.values.integer(row) == Some(0)).count();
    assert_eq!(free as u64, AGENTS * 3 / 4);
    // The same question is not paid a second time by a fork of the fork.
    let paid = mock.counts().choices;
    place.run(&["fork", "f", "--at", "2", "--run-id", "g"]).done();
    assert_eq!(mock.counts().choices, paid);
    assert_eq!(state(&place, "f"), state(&place, "g"));
    check_whole(&place, "g");
}

#[test]
fn a_fork_that_was_killed_goes_on_like_any_run() {
    let latency = Latency::Constant(Duration::from_millis(2));
    let mock = mock(MockOptions { latency, ..MockOptions::default() });
    let place = parent(&mock);
    let change = ["--set", "scenario.note=rational", "--set", "bridge.in_flight_max=4"];
    let fork =
        [&["fork", "p", "--at", "2", "--json", "--run-id"][..], &["whole"], &change].concat();
    let before = mock.counts();
    let whole = hash(&place.run(&fork).done());
    let (asked, choices) = (mock.counts().requests, mock.counts().choices - before.choices);
    // The rules are everyone's.
    assert_eq!(choices, AGENTS * 2);
    let fork = [&["fork", "p", "--at", "2", "--run-id", "killed"][..], &change].concat();
    let mut child =
        place.command(&fork).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while mock.counts().requests < asked + 40 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hash(&place.run(&["resume", "killed", "--json"]).done()), whole);
    let paid = mock.counts().choices - before.choices - choices;
    assert!((AGENTS * 2..=AGENTS * 2 + 4 * 16).contains(&paid), "{paid}");
    check_whole(&place, "killed");
}

#[test]
fn a_model_with_other_parameters_takes_over_after_the_shared_rounds() {
    let mock = mock(MockOptions::default());
    let place = parent(&mock);
    let before = mock.counts().choices;
    let change = ["--set", "models.0.temperature=0.5", "--set", "models.0.top_p=0.9"];
    let fork = [&["fork", "p", "--at", "3", "--run-id", "f"][..], &change].concat();
    place.run(&fork).done();
    assert_eq!(mock.counts().choices - before, AGENTS);
    check_whole(&place, "f");
    let changes = RunDir::open(&place.path().join("runs/f")).unwrap();
    let changes = changes.read("changes", 4, Projection::All).unwrap();
    assert_eq!(changes.rows() as u64, AGENTS);
    assert_eq!(changes.column("value").unwrap().values.text(7), Some("mock-from-4"));
}

#[test]
fn policies_of_a_fork_draw_the_same_numbers() {
    let place = Place::new();
    let run = ["run", "guessing-game", "--agents", "9000", "--rounds", "5", "--run-id", "p"];
    place.run(&[&run[..], &["--set", "run.report=false"]].concat()).done();
    let fork = ["fork", "p", "--at", "2", "--json", "--shards", "2", "--run-id"];
    place.run(&[&fork[..], &["same"]].concat()).done();
    assert_eq!(state(&place, "p"), state(&place, "same"));
    let changed = place.run(&[&fork[..], &["half", "--set", "scenario.ratio=1/2"]].concat()).done();
    let told = place.run(&["diff", "p", "half", "--json"]);
    assert_eq!((told.code, &told.json()[0]["first"]["round"]), (Some(1), &3.into()));
    assert_eq!(last(&changed)["rounds"], 5);
    check_whole(&place, "half");
    // A fork from the very beginning may change anything but the population.
    let other = ["fork", "p", "--at", "0", "--run-id", "z", "--set", "scenario.max=50"];
    place.run(&other).done();
    check_whole(&place, "z");
    let longer = place.run(&["fork", "p", "--at", "5", "--rounds", "7", "--json"]).done();
    assert_eq!(last(&longer)["rounds"], 7);
}

#[test]
fn what_cannot_be_forked_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let run = ["run", "guessing-game", "--agents", "200", "--rounds", "3", "--run-id", "p"];
    place.run(&run).done();
    let refused = |arguments: &[&str], words: &str| {
        let ran = place.run(&[&["fork", "p"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.told());
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
        let runs = std::fs::read_dir(place.path().join("runs")).unwrap().count();
        assert_eq!(runs, 1, "nothing is left behind");
    };
    refused(&["--at", "4"], "has committed rounds 1 to 3");
    refused(&["--at", "-1"], "unexpected argument");
    refused(&["--at", "2", "--rounds", "1"], "shares 2 rounds");
    refused(&["--at", "2", "--run-id", "p"], "already exists");
    refused(&["--at", "2", "--set", "run.agents=300"], "keeps its parent's population");
    refused(&["--at", "0", "--set", "run.seed=5"], "keeps its parent's random numbers");
    refused(&["--at", "2", "--set", "scenario.ratoi=1/2"], "did you mean `ratio`?");
    refused(&["--at", "2", "--set", "scenario.max=50"], "cannot change while a run is played");
    refused(&["--at", "2", "--set", "scenario.ratio=much"], "--set scenario.ratio=much");
    refused(&["--at", "2", "--set", "nothing.at.all=1"], "there is no key `nothing`");
    refused(&["--at", "2", "--set", "models.0.share=0.5"], "decided before round 1");
    let early = "interventions.0={ round = 2, set = { ratio = 0.5 } }";
    refused(&["--at", "2", "--set", early], "rounds 1 to 2 are the parent's");
    let resumed = place.run(&["resume", "p", "--set", "run.seed=2"]);
    assert!(resumed.err.contains("is done"), "{}", resumed.told());
    let table = place.path().join("runs/p/agents/round-000002.s00.parquet");
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let damaged = place.run(&["fork", "p", "--at", "2", "--run-id", "f"]);
    assert_eq!(damaged.code, Some(1), "{}", damaged.told());
    assert!(damaged.err.contains("agents/round-000002.s00.parquet"), "{}", damaged.err);
    assert!(!place.path().join("runs/f").exists());
}

#[test]
fn a_run_that_is_being_played_is_not_forked() {
    let place = Place::new();
    let run = ["run", "guessing-game", "--agents", "20000", "--rounds", "9999", "--run-id", "p"];
    let mut child =
        place.command(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !place.path().join("runs/p/commits/round-000002.json").exists() {
        std::thread::yield_now();
    }
    let refused = place.run(&["fork", "p", "--at", "1"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(refused.code, Some(2), "{}", refused.told());
    assert!(refused.err.contains("is being played"), "{}", refused.err);
    // A dead one is forked at any of its rounds, and interventions are refused where they are the parent's.
    place.run(&["fork", "p", "--at", "2", "--rounds", "3", "--run-id", "f"]).done();
    check_whole(&place, "f");
}

#[test]
fn a_fork_without_a_server_leaves_nothing_behind() {
    let mock = mock(MockOptions::default());
    let place = parent(&mock);
    drop(mock);
    let ran = place.run(&["fork", "p", "--at", "2", "--set", "scenario.note=rational"]);
    assert_eq!(ran.code, Some(5), "{}", ran.told());
    assert_eq!(std::fs::read_dir(place.path().join("runs")).unwrap().count(), 1);
}
