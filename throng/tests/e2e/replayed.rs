//! Models of kind "replay": completions of an earlier run answer again, and nobody is ever called.

use serde_json::Value;
use throng_llm_bridge::mock::{Mock, MockOptions, serve};

use super::{Place, Ran};

fn mock() -> Mock {
    serve(MockOptions::default(), "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn end(ran: &Ran) -> Value {
    ran.json().pop().unwrap()
}

/// A place with a finished run `source` of a model called `mock`, whose server is gone.
fn recorded() -> (Place, Value) {
    let (place, mock) = (Place::new(), mock());
    let url = mock.url();
    let words = ["run", "guessing-game", "--agents", "200", "--rounds", "3", "--run-id", "source"];
    let model = ["--model", "mock", "--endpoint", &url, "--set", "run.report=false", "--json"];
    let ran = place.run(&[&words[..], &model].concat()).done();
    let hash = end(&ran)["state_hash"].clone();
    (place, hash)
}

fn game(more: &str) -> String {
    format!(
        "[run]\nscenario = \"guessing-game\"\nagents = 200\nrounds = 3\nreport = false\n\
         failed_replies_max = 1.0\n\
         [[models]]\nname = \"again\"\nkind = \"replay\"\nrun = \"runs/source\"\n{more}"
    )
}

#[test]
fn recorded_completions_answer_without_a_server_or_a_key() {
    let (place, hash) = recorded();
    let place = place.with("my.toml", game("model = \"mock\"\n"));
    let ran = place.run(&["run", "my.toml", "--run-id", "r", "--json"]).done();
    assert_eq!(end(&ran)["state_hash"], hash);
    assert_eq!((&ran.json()[0]["calls"], &ran.json()[0]["cost"]), (&0.into(), &0.0.into()));
    place.run(&["verify", "r"]).done();
    place.run(&["replay", "r", "--shards", "1"]).done();
    place.run(&["fork", "r", "--at", "1", "--run-id", "f"]).done();
    // The run has the completions itself: only the configuration of the source is needed again.
    let resolved = place.path().join("runs/r/run.toml");
    let again = place.run(&["run", resolved.to_str().unwrap(), "--json"]).done();
    assert_eq!(end(&again)["state_hash"], hash);
}

#[test]
fn what_was_never_recorded_fails_with_a_cause_of_its_own() {
    let (place, _) = recorded();
    let place = place.with("my.toml", game("[scenario]\nnote = \"rational\"\n"));
    let ran = place.run(&["run", "my.toml", "--run-id", "r", "--rounds", "1", "--json"]).done();
    let all = &ran.json()[0]["groups"]["all"];
    assert_eq!((&all["failed"], &all["failed_unrecorded"]), (&200.into(), &200.into()), "{all}");
    place.run(&["verify", "r"]).done();
    place.run(&["replay", "r"]).done();
}

#[test]
fn a_source_that_cannot_answer_is_refused() {
    let (place, _) = recorded();
    let refused = |content: String, words: &str| {
        std::fs::write(place.path().join("my.toml"), content).unwrap();
        let ran = place.run(&["run", "my.toml"]);
        assert_eq!(ran.code, Some(2), "{}", ran.told());
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    };
    refused(game("model = \"gpt\"\n"), "did not ask a model `gpt`");
    refused(game("temperature = 0.5\n"), "there is no key `temperature`");
    refused(game("").replace("runs/source", "runs/nowhere"), "there is no such folder");
    refused(game("").replace("run = \"runs/source\"\n", ""), "names no run");
    let policies = ["run", "guessing-game", "--agents", "10", "--run-id", "policies"];
    place.run(&policies).done();
    refused(game("").replace("runs/source", "runs/policies"), "asked no model in words");
}
