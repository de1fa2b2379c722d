//! Whatever is wrong is refused before anything is computed or written, with its place and what to do.

use crate::Place;

/// Runs with one more argument list and keeps everything that is said in a snapshot.
#[track_caller]
fn refused(name: &str, arguments: &[&str]) {
    refused_in(&Place::new(), name, arguments);
}

/// Plays a file.
#[track_caller]
fn refused_file(name: &str, content: &str) {
    refused_in(&Place::new().with("my.toml", content), name, &["run", "my.toml"]);
}

#[track_caller]
fn refused_in(place: &Place, name: &str, arguments: &[&str]) {
    let before = place.entries();
    let ran = place.run(arguments);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    assert!(ran.out.is_empty(), "what is refused has no results: {}", ran.out);
    assert_eq!(place.entries(), before, "what is refused leaves nothing behind");
    let mut settings = insta::Settings::clone_current();
    // What an agent takes depends on the scenario's components.
    settings.add_filter(r"\d+ bytes", "[SOME] bytes");
    settings.add_filter(r"take [\d.]+ [KMGTP]iB", "take [MUCH]");
    settings.add_filter(r"play at most \d+ agents", "play at most [SOME] agents");
    settings.bind(|| insta::assert_snapshot!(name, ran.told()));
}

const GAME: &str = "guessing-game";

#[test]
fn populations_and_rounds_that_cannot_be() {
    refused("agents_zero", &["run", GAME, "--agents", "0"]);
    refused("agents_negative", &["run", GAME, "--agents", "-5"]);
    refused("agents_text", &["run", GAME, "--agents", "many"]);
    refused("agents_trillion", &["run", GAME, "--agents", "1000000000000"]);
    refused(
        "agents_beyond_allowed_memory",
        &["run", GAME, "--agents", "10_000_000", "--set", "run.memory_max_gib=0.5"],
    );
    refused("rounds_zero", &["run", GAME, "--rounds", "0"]);
    refused("rounds_too_many", &["run", GAME, "--rounds", "1000000"]);
    refused("seed_negative", &["run", GAME, "--seed", "-1"]);
    refused("threads_too_many", &["run", GAME, "--threads", "100000"]);
    refused("shards_zero", &["run", GAME, "--shards", "0"]);
    refused("shards_too_many", &["run", GAME, "--agents", "5000", "--shards", "3"]);
}

#[test]
fn ratios_and_ranges_that_cannot_be() {
    refused("ratio_zero", &["run", GAME, "--set", "scenario.ratio=0"]);
    refused("ratio_negative", &["run", GAME, "--set", "scenario.ratio=-1/2"]);
    refused("ratio_nan", &["run", GAME, "--set", "scenario.ratio=nan"]);
    refused("ratio_over_zero", &["run", GAME, "--set", "scenario.ratio=2/0"]);
    refused("ratio_text", &["run", GAME, "--set", "scenario.ratio=half"]);
    refused(
        "range_upside_down",
        &["run", GAME, "--set", "scenario.min=100", "--set", "scenario.max=0"],
    );
    refused("failed_replies_nan", &["run", GAME, "--set", "run.failed_replies_max=nan"]);
}

#[test]
fn names_that_nobody_knows() {
    refused("unknown_scenario", &["run", "guesing-game"]);
    refused("unknown_scenario_schema", &["schema", "auction"]);
    refused("unknown_policy", &["run", GAME, "--model", "human-lik"]);
    refused("unknown_key_set", &["run", GAME, "--set", "scenario.ration=1/2"]);
    refused("unknown_key_without_value", &["run", GAME, "--set", "scenario.ratio"]);
    refused("unknown_flag", &["run", GAME, "--agnets", "5"]);
    refused("path_through_a_value", &["run", GAME, "--set", "run.agents.most=5"]);
    refused("run_id_with_slash", &["run", GAME, "--run-id", "../mine"]);
}

#[test]
fn everything_that_is_wrong_with_a_file_is_said_at_once() {
    refused_file(
        "file_all_at_once",
        r#"[run]
scenario = "guessing-game"
agnets = 10
rounds = "five"
seed = -1

[scenario]
ratio = "2/0"
ofset = 5

[[models]]
name = "people"
policy = "human-like"
share = 0.6

[[models]]
name = "noise"
policy = "unifrom"
share = 0.5

[[models]]
name = "people"
policy = "level-k"
share = 0.1
parameters = { tau = 3, shares = [0.5, 0.6] }

[population]
size = 3
"#,
    );
}

#[test]
fn shares_that_do_not_add_up() {
    let models = |shares: [&str; 2]| {
        format!(
            "[run]\nscenario = \"guessing-game\"\n\n[[models]]\nname = \"a\"\npolicy = \"uniform\"\n{}\n\n\
             [[models]]\nname = \"b\"\npolicy = \"level-k\"\n{}\n",
            shares[0], shares[1]
        )
    };
    refused_file("shares_above_one", &models(["share = 0.6", "share = 0.5"]));
    refused_file("shares_missing", &models(["share = 0.6", ""]));
    refused_file("shares_negative", &models(["share = -0.5", "share = nan"]));
    let backgrounds = "[run]\nscenario = \"guessing-game\"\n[[backgrounds]]\nname = \"\"\nshare = 1\n\
                       [[backgrounds]]\nname = \"x\"\nshare = 0.1\n";
    refused_file("shares_of_backgrounds", backgrounds);
}

#[test]
fn files_that_are_none() {
    refused("file_missing", &["run", "missing.toml"]);
    refused("file_is_a_folder", &["run", "."]);
    refused_file("file_no_scenario", "[run]\nagents = 5\n");
    refused_file("file_empty", "");
    refused_file("file_not_toml", "[run\nagents = 5\nrounds = \n\nseed == 3\n");
    refused_file(
        "file_wrong_shapes",
        "run = 5\nscenario = []\nmodels = \"uniform\"\nbackgrounds = [1]\n",
    );
    let latin = Place::new().with("my.toml", b"[run]\n# caf\xe9\nagents = 5\n");
    refused_in(&latin, "file_not_utf8", &["run", "my.toml"]);
    let long = Place::new().with("my.toml", vec![b'#'; 10 << 20]);
    refused_in(&long, "file_10_mb", &["run", "my.toml"]);
}

#[test]
fn models_of_unknown_kinds_and_models_that_could_not_be_asked() {
    refused_file(
        "kind_openai",
        "[run]\nscenario = \"guessing-game\"\n[[models]]\nname = \"llama\"\nkind = \"openai\"\n\
         url = \"http://127.0.0.1:8000/v1\"\n",
    );
    refused_file(
        "model_in_words",
        "[run]\nscenario = \"guessing-game\"\n[budget]\nusd_max = -1.0\n[bridge]\nin_flight_max = 0\n\
         [[models]]\nname = \"llama\"\nkind = \"openai\"\ntemperature = 9\ntop_p = 0\n\
         endpoints = [{ url = \"localhost:8000\" }]\n\
         [[models]]\nkind = \"scripted\"\nname = \"nothing\"\n[[models]]\nkind = \"openai\"\n",
    );
    refused_file(
        "model_in_words_of_wrong_types",
        "[run]\nscenario = \"guessing-game\"\n[[models]]\nname = \"llama\"\nkind = \"openai\"\n\
         temperature = \"hot\"\nendpoints = \"http://127.0.0.1:8000/v1\"\nshare = \"half\"\n",
    );
    refused_file(
        "kind_replay",
        "[run]\nscenario = \"guessing-game\"\n[[models]]\nname = \"again\"\nkind = \"replay\"\nrun = \"x\"\n",
    );
    refused_file(
        "kind_unknown",
        "[run]\nscenario = \"guessing-game\"\n[[models]]\npolicy = \"uniform\"\nkind = \"polcy\"\n",
    );
}

#[test]
fn secrets_are_refused_and_never_shown() {
    let key = "sk-proj-abcdef0123456789";
    let file = format!(
        "[run]\nscenario = \"guessing-game\"\n\n[[models]]\nname = \"m\"\napi_key = \"{key}\"\n\n\
         [[backgrounds]]\nname = \"b\"\ntext = \"my key is {key}, keep it\"\n"
    );
    refused_file("secret_in_a_file", &file);
    refused_file("secret_in_a_broken_file", &format!("[run]\napi_key = {key}\ntoken =\n"));
    let set = format!("models.0.token={key}");
    refused("secret_in_an_argument", &["run", GAME, "--set", &set]);
    for text in [file, format!("[run\napi_key = '{key}'\n"), format!("a = {key}\n")] {
        let ran = Place::new().with("my.toml", text).run(&["run", "my.toml"]);
        assert!(!ran.told().contains("abcdef"), "{}", ran.told());
    }
}

#[test]
fn a_run_that_exists_is_not_played_again() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join("runs/mine")).unwrap();
    refused_in(&place, "run_id_exists", &["run", GAME, "--agents", "10", "--run-id", "mine"]);
}

#[test]
fn runs_that_are_none() {
    refused("status_of_nothing", &["status", "nothing"]);
    refused("verify_of_nothing", &["verify", "nothing"]);
    refused("report_of_nothing", &["report", "nothing"]);
}
