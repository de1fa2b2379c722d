//! `throng check` shows what a configuration means and writes nothing.

use crate::Place;

const FILE: &str = r#"[run]
scenario = "guessing-game"
agents = 5_000

[scenario]
ratio = "1/2"
offset = 5

[[models]]
name = "people"
policy = "human-like"
share = 0.75

[[models]]
policy = "level-k"
share = 0.25
parameters = { shares = [0.25, 0.75] }

[[backgrounds]]
name = "economist"
text = "You teach economics."

[[backgrounds]]
name = "artist"
text = "You paint."
"#;

#[test]
fn a_check_shows_the_configuration_and_three_prompts() {
    let place = Place::new().with("my.toml", FILE);
    let ran = place.run(&["check", "my.toml"]).done();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"[\d.]+ [KMGTP]iB", "[MUCH]");
    settings.add_filter(r"\d+ bytes", "[SOME] bytes");
    settings.add_filter(r"fine: [0-9a-f]{64}", "fine: [SHA-256]");
    settings.bind(|| insta::assert_snapshot!("check", ran.told()));
    assert_eq!(place.entries(), ["my.toml"]);
}

#[test]
fn what_a_check_prints_is_a_configuration_that_means_the_same() {
    let place = Place::new().with("my.toml", FILE);
    let first = place.run(&["check", "my.toml"]).done();
    let second = Place::new().with("again.toml", &first.out).run(&["check", "again.toml"]).done();
    let of = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("# Memory"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(&first.out), of(&second.out));
}

#[test]
fn a_check_as_json_is_one_object() {
    let ran = Place::new().run(&["check", "guessing-game", "--agents", "3", "--json"]).done();
    let objects = ran.json();
    assert_eq!(objects.len(), 1);
    assert_eq!((&objects[0]["schema"], &objects[0]["kind"]), (&1.into(), &"check".into()));
    assert_eq!(objects[0]["prompts"].as_array().unwrap().len(), 3);
    assert_eq!(objects[0]["config"]["scenario"]["ratio"], "2/3");
    assert_eq!(objects[0]["config_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn prompts_name_the_whole_population() {
    let ran = Place::new().run(&["check", "guessing-game", "--agents", "2_000_000"]).done();
    assert!(ran.out.contains("2000000") || ran.out.contains("2,000,000"), "{}", ran.out);
}
