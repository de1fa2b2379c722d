//! Runs: what they print, how they are stopped, and that a seed decides them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::{Place, Ran};

const GAME: &str = "guessing-game";

#[test]
fn a_run_prints_a_line_per_round_and_a_histogram() {
    let place = Place::new();
    // Everyone answers the same, whatever the random numbers.
    let arguments = ["run", GAME, "--agents", "20000", "--rounds", "3", "--run-id", "mine"];
    let ran = place.run(&[&arguments[..], &["--model", "level-k"]].concat()).done();
    insta::assert_snapshot!("run_text", ran.out.replace('\\', "/"));
    assert!(ran.err.contains("guessing-game: 20,000 agents, 3 rounds"), "{}", ran.err);
    let report = place.path().join("runs/mine/report");
    for picture in ["round-000001.svg", "round-000002.svg", "round-000003.svg", "convergence.svg"] {
        let svg = std::fs::read_to_string(report.join(picture)).unwrap();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{picture}");
    }
}

#[test]
fn json_is_an_object_per_round_and_a_final_one() {
    let place = Place::new();
    let ran = place.run(&["run", GAME, "--agents", "1000", "--rounds", "4", "--json"]).done();
    let objects = ran.json();
    assert_eq!(objects.len(), 5);
    assert!(objects.iter().all(|object| object["schema"] == 1));
    for (round, object) in (1..).zip(&objects[..4]) {
        assert_eq!((&object["kind"], &object["round"]), (&"round".into(), &round.into()));
        let everyone = &object["groups"]["all"];
        assert_eq!((&everyone["n"], &everyone["answered"]), (&1_000.into(), &1_000.into()));
        assert!(everyone["mean"].is_number() && everyone["target"].is_number());
    }
    assert_eq!((&objects[4]["kind"], &objects[4]["status"]), (&"end".into(), &"done".into()));
    assert_eq!(objects[4]["rounds"], 4);
}

#[test]
fn one_agent_plays_and_wins() {
    let ran = Place::new().run(&["run", GAME, "--agents", "1", "--rounds", "2", "--json"]).done();
    for object in &ran.json()[..2] {
        assert_eq!(object["groups"]["all"]["winners"], 1);
    }
}

#[test]
fn a_seed_decides_a_run_and_threads_do_not() {
    let state = |seed: &str, threads: &str| {
        let arguments = [
            "run",
            GAME,
            "--agents",
            "30000",
            "--rounds",
            "3",
            "--json",
            "--seed",
            seed,
            "--threads",
            threads,
        ];
        let ran = Place::new().run(&arguments).done();
        ran.json()[3]["state_hash"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("7", "1"), state("7", "3"));
    assert_ne!(state("7", "1"), state("8", "1"));
}

#[test]
fn quiet_runs_say_nothing_and_verbose_ones_name_every_group() {
    let quiet = Place::new().run(&["run", GAME, "--agents", "100", "-q"]).done();
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    let file = "[run]\nscenario = \"guessing-game\"\nagents = 1000\nrounds = 1\n\
                [[models]]\nname = \"people\"\npolicy = \"human-like\"\n[[models]]\npolicy = \"uniform\"\n";
    let place = Place::new().with("my.toml", file);
    let verbose = place.run(&["run", "my.toml", "-v"]).done();
    assert!(verbose.out.contains("model:people") && verbose.out.contains("model:uniform"));
}

#[test]
fn arguments_go_over_the_file_and_flags_over_sets() {
    let file = "[run]\nscenario = \"guessing-game\"\nagents = 100\nrounds = 1\nseed = 5\n";
    let place = Place::new().with("my.toml", file);
    let arguments = [
        "run",
        "my.toml",
        "--json",
        "--agents",
        "300",
        "--set",
        "run.agents=200",
        "--set",
        "run.rounds=2",
    ];
    let objects = place.run(&arguments).done().json();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["groups"]["all"]["n"], 300);
}

#[test]
fn a_model_of_the_file_can_play_alone() {
    let file = "[run]\nscenario = \"guessing-game\"\nagents = 100\nrounds = 1\n\
                [[models]]\nname = \"a\"\npolicy = \"uniform\"\nshare = 0.3\n\
                [[models]]\nname = \"b\"\npolicy = \"equilibrium\"\nshare = 0.7\n";
    let place = Place::new().with("my.toml", file);
    let ran = place.run(&["run", "my.toml", "--json", "--model", "b"]).done();
    assert_eq!(ran.json()[0]["groups"]["all"]["max"], 0.0);
    let ran = place.run(&["run", "my.toml", "--json", "--model", "level-k"]).done();
    assert!(ran.json()[0]["groups"]["all"]["mean"].as_f64().unwrap() > 0.0);
}

/// A run that would take a long time, with its first line read.
fn long_run(place: &Place) -> (std::process::Child, BufReader<std::process::ChildStdout>) {
    let mut command =
        place.command(&["run", GAME, "--agents", "1000", "--rounds", "900000", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("\"round\":1"), "{line}");
    (child, reader)
}

#[test]
fn a_reader_who_leaves_ends_the_run_quietly() {
    let place = Place::new();
    let (child, reader) = long_run(&place);
    drop(reader);
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(141), ""));
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_round_and_tells_that_it_can_be_resumed() {
    let place = Place::new();
    let (child, mut reader) = long_run(&place);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut reader, &mut rest).unwrap();
    let ran = Ran::new(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.contains("press Ctrl-C again"), "{}", ran.err);
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["status"]), (&"end".into(), &"interrupted".into()));
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let place = Place::new();
    let think = "models.0.parameters.think_ms=600000";
    let arguments = ["run", GAME, "--agents", "10", "--model", "uniform", "--set", think];
    let mut child =
        place.command(&arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().contains("10 agents"));
    let interrupt = || {
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    };
    interrupt();
    assert!(notes.next().unwrap().unwrap().contains("again to stop at once"));
    interrupt();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.command(&["run", GAME, "--agents", "10", "--json"]);
    let ran = Ran::new(command.stdout(full).output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("the results cannot be written: No space left"), "{}", ran.err);
}

#[test]
fn readers_of_other_commands_may_leave_too() {
    for arguments in [&["schema"][..], &["scenarios"], &["completions", "bash"], &["--help"]] {
        let place = Place::new();
        let mut child =
            place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::new(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
