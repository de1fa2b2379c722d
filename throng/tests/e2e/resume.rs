//! Runs that end early go on where they were, and runs that have ended come out the same when played again.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, serve};

use super::{Place, Ran};

const GAME: &str = "guessing-game";
const AGENTS: u64 = 400;
const ROUNDS: u64 = 4;

fn mock(latency_ms: u64) -> Mock {
    let latency = Latency::Constant(Duration::from_millis(latency_ms));
    serve(MockOptions { latency, ..MockOptions::default() }, "127.0.0.1:0".parse().unwrap())
        .unwrap()
}

fn arguments(url: &str) -> Vec<String> {
    let (agents, rounds) = (AGENTS.to_string(), ROUNDS.to_string());
    let words = [
        &["run", GAME, "--agents", &agents, "--rounds", &rounds, "--model", "mock"][..],
        &["--endpoint", url, "--run-id", "r", "--json", "--set", "run.report=false"],
        &["--set", "bridge.in_flight_max=8"],
    ];
    words.concat().into_iter().map(str::to_owned).collect()
}

fn run(place: &Place, mock: &Mock, more: &[&str]) -> Ran {
    let words = arguments(&mock.url());
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    place.run(&words)
}

fn start(place: &Place, mock: &Mock) -> Child {
    let words = arguments(&mock.url());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn hash(ran: &Ran) -> String {
    ran.json().pop().unwrap()["state_hash"].as_str().unwrap().to_owned()
}

/// The state of a run that nothing disturbed.
fn undisturbed() -> String {
    let (place, mock) = (Place::new(), mock(0));
    let ran = run(&place, &mock, &[]).done();
    assert_eq!(mock.counts().choices, AGENTS * ROUNDS);
    hash(&ran)
}

/// Waits until the server has seen this many requests.
fn wait_for(mock: &Mock, requests: u64) {
    let begun = Instant::now();
    while mock.counts().requests < requests {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", mock.counts());
        std::thread::yield_now();
    }
}

#[test]
fn killed_at_any_time_a_run_goes_on_and_pays_only_for_what_was_in_flight() {
    let expected = undisturbed();
    for requests in [1, 7, 20, 33, 60, 111, 200, 350] {
        let (place, mock) = (Place::new(), mock(2));
        let mut child = start(&place, &mock);
        wait_for(&mock, requests);
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = place.run(&["resume", "r", "--json", "--set", "bridge.in_flight_max=8"]).done();
        assert_eq!(hash(&ran), expected, "killed after {requests} requests");
        // At most 8 requests of at most 16 choices each were in flight.
        let paid = mock.counts().choices;
        assert!((AGENTS * ROUNDS..=AGENTS * ROUNDS + 8 * 16).contains(&paid), "{requests}: {paid}");
        place.run(&["verify", "runs/r"]).done();
        let replayed = place.run(&["replay", "r"]).done();
        assert_eq!(replayed.out, "4 rounds come out bit for bit the same\n");
    }
}

#[test]
fn an_interrupted_run_goes_on_and_pays_nothing_twice() {
    let (place, mock) = (Place::new(), mock(3));
    let mut child = start(&place, &mock);
    wait_for(&mock, 120);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let ran = place.run(&["resume", "r", "--json"]).done();
    assert_eq!(hash(&ran), undisturbed());
    assert_eq!(mock.counts().choices, AGENTS * ROUNDS);
    let again = place.run(&["resume", "r"]).done();
    assert!(again.err.contains("is done: all of its 4 rounds are committed"), "{}", again.err);
}

#[test]
fn a_run_stopped_by_its_budget_goes_on_with_a_larger_one() {
    let (place, mock) = (Place::new(), mock(0));
    let ran = run(&place, &mock, &["--set", "budget.requests_max=100"]);
    assert_eq!(ran.code, Some(4), "{}", ran.told());
    let ran = place.run(&["resume", "r", "--json", "--set", "budget.requests_max=100000"]).done();
    assert_eq!(hash(&ran), undisturbed());
    assert_eq!(mock.counts().choices, AGENTS * ROUNDS);
}

#[test]
fn a_budget_of_tokens_remembers_what_an_unfinished_round_has_spent() {
    let (place, mock) = (Place::new(), mock(0));
    let ran = run(&place, &mock, &["--set", "budget.tokens_max=40000"]);
    assert_eq!(ran.code, Some(4), "{}", ran.told());
    let requests = mock.counts().requests;
    let again = place.run(&["resume", "r", "--json"]);
    assert_eq!(again.code, Some(4), "{}", again.told());
    assert!(mock.counts().requests <= requests + 1, "{:?} after {requests}", mock.counts());
}

#[test]
fn a_run_with_failures_is_replayed_without_any_server_in_any_shape() {
    let faults = Faults::only(Fault::ServerError, 0.1);
    let options = MockOptions { faults, ..MockOptions::default() };
    let mock = serve(options, "127.0.0.1:0".parse().unwrap()).unwrap();
    let place = Place::new();
    let url = mock.url();
    let words = [
        &["run", GAME, "--agents", "9000", "--rounds", "4", "--model", "mock"][..],
        &["--endpoint", &url, "--run-id", "r", "--json"],
        &["--set", "run.failed_replies_max=1", "--set", "models.0.coalesce=false"],
        &["--set", "models.0.patience.attempts_on_500_max=1"],
    ];
    let ran = place.run(&words.concat()).done();
    let failed = ran.json()[0]["groups"]["all"]["failed"].as_u64().unwrap();
    assert!((500..8_000).contains(&failed), "{failed}");
    drop(mock);
    for shape in [&["--threads", "1"][..], &["--threads", "2", "--shards", "3"]] {
        let ran = place.run(&[&["replay", "r", "--json"], shape].concat()).done();
        let told: Value = ran.json().pop().unwrap();
        assert_eq!((&told["rounds_identical"], &told["diverged"]), (&4.into(), &Value::Null));
    }
}

#[test]
fn a_run_of_policies_goes_on_after_a_kill_too() {
    let place = Place::new();
    let arguments = [
        "run",
        GAME,
        "--agents",
        "20000",
        "--rounds",
        "200",
        "--run-id",
        "r",
        "--json",
        "--set",
        "run.report=false",
    ];
    let mut child = place.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let third = place.path().join("runs/r/commits/round-000003.json");
    while !third.exists() {
        std::thread::yield_now();
    }
    let refused = place.run(&["resume", "r"]);
    assert!(
        refused.code != Some(0) && refused.err.contains("is in use by process"),
        "{}",
        refused.told()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let replayed = place.run(&["replay", "r", "--shards", "2", "--json"]).done();
    assert!(replayed.json()[0]["rounds_identical"].as_u64().unwrap() >= 3);
    let resumed = hash(&place.run(&["resume", "r", "--json"]).done());
    let whole = Place::new();
    assert_eq!(resumed, hash(&whole.run(&arguments).done()));
    place.run(&["verify", "runs/r"]).done();
}

#[test]
fn a_run_goes_on_only_as_what_it_was() {
    let (place, mock) = (Place::new(), mock(0));
    run(&place, &mock, &["--set", "budget.requests_max=40"]);
    let refused = |arguments: &[&str], words: &str| {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(2), "{}", ran.told());
        assert!(ran.err.contains(words), "{}", ran.err);
    };
    refused(&["resume", "r", "--set", "run.seed=2"], "start a new run");
    let hint = "throng fork runs/r --at ROUND --set scenario.ratio=1/2";
    refused(&["resume", "r", "--set", "scenario.ratio=1/2"], hint);
    refused(&["resume", "nowhere"], "nowhere");
    refused(&["replay", "nowhere"], "nowhere");
    let path = place.path().join("runs/r/run.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("seed = 1", "seed = 2")).unwrap();
    refused(&["resume", "r"], "it was changed");
    refused(&["replay", "r"], "it was changed");
}
