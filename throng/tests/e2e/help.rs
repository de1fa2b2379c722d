//! Help, versions and completions.

use crate::Place;

#[test]
fn every_command_explains_itself() {
    let commands = [
        "run",
        "fork",
        "interview",
        "check",
        "diff",
        "story",
        "list",
        "host",
        "launch",
        "node",
        "population",
        "status",
        "report",
        "verify",
        "scenarios",
        "schema",
        "completions",
        "doctor",
    ];
    let place = Place::new();
    insta::assert_snapshot!("help", place.run(&["--help"]).done().out);
    for command in commands {
        let help = place.run(&[command, "--help"]).done();
        insta::assert_snapshot!(format!("help_{command}"), help.out);
    }
}

#[test]
fn nothing_at_all_shows_examples_and_is_a_usage_error() {
    let ran = Place::new().run(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.out.is_empty());
    assert!(ran.err.contains("throng run guessing-game"));
}

#[test]
fn a_version_is_a_result() {
    let ran = Place::new().run(&["--version"]).done();
    assert_eq!(ran.out, format!("throng {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Place::new().run(&["completions", shell]).done();
        assert!(ran.out.contains("scenarios") && ran.out.contains("agents"), "{shell}");
    }
}
