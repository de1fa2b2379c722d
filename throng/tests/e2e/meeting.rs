//! Agents that meet, through the binary: every scenario, its exchanges, letters and networks from files.

use std::collections::BTreeMap;

use throng_data::{Projection, RunDir, Values};

use crate::Place;
use crate::bad_input::refused_in;

/// The further scenarios with a small population that plays on four shards.
const SCENARIOS: [&str; 9] = [
    "group-guessing",
    "auction",
    "chat-room",
    "opinions",
    "town",
    "segregation",
    "epidemic",
    "public-goods",
    "prisoners",
];

#[test]
fn every_scenario_plays_alike_on_any_shards_and_its_run_is_whole() {
    for scenario in SCENARIOS {
        let mut states = BTreeMap::new();
        for (shards, threads) in [("1", "1"), ("4", "2")] {
            let place = Place::new();
            let arguments = ["run", scenario, "--agents", "13000", "--rounds", "2", "--json"];
            let more = ["--shards", shards, "--threads", threads, "--run-id", "r"];
            let ran = place.run(&[&arguments[..], &more].concat()).done();
            let objects = ran.json();
            let state = objects.last().unwrap()["state_hash"].to_string();
            states.insert(shards, state);
            place.run(&["verify", "runs/r"]).done();
            for object in &objects[..objects.len() - 1] {
                let all = &object["groups"]["all"];
                let count = |name: &str| all[name].as_u64().unwrap_or(u64::MAX);
                let sum = count("answered") + count("failed") + count("not_asked");
                assert_eq!((sum, count("n")), (13_000, 13_000), "{scenario}: {object}");
            }
        }
        assert_eq!(states["1"], states["4"], "{scenario}");
    }
}

/// The whole numbers of a column of a table in a round.
fn column(place: &Place, table: &str, round: u32, name: &str) -> Vec<i64> {
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    let table = run.read(table, round, Projection::All).unwrap();
    let column = table.column(name).unwrap_or_else(|| panic!("there is no column {name}"));
    (0..table.rows()).map(|row| column.values.integer(row).unwrap()).collect()
}

#[test]
fn a_failed_first_exchange_does_not_vanish() {
    // Most answers are longer than is allowed, however often the question is repeated.
    let file = "[run]\nscenario = \"chat-room\"\nagents = 60\nrounds = 3\nfailed_replies_max = 1.0\n\
                [scenario]\nmembers = 6\ncomes = 1.0\nleaves = 0.0\n\
                [[models]]\nname = \"words\"\nkind = \"scripted\"\n\
                answers = [\"@Ben @Chloe @Dan come here!\", \"LONG\", \"LONG\", \"LONG\"]\n";
    let file = file.replace("LONG", &"This is far too long, and so on. ".repeat(40));
    let place = Place::new().with("my.toml", file);
    let ran = place.run(&["run", "my.toml", "--json", "--run-id", "r"]).done();
    place.run(&["verify", "runs/r"]).done();
    let rounds = ran.json();
    for (round, object) in (1..).zip(&rounds[..3]) {
        let all = &object["groups"]["all"];
        let count = |name: &str| all[name].as_i64().unwrap();
        let of = |name: &str| column(&place, "exchanges", round, name);
        assert_eq!(of("exchange"), [0, 1, 2]);
        for exchange in 0..3 {
            let sum = of("answered")[exchange] + of("failed")[exchange] + of("not_asked")[exchange];
            assert_eq!((sum, of("n")[exchange]), (60, 60));
        }
        let asks: i64 = of("answered").iter().chain(&of("failed")).sum();
        assert_eq!((count("exchanges"), count("asks")), (3, asks));
        assert_eq!(count("asks_failed"), of("failed").iter().sum::<i64>());
        // Everyone is asked first, and who is not mentioned never again: without its first failure it would count
        // as not asked.
        assert!(of("failed")[0] > 0, "{:?}", of("failed"));
        assert!(count("failed") >= of("failed")[0], "{all}");
        assert_eq!(count("not_asked"), 0, "everyone was asked once: {all}");
    }
}

#[test]
fn models_write_posts_and_letters_that_are_kept() {
    let file = |scenario: &str, answer: &str| {
        format!(
            "[run]\nscenario = \"{scenario}\"\nagents = 100\nrounds = 12\n[[models]]\nname = \"words\"\n\
             kind = \"scripted\"\nanswers = ['{answer}']\n"
        )
    };
    let posts = r#"{"opinion": 0.25, "post": "Listen to me."}"#;
    let place = Place::new().with("my.toml", file("opinions", posts));
    place.run(&["run", "my.toml", "--run-id", "r", "-q"]).done();
    place.run(&["verify", "runs/r"]).done();
    assert_eq!(column(&place, "posts", 2, "agent"), (0..100).collect::<Vec<_>>());
    let run = RunDir::open(&place.path().join("runs/r")).unwrap();
    let table = run.read("posts", 2, Projection::All).unwrap();
    let Values::Text(words) = &table.column("words").unwrap().values else { panic!("words") };
    assert!(words.iter().all(|words| words == "Listen to me."));
    let agents = run.read_agents(3, Projection::All).unwrap();
    let Values::F64(opinions) = &agents.column("opinion").unwrap().values else {
        panic!("opinions")
    };
    assert!(opinions.iter().all(|opinion| (opinion - 0.25).abs() < 1e-12));

    let place = Place::new().with("my.toml", file("town", "Good day."));
    place.run(&["run", "my.toml", "--run-id", "r", "-q", "--rounds", "40"]).done();
    place.run(&["verify", "runs/r"]).done();
    let written: usize = (1..=40).map(|round| column(&place, "letters", round, "from").len()).sum();
    assert!(written > 20, "{written} letters");
}

const EDGES: &str = "[run]\nscenario = \"epidemic\"\nagents = 4\nrounds = 2\n[scenario]\nfirst_cases = 1.0\n\
                     [scenario.network]\nkind = \"edges\"\nfile = \"friends.csv\"\n";

#[test]
fn a_network_comes_from_a_file_which_may_not_change_before_the_run_goes_on() {
    let ties = "from,to\n0,1\n2,3\n";
    let place = Place::new().with("my.toml", EDGES).with("friends.csv", ties);
    let ran = place.run(&["run", "my.toml", "--json", "--run-id", "r"]).done();
    let toml = std::fs::read_to_string(place.path().join("runs/r/run.toml")).unwrap();
    let absolute = place.path().canonicalize().unwrap().join("friends.csv");
    let names = [place.path().join("friends.csv"), absolute];
    assert!(names.iter().any(|name| toml.contains(name.to_str().unwrap())), "{toml}");
    assert!(toml.contains("sha256 = "), "{toml}");
    // The same configuration from anywhere plays the same.
    let again = place.run(&["run", "runs/r/run.toml", "--json"]).done();
    let state = |ran: &crate::Ran| ran.json().last().unwrap()["state_hash"].clone();
    assert_eq!(state(&again), state(&ran));
    place.run(&["replay", "runs/r"]).done();
    let place = place.with("friends.csv", "from,to\n0,2\n");
    let ran = place.run(&["run", "runs/r/run.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("the file has changed since"), "{}", ran.err);
}

#[test]
fn a_network_comes_from_parquet_too() {
    // The people of a run are a table whose columns can be ends of ties: everyone knows the one with its model.
    let place = Place::new();
    place
        .run(&["run", "prisoners", "--agents", "9", "--rounds", "1", "--run-id", "r", "-q"])
        .done();
    let file = EDGES
        .replace(
            "friends.csv\"",
            "runs/r/agents/round-000001.s00.parquet\"\nfrom = \"agent\"\nto = \"round\"",
        )
        .replace("agents = 4", "agents = 9");
    let place = place.with("my.toml", file);
    let ran = place.run(&["run", "my.toml"]);
    // Agent 1 is joined with round 1, which is itself.
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("row 2 of the ties: agent 1 cannot be its own contact"),
        "{}",
        ran.err
    );
}

#[test]
fn ties_that_cannot_be_are_refused_with_their_row() {
    let cases = [
        ("edges_unknown_agent", "from,to\n0,1\n2,4\n"),
        ("edges_self_loop", "from,to\n0,1\n3,3\n"),
        ("edges_no_number", "from,to\n0,Ada\n"),
        ("edges_no_column", "from,too\n0,1\n"),
        ("edges_lengths", "from,to\n0,1\n2\n"),
    ];
    for (name, ties) in cases {
        let place = Place::new().with("my.toml", EDGES).with("friends.csv", ties);
        refused_in(&place, name, &["run", "my.toml"]);
    }
    refused_in(&Place::new().with("my.toml", EDGES), "edges_missing", &["run", "my.toml"]);
}

#[test]
fn networks_that_cannot_be_are_refused_by_their_keys() {
    let with = |network: &str| {
        let file = format!(
            "[run]\nscenario = \"epidemic\"\nagents = 10\n[scenario.network]\n{network}\n\
             [scenario.work]\nkind = \"barabasi-albert\"\nlinks = 10\n"
        );
        Place::new().with("my.toml", file)
    };
    let cases = [
        ("network_two_at_once", "kind = \"ring\"\neach_side = 5"),
        ("network_probability", "kind = \"watts-strogatz\"\neach_side = 1\nrewired = 1.5"),
        ("network_by_nothing", "kind = \"blocks\"\nby = \"modle\"\ndegree = 2.0\naffinity = 2.0"),
        ("network_unknown_kind", "kind = \"rings\"\neach_side = 1"),
        ("network_unknown_key", "kind = \"ring\"\neach_sides = 1"),
        ("network_degree", "kind = \"erdos-renyi\"\ndegree = 10.0\ndirected = false"),
    ];
    for (name, network) in cases {
        refused_in(&with(network), name, &["run", "my.toml"]);
    }
}

#[test]
fn settings_of_scenarios_that_make_no_sense_are_refused_at_once() {
    let cases = [
        ("group-guessing", "groups = 0\nratio = nan"),
        ("auction", "form = \"dutch\"\nopening = -1\nitems = [{ name = \"x\", opening = 0 }]"),
        ("chat-room", "members = 1\nannouncements = []\ncomes = 2"),
        ("opinions", "confidence = 5\nrumour = \"\"\nunfollow = -0.5"),
        ("town", "start = \"June\"\nparks_open = 9\nparks_close = 8\nside_m = 0"),
        ("segregation", "density = 1\nfirst = 2"),
        ("epidemic", "infection = -1\nrecovery = \"slow\""),
        ("public-goods", "members = 0\nendowment = 21"),
        ("prisoners", "rounds = 0\nreward = 7"),
    ];
    for (scenario, settings) in cases {
        let file =
            format!("[run]\nscenario = \"{scenario}\"\nagents = 50\n[scenario]\n{settings}\n");
        let name = format!("settings_{}", scenario.replace('-', "_"));
        refused_in(&Place::new().with("my.toml", file), &name, &["run", "my.toml"]);
    }
    let place = Place::new();
    let full = ["run", "segregation", "--agents", "4000000000", "--set", "scenario.density=0.2"];
    let ran = place.run(&full);
    assert_eq!((ran.code, place.entries().len()), (Some(2), 0));
    assert!(ran.err.contains("a town for 4000000000 people has more than 4294967294 cells"));
}
