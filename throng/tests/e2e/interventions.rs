//! Interventions: what changes in a round is in the configuration, in the tables, and the same however often it is played.

use serde_json::Value;
use throng_data::{Projection, RunDir, Table};

use super::Place;
use super::bad_input::refused_in;

/// Two models in words and two backgrounds; something happens in every round but the first.
pub(super) const GAME: &str = r#"[run]
scenario = "guessing-game"
agents = 9000
rounds = 5
report = false

[[models]]
name = "words"
kind = "scripted"
answers = ["10", "20", "30"]
share = 0.5

[[models]]
name = "theory"
policy = "equilibrium"
share = 0.5

[[models]]
name = "chance"
policy = "uniform"
share = 0.0

[[backgrounds]]
name = "teacher"
text = "You teach."
share = 0.5

[[backgrounds]]
name = "painter"
text = "You paint."
share = 0.5

[[interventions]]
round = 4
agents = 'model = "theory"'
model = "chance"

[[interventions]]
round = 2
announcement = "Experts expect a number below 20."

[[interventions]]
round = 3
set = { ratio = "1/2" }

[[interventions]]
round = 4
agents = 'background_name = "teacher"'
background = "painter"

[[interventions]]
round = 5
agents = "sample:10"
model = "words"
"#;

fn place() -> Place {
    Place::new().with("my.toml", GAME)
}

fn hash(place: &Place, arguments: &[&str]) -> Value {
    place.run(&[arguments, &["--json"]].concat()).done().json().pop().unwrap()["state_hash"].clone()
}

/// What happened in a round.
pub(super) fn events(place: &Place, round: u32) -> Vec<String> {
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    rows(&run.read("events", round, Projection::All).unwrap())
}

/// Whom it happened to.
pub(super) fn changes(place: &Place, round: u32) -> Vec<String> {
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    let table = run.read("changes", round, Projection::All).unwrap();
    let cells = |name: &str| table.column(name).unwrap().values.clone();
    let (agents, attributes, values) = (cells("agent"), cells("attribute"), cells("value"));
    let line = |row| {
        let agent = agents.integer(row).unwrap();
        format!("{agent} {} {}", attributes.text(row).unwrap(), values.text(row).unwrap())
    };
    (0..table.rows()).map(line).collect()
}

fn rows(table: &Table) -> Vec<String> {
    let cell = |row: usize, name: &str| {
        let values = &table.column(name).unwrap().values;
        let whole = || values.integer(row).map(|whole| whole.to_string());
        values.text(row).map(str::to_owned).or_else(whole).unwrap()
    };
    let line = |row| ["what", "name", "value", "agents"].map(|name| cell(row, name)).join(" | ");
    (0..table.rows()).map(line).collect()
}

#[test]
fn they_happen_in_their_round_and_are_recorded() {
    let place = place();
    let ran = place.run(&["run", "my.toml", "--run-id", "r", "--json"]).done();
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    let events = |round| events(&place, round);
    assert_eq!(events(1), [""; 0]);
    assert_eq!(events(2), ["announcement |  | Experts expect a number below 20. | 9000"]);
    assert_eq!(events(3), ["setting | ratio | \"1/2\" | 9000"]);
    assert_eq!(
        events(4),
        [
            "model | model = \"theory\" | chance | 4500",
            "background_name | background_name = \"teacher\" | painter | 4500"
        ]
    );
    assert_eq!(events(5), ["model | sample:10 | words | 10"]);
    let lines = ran.json();
    let n = |round: usize, group: &str| lines[round - 1]["groups"][group]["n"].clone();
    assert_eq!((n(3, "model:theory"), n(3, "model:chance")), (4500.into(), 0.into()));
    assert_eq!((n(4, "model:theory"), n(4, "model:chance")), (0.into(), 4500.into()));
    assert_eq!(n(4, "background_name:painter"), Value::from(9000));
    // The target follows from the ratio of its round.
    let target = |round: usize| {
        let all = &lines[round - 1]["groups"]["all"];
        all["target"].as_f64().unwrap() / all["mean"].as_f64().unwrap()
    };
    assert!((target(2) - 2.0 / 3.0).abs() < 1e-9 && (target(3) - 0.5).abs() < 1e-9);
    place.run(&["verify", "r"]).done();
    // What was announced stood above the question, in its round only.
    let prompts = |round| {
        let table = run.read("prompts", round, Projection::All).unwrap();
        let text = table.column("text").unwrap();
        (0..table.rows()).filter(|&row| text.values.text(row).unwrap().contains("Experts")).count()
    };
    assert!(prompts(2) > 0 && prompts(1) == 0 && prompts(3) == 0);
    let changes = run.read("changes", 4, Projection::All).unwrap();
    let first = changes.column("agent").unwrap().values.integer(0).unwrap().to_string();
    let story = place.run(&["story", "r", "--agent", &first]).done();
    assert!(story.out.contains("  changes, 1 of"), "{}", story.out);
}

#[test]
fn a_disease_ends_when_its_settings_change() {
    let file = "[run]\nscenario = \"epidemic\"\nagents = 2000\nrounds = 9\nreport = false\n\
                [scenario]\nfirst_cases = 0.2\ninfection = 0.5\n\
                [[interventions]]\nround = 3\nset = { infection = 0.0, recovery = 1.0 }\n";
    let place = Place::new().with("my.toml", file);
    let lines = place.run(&["run", "my.toml", "--run-id", "r", "--json"]).done().json();
    let count =
        |round: usize, name: &str| lines[round - 1]["groups"]["all"][name].as_i64().unwrap();
    assert!(count(2, "infectious") > 100 && count(2, "susceptible") < count(1, "susceptible"));
    assert_eq!(count(3, "susceptible"), count(2, "susceptible"), "nobody is infected any more");
    assert_eq!(count(3, "infectious"), 0, "and who was has recovered");
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    let events = rows(&run.read("events", 3, Projection::All).unwrap());
    assert_eq!(events, ["setting | infection | 0.0 | 2000", "setting | recovery | 1.0 | 2000"]);
}

#[test]
fn they_are_the_same_in_any_shape_and_when_played_again() {
    let place = place();
    let plain = hash(&place, &["run", "my.toml", "--run-id", "r"]);
    let shards = ["run", "my.toml", "--shards", "2", "--threads", "1", "--run-id", "s"];
    assert_eq!(plain, hash(&place, &shards));
    place.run(&["replay", "r", "--shards", "3"]).done();
    place.run(&["diff", "r", "s"]).done();
    for at in ["0", "2", "4"] {
        let id = format!("f{at}");
        assert_eq!(plain, hash(&place, &["fork", "r", "--at", at, "--run-id", &id]), "{at}");
        place.run(&["verify", &id]).done();
        place.run(&["replay", &id]).done();
    }
    // What comes later than the last shared round may be changed.
    let later =
        ["fork", "r", "--at", "3", "--run-id", "l", "--set", "interventions.4.agents=sample:20"];
    assert_ne!(plain, hash(&place, &later));
    place.run(&["replay", "l"]).done();
}

#[test]
fn a_run_that_was_stopped_between_interventions_goes_on() {
    let place = place();
    let plain = hash(&place, &["run", "my.toml", "--run-id", "r"]);
    let budget = ["--set", "budget.requests_max=120"];
    let stopped = place.run(&[&["run", "my.toml", "--run-id", "s"][..], &budget].concat());
    assert_eq!(stopped.code, Some(4), "{}", stopped.told());
    let resumed = hash(&place, &["resume", "s", "--set", "budget.requests_max=1000000"]);
    assert_eq!(plain, resumed);
    place.run(&["verify", "s"]).done();
}

#[test]
fn what_cannot_happen_is_refused_at_once() {
    let wrong = r#"[run]
scenario = "guessing-game"
agents = 100
rounds = 3

[[models]]
policy = "level-k"

[[interventions]]
round = 4
set = { ratio = "1/2" }

[[interventions]]
round = 2

[[interventions]]
round = 2
announcement = "Nobody reads this."

[[interventions]]
round = 2
set = { ratoi = "1/2", max = 50, offset = "much" }

[[interventions]]
round = 2
set = { offset = "much" }

[[interventions]]
round = 2
agents = 'educaton = "Ph.D."'
model = "levelk"

[[interventions]]
round = 3
agents = "100"
background = "painter"

[[interventions]]
round = 3
agents = "everyone"
set = { ratio = 0.5 }
"#;
    let place = Place::new().with("my.toml", wrong);
    refused_in(&place, "interventions_wrong", &["run", "my.toml"]);
    let key = "interventions.0={ rund = 2, announcement = \"a\" }";
    let unknown = place.run(&["run", "guessing-game", "--set", key]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.told());
    assert!(unknown.err.contains("did you mean `round`?"), "{}", unknown.err);
}
