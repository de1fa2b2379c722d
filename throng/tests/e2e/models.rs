//! Models that answer in words: a run against a server, what it costs, and every way in which it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, Policy, serve};

use super::{Place, Ran};

const GAME: &str = "guessing-game";

fn mock(options: MockOptions) -> Mock {
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Plays against a server, with further arguments.
fn play(place: &Place, mock: &Mock, more: &[&str]) -> Ran {
    let url = mock.url();
    let mut arguments = vec!["run", GAME, "--model", "mock", "--endpoint", &url, "--json"];
    arguments.extend(["--run-id", "r", "--set", "run.report=false"]);
    arguments.extend(more);
    place.run(&arguments)
}

fn last(ran: &Ran) -> Value {
    ran.json().pop().unwrap()
}

fn sum(rounds: &[Value], key: &str) -> u64 {
    rounds.iter().filter_map(|round| round[key].as_u64()).sum()
}

fn signal(child: &std::process::Child, name: &str) {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[test]
fn a_game_is_played_on_a_server_and_its_accounts_are_the_server_s() {
    let (place, mock) = (Place::new(), mock(MockOptions::default()));
    let ran = play(&place, &mock, &["--agents", "5000", "--rounds", "3"]).done();
    let lines = ran.json();
    let (end, rounds) = lines.split_last().unwrap();
    assert_eq!((&end["status"], &end["rounds"]), (&"done".into(), &3.into()));
    for round in rounds {
        assert_eq!(round["groups"]["all"]["answered"], 5_000, "{round}");
    }
    // All prompts of the first round are the same, and an unknown server is asked for 16 choices at once.
    assert_eq!(rounds[0]["calls"], 5_000_u64.div_ceil(16));
    let counts = mock.counts();
    assert_eq!(counts.requests, sum(rounds, "calls"));
    assert_eq!(counts.prompt_tokens + counts.completion_tokens, sum(rounds, "tokens"));
    assert_eq!(counts.choices, 15_000);
    place.run(&["verify", "runs/r"]).done();
    let commit = std::fs::read_to_string(place.path().join("runs/r/commits/round-000001.json"));
    let commit: Value = serde_json::from_str(&commit.unwrap()).unwrap();
    assert_eq!(commit["calls"]["completions"], 5_000);
    let files: Vec<&str> = commit["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    for table in ["calls/round-000001.s00.parquet", "prompts/round-000001.s00.parquet"] {
        let rows = commit["files"].as_array().unwrap().iter().find(|file| file["path"] == table);
        // A row per completion, and one per message of the one prompt that all share.
        let expected = if table.starts_with("calls") { 5_000 } else { 2 };
        assert_eq!(rows.unwrap()["rows"], expected, "{files:?}");
    }
}

#[test]
fn answers_do_not_depend_on_threads_shards_or_faults_that_pass() {
    let hash = |options: MockOptions, more: &[&str]| {
        let (place, mock) = (Place::new(), mock(options));
        let fixed = ["--agents", "9000", "--rounds", "3", "--set", "models.0.n_max=16"];
        let ran = play(&place, &mock, &[&fixed[..], more].concat()).done();
        last(&ran)["state_hash"].as_str().unwrap().to_owned()
    };
    let plain = hash(MockOptions::default(), &[]);
    assert_eq!(plain, hash(MockOptions::default(), &["--threads", "1"]));
    assert_eq!(plain, hash(MockOptions::default(), &["--shards", "3"]));
    assert_eq!(plain, hash(MockOptions::default(), &["--set", "bridge.threads=3"]));
    let short = [Fault::Busy, Fault::ServerError, Fault::Unavailable, Fault::ResetInHead];
    let faults = Faults { retry_after_s: 0.001, ..Faults::alike(&short, 0.1) };
    assert_eq!(plain, hash(MockOptions { faults, ..MockOptions::default() }, &[]));
}

#[test]
fn a_model_in_distribution_mode_is_read_once_a_round_and_replayed_without_a_server() {
    let (place, server) = (Place::new(), mock(MockOptions::default()));
    let mode = ["--agents", "9000", "--rounds", "2", "--set", "scenario.decimals=0"];
    let model = ["--set", "models.0.distribution={}"];
    let kind = ["--set", "models.0.endpoints.0.server=sglang", "--shards", "3"];
    let ran = play(&place, &server, &[&mode[..], &model, &kind].concat()).done();
    let lines = ran.json();
    let (_, rounds) = lines.split_last().unwrap();
    let asked: Vec<_> = rounds.iter().map(|round| &round["groups"]["all"]["answered"]).collect();
    assert_eq!(asked, [9_000, 9_000]);
    // The first digit, ten times the second, and the third of a hundred; in the second round the players who
    // reported the same of 101 numbers are asked the same.
    assert_eq!((&rounds[0]["calls"], &rounds[1]["calls"]), (&11.into(), &(101 * 11).into()));
    assert_eq!(server.counts().requests, 102 * 11);
    drop(server);
    place.run(&["verify", "runs/r"]).done();
    place.run(&["replay", "runs/r", "--shards", "2"]).done();
    let text = std::fs::read_to_string(place.path().join("runs/r/run.toml")).unwrap();
    assert!(text.contains("missing_max"), "the mode is declared: {text}");

    let ran = play(&Place::new(), &mock(MockOptions::default()), &model);
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.err.contains("answers by `distribution`"), "{}", ran.err);
}

#[test]
fn questions_in_batch_files_cost_half_and_say_the_same() {
    let price = ["--set", "models.0.price={ prompt = 1.0, completion = 1.0 }", "--rounds", "2"];
    let by_file = ["--set", "models.0.batch_file={ look_every_s = 0.01 }"];
    let (direct, filed) = (Place::new(), Place::new());
    let (one, other) = (mock(MockOptions::default()), mock(MockOptions::default()));
    let agents = ["--agents", "400", "--set", "models.0.n_max=1"];
    let direct = play(&direct, &one, &[&price[..], &agents].concat()).done();
    let ran = play(&filed, &other, &[&price[..], &agents, &by_file].concat()).done();
    assert_eq!(last(&ran)["state_hash"], last(&direct)["state_hash"]);
    let cost =
        |ran: &Ran| ran.json().iter().filter_map(|round| round["cost"].as_f64()).sum::<f64>();
    assert!((2.0 * cost(&ran) - cost(&direct)).abs() < 1e-9, "{} {}", cost(&ran), cost(&direct));
    assert_eq!(sum(&ran.json(), "calls"), 800);
    filed.run(&["verify", "runs/r"]).done();
    filed.run(&["replay", "runs/r"]).done();
    assert_eq!(other.counts().choices, 800, "a replay asks nobody");

    let budget = ["--set", "budget.usd_max=0.000001"];
    let ran = play(&Place::new(), &other, &[&price[..], &agents, &by_file, &budget].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.err.contains("raise the budget"), "{}", ran.err);
}

#[test]
fn a_base_model_goes_on_with_the_prompt() {
    let (place, mock) = (Place::new(), mock(MockOptions::default()));
    let base = ["--agents", "600", "--rounds", "2", "--set", "models.0.api=completions"];
    let ran = play(&place, &mock, &base).done();
    assert_eq!(ran.json()[1]["groups"]["all"]["answered"], 600);
    place.run(&["replay", "runs/r"]).done();
}

#[test]
fn what_a_run_will_take_is_reckoned_from_its_rounds() {
    let (place, mock) = (Place::new(), mock(MockOptions::default()));
    let ran = play(&place, &mock, &["--agents", "300", "--rounds", "3"]).done();
    let rounds = ran.json();
    let requests = |round: usize| &rounds[round]["forecast"]["requests"];
    let first = |bound: &str| requests(0)[bound].as_f64().unwrap();
    assert!((first("mean") - 3.0 * rounds[0]["calls"].as_f64().unwrap()).abs() < 1e-6);
    assert!(first("low") < first("mean") && first("mean") < first("high"));
    assert_eq!(requests(2)["mean"].as_f64().unwrap().round() as u64, sum(&rounds, "calls"));
    let free = place.run(&["run", GAME, "--agents", "50", "--rounds", "1", "--json"]).done();
    assert!(free.json()[0]["forecast"].is_null());
}

#[test]
fn without_a_server_nothing_is_written() {
    let place = Place::new();
    // The port of discard, where nobody listens.
    let url = "http://127.0.0.1:9/v1";
    let ran = place.run(&["run", GAME, "--agents", "10", "--model", "m", "--endpoint", url]);
    assert_eq!(ran.code, Some(5), "{}", ran.told());
    assert!(ran.err.contains("no endpoint of the model `m` can be reached"), "{}", ran.err);
    assert!(ran.err.contains(url) && ran.err.contains("nothing was written"), "{}", ran.err);
    assert!(place.entries().is_empty());
}

#[test]
fn a_budget_stops_the_run_before_it_is_passed() {
    let (place, mock) = (Place::new(), mock(MockOptions::default()));
    // The first round takes 7 requests, the next ones up to 100 each.
    let ran = play(&place, &mock, &["--agents", "100", "--set", "budget.requests_max=40"]);
    assert_eq!(ran.code, Some(4), "{}", ran.told());
    let end = last(&ran);
    assert_eq!((&end["status"], &end["rounds"]), (&"out_of_budget".into(), &1.into()));
    assert!(mock.counts().requests <= 40, "{:?}", mock.counts());
    place.run(&["verify", "runs/r"]).done();
}

#[test]
fn a_server_that_answers_nonsense_stops_the_run() {
    let options = MockOptions {
        policy: Policy::Fixed("I would rather not say.".to_owned()),
        ..MockOptions::default()
    };
    let (place, mock) = (Place::new(), mock(options));
    let ran = play(&place, &mock, &["--agents", "200"]);
    assert_eq!(ran.code, Some(3), "{}", ran.told());
    assert!(ran.err.contains("run.toml` asks the servers what is wrong"), "{}", ran.told());
    assert_eq!(last(&ran)["status"], "too_many_failures");
    let some = play(
        &Place::new(),
        &mock,
        &["--agents", "200", "--rounds", "1", "--set", "run.failed_replies_max=1"],
    );
    let round = &some.done().json()[0];
    assert_eq!(
        (&round["groups"]["all"]["answered"], &round["groups"]["all"]["failed"]),
        (&0.into(), &200.into())
    );
}

#[test]
fn a_key_is_sent_to_the_server_and_written_nowhere() {
    const KEY: &str = "sk-abcdef0123456789abcdef";
    let options = MockOptions { key: Some(KEY.to_owned()), ..MockOptions::default() };
    let mock = mock(options);
    let file = format!(
        "[run]\nscenario = \"{GAME}\"\nagents = 50\nrounds = 2\n[[models]]\nkind = \"openai\"\nmodel = \"mock\"\n\
         endpoints = [{{ url = \"{}\", api_key_env = \"MOCK_KEY\" }}]\n",
        mock.url()
    );
    let place = Place::new().with("my.toml", file);
    let run = |key: Option<&str>| {
        let mut command = place.command(&["run", "my.toml", "--run-id", "r"]);
        command.env_remove("MOCK_KEY").envs(key.map(|key| ("MOCK_KEY", key)));
        Ran::new(command.output().unwrap())
    };
    let unset = run(None);
    assert_eq!(unset.code, Some(2), "{}", unset.told());
    assert!(unset.err.contains("`MOCK_KEY` is not set"), "{}", unset.err);
    let wrong = run(Some("sk-wrong0123456789wrong"));
    assert_eq!(wrong.code, Some(5), "{}", wrong.told());
    assert!(wrong.err.contains("does not accept the key"), "{}", wrong.err);
    assert_eq!(place.entries(), ["my.toml"]);
    let ran = run(Some(KEY)).done();
    assert!(!ran.told().contains(&KEY[3..]), "{}", ran.told());
    let found =
        std::process::Command::new("grep").args(["-r", "-a", &KEY[3..]]).arg(place.path()).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "");
}

#[test]
fn models_may_be_mixed_and_scripted() {
    let file = format!(
        "[run]\nscenario = \"{GAME}\"\nagents = 1000\nrounds = 2\n\
         [[models]]\nname = \"words\"\nkind = \"scripted\"\nanswers = [\"10\", \"20\"]\nshare = 0.5\n\
         [[models]]\nname = \"theory\"\npolicy = \"equilibrium\"\nshare = 0.5\n"
    );
    let place = Place::new().with("my.toml", file);
    let ran = place.run(&["run", "my.toml", "--json"]).done();
    let round = &ran.json()[0];
    assert_eq!(round["groups"]["all"]["answered"], 1_000);
    assert_eq!(round["groups"]["model:words"]["n"], 500, "{round}");
    // The resolved configuration of the run is one that plays the same.
    let run = std::fs::read_dir(place.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let again = place.run(&["run", run.join("run.toml").to_str().unwrap(), "--json"]).done();
    assert_eq!(last(&again)["state_hash"], last(&ran)["state_hash"]);
}

#[test]
fn a_plan_is_what_the_run_then_takes_and_costs_nothing() {
    let (place, mock) = (Place::new(), mock(MockOptions::default()));
    let url = mock.url();
    let arguments = ["--agents", "3000", "--rounds", "2", "--model", "mock", "--endpoint", &url];
    let plan = place.run(&[&["plan", GAME, "--json"], &arguments[..]].concat()).done();
    assert_eq!(mock.counts().requests, 0, "a plan asks for no completion");
    assert!(place.entries().is_empty());
    let ran = place.run(&[&["run", GAME, "--json"], &arguments[..]].concat()).done();
    let planned = &plan.json()[0]["forecast"];
    assert_eq!(planned["counted"], true);
    assert_eq!(planned["requests"]["mean"].as_f64(), ran.json()[0]["calls"].as_f64());
    let whole = &last(&plan)["forecast"];
    let tokens = mock.counts().prompt_tokens as f64;
    let (low, high) = (&whole["prompt_tokens"]["low"], &whole["prompt_tokens"]["high"]);
    assert!(
        low.as_f64().unwrap() * 0.9 <= tokens && tokens <= high.as_f64().unwrap() * 1.1,
        "{whole} {tokens}"
    );
    let told = place.run(&[&["plan", GAME, "--offline"], &arguments[..]].concat()).done();
    assert!(
        told.out.contains("nothing was paid") && told.out.contains("from bytes"),
        "{}",
        told.out
    );
    let free = place.run(&["plan", GAME]).done();
    assert!(free.out.contains("the run costs nothing"), "{}", free.out);
}

#[test]
fn ctrl_c_waits_for_the_calls_in_flight_and_sends_no_more() {
    let latency = Latency::Constant(Duration::from_millis(300));
    let (place, mock) = (Place::new(), mock(MockOptions { latency, ..MockOptions::default() }));
    let url = mock.url();
    let arguments =
        ["run", GAME, "--agents", "2000", "--model", "mock", "--endpoint", &url, "--json"];
    let slowly = ["--set", "bridge.in_flight_max=1", "--set", "models.0.n_max=1"];
    let mut child = place
        .command(&[&arguments[..], &slowly].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As slowly as the requests come, there is time to ask again and again.
    while mock.counts().requests < 2 {
        std::thread::yield_now();
    }
    signal(&child, "-INT");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let code = child.wait().unwrap().code();
    let end: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (code, &end["status"], &end["rounds"]),
        (Some(130), &"interrupted".into(), &0.into())
    );
    let counts = mock.counts();
    assert!(counts.requests < 20 && counts.abandoned == 0, "{counts:?}");
}

#[test]
fn the_mock_server_serves_until_it_is_asked_to_end_and_tells_what_it_counted() {
    let place = Place::new();
    let arguments = ["serve-mock", "--bind", "127.0.0.1:0", "--json", "--model", "m"];
    let mut child = place.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let url = first["url"].as_str().unwrap();
    let run = ["run", GAME, "--agents", "64", "--rounds", "1", "--model", "m", "--endpoint", url];
    place.run(&run).done();
    let file = format!(
        "[run]\nscenario = \"{GAME}\"\n[[models]]\nmodel = \"m\"\nkind = \"openai\"\nendpoints = [{{ url = \"{url}\" }}]\n"
    );
    std::fs::write(place.path().join("my.toml"), file).unwrap();
    let doctor = place.run(&["doctor", "--config", "my.toml", "--json"]).done();
    let server = &doctor.json()[0]["servers"][0];
    assert_eq!((&server["choices_of_two"], &server["constrained"]), (&2.into(), &true.into()));
    signal(&child, "-INT");
    let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(told["kind"], "served");
    assert!(told["choices"].as_u64().unwrap() >= 64, "{told}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_the_mock_server_is_told_must_make_sense() {
    let place = Place::new();
    for wrong in [
        &["--latency-ms", "NaN"][..],
        &["--fault", "busy"],
        &["--fault", "bussy=0.1"],
        &["--fault-rate", "1.5"],
        &["--slots", "0"],
        &["--n-max", "0"],
        &["--tokens-per-second", "0"],
        &["--bind", "nowhere"],
        &["--api-key-env", "NOT_SET_ANYWHERE"],
    ] {
        let ran = place.run(&[&["serve-mock"], wrong].concat());
        assert_eq!(ran.code, Some(2), "{wrong:?}: {}", ran.told());
        assert!(
            ran.err.contains(wrong[0].trim_start_matches('-').split('-').next().unwrap()),
            "{}",
            ran.err
        );
    }
}
