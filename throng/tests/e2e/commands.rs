//! Commands that look at scenarios, runs and the machine.

use crate::Place;

#[test]
fn scenarios_are_listed_with_settings_and_policies() {
    let place = Place::new();
    insta::assert_snapshot!("scenarios", place.run(&["scenarios"]).done().out);
    let objects = place.run(&["scenarios", "--json"]).done().json();
    let game = &objects[0]["scenarios"][0];
    assert_eq!(game["name"], "guessing-game");
    assert_eq!(game["policies"][0]["name"], "human-like");
    assert!(game["settings"]["properties"]["ratio"].is_object());
}

#[test]
fn the_schema_knows_every_table_and_points_nowhere() {
    let ran = Place::new().run(&["schema", "guessing-game"]).done();
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let tables: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    let expected = [
        "backgrounds",
        "bridge",
        "budget",
        "interventions",
        "models",
        "population",
        "run",
        "scenario",
    ];
    assert_eq!(tables, expected);
    assert!(schema["properties"]["scenario"]["properties"]["ratio"].is_object());
    points_nowhere(&ran.out);
    insta::assert_snapshot!("schema", ran.out);
    let of_all = Place::new().run(&["schema"]).done().out;
    points_nowhere(&of_all);
    let schema: serde_json::Value = serde_json::from_str(&of_all).unwrap();
    let names = schema["properties"]["run"]["properties"]["scenario"]["enum"].as_array().unwrap();
    assert_eq!(schema["allOf"].as_array().unwrap().len(), names.len(), "each has its own tables");
}

/// Every reference of a schema leads to a place within it.
fn points_nowhere(text: &str) {
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    for reference in text.split("\"$ref\": \"#/").skip(1) {
        let path = reference.split('"').next().unwrap();
        assert!(!schema.pointer(&format!("/{path}")).unwrap().is_null(), "{path}");
    }
}

#[test]
fn specifications_of_populations_have_a_schema() {
    let ran = Place::new().run(&["schema", "population"]).done();
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(schema["properties"]["attribute"].is_object(), "{}", ran.out);
}

#[test]
fn a_folder_without_runs_is_an_empty_list() {
    let place = Place::new();
    let ran = place.run(&["list"]).done();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "no runs in runs\n"));
    assert_eq!(place.run(&["list", "--json"]).done().json()[0]["runs"], serde_json::json!([]));
}

#[test]
fn the_doctor_looks_at_the_machine_and_leaves_nothing_behind() {
    let place = Place::new();
    let ran = place.run(&["doctor"]);
    for line in [
        "cores",
        "memory available",
        "disk free",
        "out folder",
        "open files max",
        "NO_COLOR is set",
        "clock",
    ] {
        assert!(ran.out.contains(line), "{line}:\n{}", ran.out);
    }
    let object = &place.run(&["doctor", "--json"]).json()[0];
    assert_eq!((&object["schema"], &object["kind"]), (&1.into(), &"doctor".into()));
    assert_eq!(object["found"]["out_folder"]["writable"], true);
    assert!(place.entries().is_empty());
}

#[test]
fn the_doctor_says_when_the_output_folder_cannot_be_used() {
    let ran = Place::new().run(&["doctor", "--out", "/proc/runs"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("cannot be written"), "{}", ran.out);
}
