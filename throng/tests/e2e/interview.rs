//! Interviews: agents are asked from outside with what they know, the run stays as it is, and nothing is paid twice.

use std::fs;
use std::path::Path;

use serde_json::Value;
use throng_data::RunDir;
use throng_llm_bridge::mock::{Mock, MockOptions, serve};

use super::{Place, Ran};

fn mock() -> Mock {
    serve(MockOptions::default(), "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// A place with a finished run `r` of 300 agents, a third of whom a policy answers for.
fn played(mock: &Mock) -> Place {
    let url = mock.url();
    let game = format!(
        "[run]\nscenario = \"guessing-game\"\nagents = 300\nrounds = 3\nreport = false\n\
         [[models]]\nkind = \"openai\"\nmodel = \"mock\"\nendpoints = [{{ url = \"{url}\" }}]\nshare = 0.75\n\
         [[models]]\npolicy = \"level-k\"\nshare = 0.25\n\
         [[backgrounds]]\nname = \"teacher\"\ntext = \"You teach.\"\nshare = 0.5\n\
         [[backgrounds]]\nname = \"painter\"\ntext = \"You paint.\"\nshare = 0.5\n"
    );
    let place = Place::new().with("my.toml", game);
    place.run(&["run", "my.toml", "--run-id", "r"]).done();
    place
}

fn interview(place: &Place, agents: &str, more: &[&str]) -> Ran {
    let words = ["interview", "r", "--agents", agents, "--question", "How sure are you?", "--json"];
    place.run(&[&words[..], more].concat())
}

fn object(ran: &Ran) -> Value {
    ran.json().pop().unwrap()
}

/// Every file of the run but its interviews, with its content.
fn files(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("interviews") {
                folders.push(path);
            } else if path.is_file() {
                files.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn agents_answer_from_what_they_know_and_the_run_stays_as_it_is() {
    let mock = mock();
    let place = played(&mock);
    let (run, asked) = (place.path().join("runs/r"), mock.counts().choices);
    let before = files(&run);
    let scale = ["--at", "2", "--answer", "integer:1..7"];
    let told = object(&interview(&place, "model = \"mock\"", &scale).done());
    assert_eq!(mock.counts().choices - asked, 225);
    assert_eq!(told["record"]["answered"], 225);
    let state = RunDir::open(&run).unwrap().commit(2).unwrap().state_hash;
    assert_eq!(told["record"]["state_hash"].as_str(), state.as_deref());
    let numbers = told["answers"].as_array().unwrap().iter().map(|row| row["number"].as_f64());
    assert!(numbers.clone().all(|n| n.is_some_and(|n| (1.0..=7.0).contains(&n))), "{told}");
    assert_eq!(files(&run), before, "nothing of the run has changed");
    place.run(&["verify", "r"]).done();
    place.run(&["replay", "r"]).done();
    // The same interview again asks nobody.
    let paid = mock.counts().choices;
    let again = object(&interview(&place, "model = \"mock\"", &scale).done());
    assert_eq!((&again["asked_before"], mock.counts().choices), (&true.into(), paid));
    assert_eq!(again["answers"], told["answers"]);
    // Another round is another interview; a sample is always the same one.
    let sample = ["--at", "0", "--answer", "choice:yes,no", "--model", "mock"];
    let few = object(&interview(&place, "sample:10", &sample).done());
    assert_eq!(few["answers"].as_array().unwrap().len(), 10);
    let table = run.join(few["record"]["file"]["path"].as_str().unwrap());
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&table, bytes).unwrap();
    let damaged = place.run(&["verify", "r"]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.out.contains("interviews/round-000000-"), "{}", damaged.out);
}

#[test]
fn an_interview_goes_on_where_it_was_stopped() {
    let mock = mock();
    let place = played(&mock);
    let asked = mock.counts().choices;
    let budget = ["--at", "3", "--set", "budget.requests_max=20"];
    let stopped = interview(&place, "model = \"mock\"", &budget);
    assert_eq!(stopped.code, Some(1), "{}", stopped.told());
    assert!(stopped.err.contains("pays nothing twice"), "{}", stopped.err);
    // What is not finished is no part of the run, and does it no harm.
    place.run(&["verify", "r"]).done();
    interview(&place, "model = \"mock\"", &["--at", "3"]).done();
    assert_eq!(mock.counts().choices - asked, 225);
}

#[test]
fn whoever_cannot_be_asked_is_named() {
    let mock = mock();
    let place = played(&mock);
    let refused = |agents: &str, more: &[&str], words: &str| {
        let ran = interview(&place, agents, more);
        assert_eq!(ran.code, Some(2), "{}", ran.told());
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    };
    refused("all", &["--at", "1"], "policies answer for 75 of the agents");
    refused("all", &["--at", "4"], "has committed rounds 1 to 3");
    refused("300", &["--at", "1"], "there is no agent 300");
    refused("education = \"Ph.D.\"", &["--at", "1"], "no attribute `education`");
    refused("everyone", &["--at", "1"], "selects nobody");
    refused("7", &["--at", "1", "--answer", "colour"], "is no type of answer");
    refused("7", &["--at", "1", "--answer", "integer:7..1"], "--answer");
    refused("7", &["--at", "1", "--model", "gpt"], "that answer in words are mock");
    refused("7", &["--at", "1", "--set", "run.seed=1"], "only `budget` and `bridge` may change");
    let policies = ["--at", "1", "--model", "other", "--endpoint", &mock.url(), "--answer", "text"];
    let told = object(&interview(&place, "model = \"level-k\"", &policies).done());
    assert_eq!(told["record"]["answered"], 75);
    drop(mock);
    let gone =
        interview(&place, "background_name = \"teacher\"", &["--at", "1", "--model", "mock"]);
    assert_eq!(gone.code, Some(5), "{}", gone.told());
}
