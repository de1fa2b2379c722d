//! Two runs side by side, and one agent of a run, through the real binary.

use serde_json::{Value, json};
use throng_data::{Table, Values};

use crate::Place;
use crate::bad_input::refused_in;
use crate::recorded::{recorded_as, table};

/// Plays a game of 40 agents, or as further arguments say, as the run `name`.
fn play(place: &Place, name: &str, more: &[&str]) {
    let fixed = ["run", "guessing-game", "-q", "--set", "run.agents=40", "--run-id", name];
    place.run(&[&fixed[..], &["--set", "run.report=false"], more].concat()).done();
}

#[test]
fn a_diff_of_equal_runs_is_nothing_and_does_not_depend_on_shards() {
    let place = Place::new();
    play(&place, "one", &["--rounds", "3", "--agents", "9000"]);
    play(&place, "two", &["--rounds", "3", "--agents", "9000", "--shards", "2"]);
    let ran = place.run(&["diff", "one", "two"]).done();
    assert_eq!(ran.out, "the runs are equal: 4 committed rounds have the same states\n");
    let object = &place.run(&["diff", "one", "two", "--json"]).done().json()[0];
    assert_eq!((&object["equal"], &object["rounds"]), (&true.into(), &json!([])));
}

#[test]
fn a_diff_names_the_first_round_the_agents_and_the_effect() {
    let place = Place::new();
    recorded_as(&place, "one", 3, [0.0; 4], |_| Vec::new());
    recorded_as(&place, "two", 2, [0.0, 4.0, 0.0, 8.0], |_| Vec::new());
    insta::assert_snapshot!("diff", place.run(&["diff", "one", "two"]).told());
    let ran = place.run(&["diff", "one", "two", "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    insta::assert_json_snapshot!("diff_json", ran.json()[0]);
    let back = &place.run(&["diff", "two", "one", "--json"]).json()[0];
    assert_eq!(back["rounds"][0]["answer"]["mean_difference"], -3.0);
}

#[test]
fn a_diff_without_digests_of_state_compares_what_is_recorded() {
    let place = Place::new();
    recorded_as(&place, "one", 2, [0.0; 4], |_| Vec::new());
    for (name, more, code) in [("same", 0.0, 0), ("other", 1.0, 1)] {
        let path = recorded_as(&place, name, 2, [more; 4], |_| Vec::new());
        let commit = path.join("commits/round-000002.json");
        let mut record: Value = serde_json::from_slice(&std::fs::read(&commit).unwrap()).unwrap();
        record["state_hash"] = Value::Null;
        std::fs::write(&commit, record.to_string()).unwrap();
        let ran = place.run(&["diff", "one", name]);
        assert_eq!(ran.code, Some(code), "{}", ran.told());
    }
}

#[test]
fn a_diff_of_seeds_is_by_agent_and_agrees_with_the_reductions() {
    let place = Place::new();
    play(&place, "one", &["--rounds", "2"]);
    play(&place, "two", &["--rounds", "2", "--seed", "9"]);
    let object = &place.run(&["diff", "one", "two", "--json"]).json()[0];
    assert_eq!(object["manifest"][0]["field"], "seed");
    assert_eq!(object["first"]["agents"]["first"].as_array().unwrap().len(), 10);
    assert_eq!(object["rounds"].as_array().unwrap().len(), 2);
    paired_mean_is_the_difference_of_means(object);
    let text = place.run(&["diff", "one", "two"]).out;
    assert!(text.contains("more agents\n") && text.ends_with("the runs differ\n"), "{text}");
}

/// Where everybody has answered, both are the same number.
fn paired_mean_is_the_difference_of_means(object: &Value) {
    for round in object["rounds"].as_array().unwrap() {
        let figures = round["figures"].as_array().unwrap();
        let mean = figures.iter().find(|f| f["group"] == "all" && f["column"] == "mean").unwrap();
        let (of_means, paired) = (&mean["difference"], &round["answer"]["mean_difference"]);
        assert_eq!(round["answer"]["pairs"], 40, "{round}");
        assert!((of_means.as_f64().unwrap() - paired.as_f64().unwrap()).abs() < 1e-9, "{round}");
        assert!(round["answer"]["standard_error"].as_f64().unwrap() > 0.0, "{round}");
    }
}

/// Agent 2 is asked twice in every round and gets a letter; agent 0 is asked once.
fn words(round: i32) -> Vec<Table> {
    let text = |texts: &[&str]| Values::Text(texts.iter().collect());
    let calls = vec![
        ("agent", Values::I64(vec![0, 2, 2])),
        ("round", Values::I32(vec![round; 3])),
        ("prompt_hash", text(&["aa", "bb", "cc"])),
        ("attempt", Values::I32(vec![0, 0, 1])),
        ("cost_usd", Values::F64(vec![0.5, 0.125, 1e-7])),
        ("reply", text(&["10", "Let me think.\n\u{1b}[31mThirty", "30"])),
    ];
    let letters = vec![
        ("agent", Values::I64(vec![1, 2])),
        ("round", Values::I32(vec![round; 2])),
        ("from", Values::I64(vec![2, 3])),
        ("text", text(&["Good day", "Hello"])),
    ];
    let last = format!("Round {round} was quiet.");
    let prompts = vec![
        ("round", Values::I32(vec![round; 3])),
        ("prompt_hash", text(&["bb", "bb", "cc"])),
        ("message", Values::I32(vec![0, 1, 0])),
        ("role", text(&["system", "user", "user"])),
        ("text", text(&["Guess.", &last, "That is no number."])),
    ];
    vec![table("calls", calls), table("letters", letters), table("prompts", prompts)]
}

#[test]
fn a_story_has_the_rounds_the_prompts_and_replies_of_each_attempt_and_the_letters() {
    let place = Place::new();
    recorded_as(&place, "mine", 2, [0.0; 4], words);
    insta::assert_snapshot!("story", place.run(&["story", "mine", "--agent", "2"]).done().out);
    let object = &place.run(&["story", "mine", "--agent", "2", "--json"]).done().json()[0];
    insta::assert_json_snapshot!("story_json", object);
    let silent = &place.run(&["story", "mine", "--agent", "3", "--json"]).done().json()[0];
    assert_eq!(
        silent["rounds"][1],
        json!({
            "round": 2,
            "recorded": { "status": "answered", "guess": 40.0 },
            "tables": {},
            "sent": { "letters": [{ "to": 2, "text": "Hello" }] },
            "prompts": {},
        })
    );
}

#[test]
fn a_story_of_a_played_run_says_which_model_answered() {
    let place = Place::new();
    play(&place, "one", &["--rounds", "2"]);
    let object = &place.run(&["story", "one", "--agent", "39", "--json"]).done().json()[0];
    assert_eq!((&object["kind"], &object["agent"]), (&"story".into(), &39.into()));
    assert!(object["person"]["model"].is_string(), "{object}");
    assert_eq!(object["rounds"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_there_cannot_be_told_or_be_the_side_of_a_diff() {
    let place = Place::new();
    play(&place, "one", &["--rounds", "1"]);
    refused_in(&place, "story_no_such_agent", &["story", "one", "--agent", "40"]);
    refused_in(
        &place,
        "story_agent_beyond_all",
        &["story", "one", "--agent", "18446744073709551615"],
    );
    refused_in(&place, "story_agent_text", &["story", "one", "--agent", "x"]);
    refused_in(&place, "diff_no_such_run", &["diff", "one", "two"]);
    refused_in(&place, "diff_one_run", &["diff", "one"]);
}
