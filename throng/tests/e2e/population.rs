//! Populations: what the command prints and writes, how a run takes one, and what is refused.

use std::fs;

use serde_json::Value;

use crate::Place;
use crate::bad_input::refused_in;

const CITY: &str = r#"size = 400
seed = 7
pair = [["job", "gender"]]

[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.51 }, { name = "male", share = 0.49 }]

[[attribute]]
name = "job"
categories = ["clerk", "nurse"]

[[attribute]]
name = "age"
integer = true
normal = { mean = 45, sd = 18, min = 18, max = 90 }

[[table]]
of = ["job"]
values = [[0.25, 0.75]]

[[group]]
name = "household"
sizes = [{ members = 1, share = 0.5 }, { members = 2, share = 0.5 }]

[[background]]
file = "wording.j2"
"#;

/// A place with a specification that is all right but for one replacement.
fn city(from: &str, to: &str) -> Place {
    assert!(CITY.contains(from), "{from}");
    Place::new()
        .with("city.toml", CITY.replace(from, to))
        .with("wording.j2", "You are {{ age }}, a {{ job }}.")
}

fn round(place: &Place, arguments: &[&str]) -> Value {
    let ran = place.run(arguments).done();
    ran.json().remove(0)
}

#[test]
fn a_shipped_population_is_reported_without_a_file() {
    let ran = Place::new().run(&["population", "education"]).done();
    insta::assert_snapshot!("population_education", ran.out);
}

#[test]
fn a_population_is_written_whole_and_never_over_another() {
    let place = city("7", "7");
    let arguments = ["population", "city.toml", "--out", "people/city", "--json", "--seed", "9"];
    let object = place.run(&arguments).done().json().remove(0);
    assert_eq!((&object["kind"], &object["report"]["size"]), (&"population".into(), &400.into()));
    assert_eq!(object["report"]["seed"], 9);
    let written = place.path().join("people/city");
    for name in
        ["people/part-00.parquet", "report/report.html", "report/report.json", "population.json"]
    {
        assert!(written.join(name).is_file(), "{name}");
    }
    let page = fs::read_to_string(written.join("report/report.html")).unwrap();
    assert!(page.matches("<svg").count() == 4 && !page.contains("href"), "{page}");
    let entries = fs::read_dir(place.path().join("people")).unwrap().count();
    assert_eq!(entries, 1, "nothing unfinished stays");
    refused_in(&place, "population_exists", &arguments);
}

/// What stands between the fences of a language after a heading.
fn fenced<'a>(page: &'a str, heading: &str, language: &str) -> &'a str {
    let (_, page) = page.split_once(heading).unwrap();
    let (_, page) = page.split_once(&format!("```{language}\n")).unwrap();
    page.split_once("```").unwrap().0
}

#[test]
fn the_documented_commands_run() {
    let page = include_str!("../../../docs/populations.md");
    let city =
        fenced(page, "## A complete example", "toml").replace("size = 100000", "size = 5000");
    let place =
        Place::new().with("city.toml", city).with("run.toml", fenced(page, "## In a run", "toml"));
    let mut commands = vec!["throng run run.toml"];
    commands.extend(page.lines().filter(|line| line.starts_with("throng ")));
    assert_eq!(commands.len(), 5);
    for line in commands {
        let path = format!("{}:/usr/bin:/bin", crate::binary().parent().unwrap().display());
        let mut shell = std::process::Command::new("sh");
        let ran = shell.args(["-c", line]).env("PATH", path).current_dir(place.path()).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn a_run_takes_a_specification_and_groups_its_results() {
    let place = city("7", "7").with(
        "run.toml",
        "[run]\nscenario = \"guessing-game\"\nrounds = 2\n[population]\nspec = \"city.toml\"\n\
         groups = [\"job\", [\"job\", \"gender\"]]\n",
    );
    let first = round(&place, &["run", "run.toml", "--json", "--run-id", "a"]);
    let groups: Vec<&String> = first["groups"].as_object().unwrap().keys().collect();
    assert_eq!(
        groups,
        [
            "all",
            "job:clerk",
            "job:nurse",
            "job_gender:clerk · female",
            "job_gender:clerk · male",
            "job_gender:nurse · female",
            "job_gender:nurse · male"
        ]
    );
    assert_eq!(
        (&first["groups"]["all"]["n"], &first["groups"]["job:nurse"]["n"]),
        (&400.into(), &300.into())
    );
    place.run(&["verify", "a"]).done();
    // The resolved configuration plays the same game again, wherever it is played from.
    let config = place.path().join("runs/a/run.toml");
    let again = ["run", config.to_str().unwrap(), "--json", "--shards", "1", "--run-id", "b"];
    assert_eq!(round(&place, &again)["groups"], first["groups"]);
    fs::write(place.path().join("wording.j2"), "Another.").unwrap();
    let ran = place.run(&again[..3]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("the population has changed since"), "{}", ran.err);
}

#[test]
fn a_run_takes_a_finished_population_or_a_shipped_one() {
    let place = Place::new();
    place.run(&["population", "education", "--out", "people"]).done();
    let groups = "population.groups=[[\"education\", \"gender\"]]";
    let game = ["run", "guessing-game", "--json", "--rounds", "1", "--set", groups, "--set"];
    let of_dir = round(&place, &[&game[..], &["population.dir=people", "--run-id", "a"]].concat());
    let drawn =
        round(&place, &[&game[..], &["population.spec=education", "--run-id", "b"]].concat());
    assert_eq!(of_dir["groups"], drawn["groups"]);
    assert_eq!(of_dir["groups"]["education_gender:doctorate · female"]["n"], 100);
    place.run(&["verify", "a"]).done();
    let check = place.run(&["check", "guessing-game", "--set", "population.dir=people"]).done();
    assert!(check.out.contains("About you: You are"), "{}", check.out);
}

#[test]
fn models_answer_by_attribute_by_share_or_alone() {
    let text = "[run]\nscenario = \"guessing-game\"\nrounds = 1\nshards = 1\n\
                [[models]]\nname = \"level-k\"\n[[models]]\nname = \"human-like\"\n\
                [population]\nspec = \"occupations\"\n\
                [population.models]\nby = \"gender\"\ncases = { female = \"level-k\", male = \"human-like\" }\n";
    let place = Place::new().with("run.toml", text);
    let by_gender = round(&place, &["run", "run.toml", "--json", "--run-id", "a"]);
    assert_eq!(by_gender["groups"]["model:level-k"]["n"], 600);
    let groups = "population.groups=[\"gender\"]";
    let same = round(&place, &["run", "run.toml", "--json", "--set", groups, "--run-id", "b"]);
    assert_eq!(same["groups"]["model:level-k"]["mean"], same["groups"]["gender:female"]["mean"]);
    let shares = "population.assigns_models=false";
    let by_share = round(&place, &["run", "run.toml", "--json", "--set", shares, "--run-id", "c"]);
    assert_eq!(by_share["groups"]["model:level-k"]["n"], 600);
    assert_ne!(
        by_share["groups"]["model:human-like"]["mean"],
        by_gender["groups"]["model:human-like"]["mean"]
    );
    let alone =
        round(&place, &["run", "run.toml", "--json", "--model", "uniform", "--run-id", "d"]);
    assert_eq!(alone["groups"].as_object().unwrap().len(), 1);
    let config = place.path().join("runs/a/run.toml");
    let again = round(&place, &["run", config.to_str().unwrap(), "--json", "--run-id", "e"]);
    assert_eq!(again["groups"], by_gender["groups"]);
}

#[test]
fn shards_and_threads_see_the_same_people() {
    let place = Place::new();
    let game = |id: &str, shards: &str, threads: &str| {
        let set = ["population.spec=united-states", "population.groups=[\"region\"]"];
        let first = round(
            &place,
            &[
                "run",
                "guessing-game",
                "--rounds",
                "1",
                "--json",
                "--set",
                set[0],
                "--set",
                set[1],
                "--shards",
                shards,
                "--threads",
                threads,
                "--run-id",
                id,
            ],
        );
        let people = fs::read(place.path().join("runs").join(id).join("people/part-00.parquet"));
        (first["groups"].clone(), people.unwrap().len())
    };
    assert_eq!(game("a", "1", "1"), game("b", "3", "2"));
}

#[test]
fn a_run_is_known_by_its_people_and_not_by_where_they_lie() {
    let text =
        "[run]\nscenario = \"guessing-game\"\nrounds = 1\n[population]\nspec = \"city.toml\"\n";
    let known = || {
        let place = city("7", "7").with("run.toml", text);
        place.run(&["run", "run.toml", "--run-id", "a"]).done();
        let config = fs::read_to_string(place.path().join("runs/a/run.toml")).unwrap();
        assert!(config.contains(place.path().to_str().unwrap()), "{config}");
        place.run(&["verify", "a"]).done();
        let status = place.run(&["list", "--json"]).done();
        status.json()[0]["runs"][0]["config_sha256"].clone()
    };
    let first = known();
    assert!(first.is_string(), "{first}");
    assert_eq!(first, known());
}

#[test]
fn an_epidemic_tells_how_it_goes_in_each_region() {
    let sets = ["population.spec=united-states", "population.groups=[\"region\"]"];
    let arguments = ["run", "epidemic", "--agents", "5000", "--rounds", "3", "--json"];
    let day = |shards: &str| {
        let more = ["--set", sets[0], "--set", sets[1], "--shards", shards, "--run-id", shards];
        round(&Place::new(), &[&arguments[..], &more].concat())["groups"].clone()
    };
    let groups = day("1");
    let count = |group: &str, column: &str| groups[group][column].as_u64().unwrap();
    for column in ["susceptible", "infectious", "recovered", "home"] {
        let regions = ["Northeast", "Midwest", "South", "West"];
        let sum: u64 =
            regions.iter().map(|region| count(&format!("region:{region}"), column)).sum();
        assert_eq!(sum, count("all", column), "{groups}");
    }
    assert!(count("region:South", "susceptible") > count("region:Northeast", "susceptible"));
    assert_eq!(groups, day("2"));
}

/// Refuses a specification with one replacement, under the command that builds populations.
#[track_caller]
fn refused_city(name: &str, from: &str, to: &str) {
    let out = ["population", "city.toml", "--out", "people"];
    refused_in(&city(from, to), &format!("population_{name}"), &out);
}

#[test]
fn specifications_that_make_no_sense() {
    refused_city("shares_do_not_sum", "share = 0.49", "share = 0.4");
    refused_city("shares_negative", "share = 0.49", "share = -0.49");
    refused_city("shares_nan", "share = 0.49", "share = nan");
    refused_city("table_of_unknown", "of = [\"job\"]", "of = [\"jobs\"]");
    refused_city("table_does_not_cover", "[[0.25, 0.75]]", "[[0.25]]");
    refused_city("unknown_key", "integer = true", "integr = true");
    refused_city("wrong_type", "size = 400", "size = \"many\"");
    refused_city("not_toml", "[[table]]", "[[table]");
    refused_city("nobody", "size = 400", "size = 0");
    let impossible = "[[constraint]]\nrequire = \"job == 'baker'\"\n\n[[background]]";
    refused_city("constraint_impossible", "[[background]]", impossible);
    let never = "[[constraint]]\nrequire = \"age > 95\"\n\n[[background]]";
    refused_city("constraint_never_met", "[[background]]", never);
    let margins = "[[table]]\nof = [\"job\", \"gender\"]\nvalues = [[0, 1], [1, 0]]\n\n[[group]]";
    refused_city("fit_does_not_converge", "[[group]]", margins);
    refused_city(
        "circle",
        "normal = { mean = 45, sd = 18, min = 18, max = 90 }",
        "derived = \"age + 1\"",
    );
}

#[test]
fn numbers_of_people_that_cannot_be() {
    let with = |name: &str, flag: &str, text: &str| {
        let name = format!("population_{name}");
        refused_in(&city("7", "7"), &name, &["population", "city.toml", flag, text]);
    };
    with("agents_zero", "--agents", "0");
    with("agents_text", "--agents", "many");
    with("agents_too_many", "--agents", "10_000_000_000");
    with("seed_negative", "--seed", "-1");
    with("threads_too_many", "--threads", "5000");
    let billion = "[run]\nscenario = \"guessing-game\"\nagents = 1_000_000_000\nmemory_max_gib = 8\n\
                   [population]\nspec = \"city.toml\"\n";
    let place = city("7", "7").with("run.toml", billion);
    refused_in(&place, "population_run_of_a_billion", &["run", "run.toml"]);
}

#[test]
fn templates_that_fail() {
    let refused = |name: &str, text: &[u8]| {
        let place = city("7", "7").with("wording.j2", text);
        let out = ["population", "city.toml", "--out", "people"];
        refused_in(&place, &format!("population_{name}"), &out);
    };
    refused("template_unknown", b"You are\n{{ aeg }}.");
    refused("template_broken", b"You are {% if %}.");
    refused("template_not_utf8", b"You are \xff.");
    let forever = "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}";
    refused("template_endless", forever.as_bytes());
}

#[test]
fn population_files_that_are_none() {
    let place = Place::new();
    let refused = |place: &Place, name: &str, input: &str| {
        refused_in(place, &format!("population_{name}"), &["population", input]);
    };
    refused(&place, "missing", "gone.toml");
    refused(&place, "unknown_name", "eduction");
    refused(&place.with("latin.toml", b"about = \"caf\xe9\"\n"), "not_utf8", "latin.toml");
    refused(&city("wording.j2", "gone.j2"), "template_missing", "city.toml");
    let table = "values = [[0.25, 0.75]]";
    refused(&city(table, "file = \"gone.csv\""), "table_missing", "city.toml");
    let short = city(table, "file = \"jobs.csv\"").with("jobs.csv", "job,count\nclerk,1\nnurse\n");
    refused(&short, "table_malformed", "city.toml");
    let people = |weight: &str, name: &str, bytes: &[u8]| {
        let text = format!(
            "size = 10\npeople = {{ file = \"{name}\"{weight} }}\n[[attribute]]\nname = \"sex\"\ncolumn = {{}}\n"
        );
        Place::new().with("survey.toml", text).with(name, bytes)
    };
    let weights = people(", weight = \"w\"", "people.csv", b"sex,w\nf,1\nm,-2\n");
    refused(&weights, "people_weights", "survey.toml");
    refused(&people("", "people.parquet", b"PAR1 no more"), "people_parquet", "survey.toml");
    let gone = people("", "people.csv", b"").with(
        "survey.toml",
        "size = 10\npeople = { file = \"gone.csv\" }\n[[attribute]]\nname = \"sex\"\ncolumn = {}\n",
    );
    refused(&gone, "people_missing", "survey.toml");
    let paper = "{\n  \"total_num\": 600,\n  \"distributions\": [\n    {\"distribution_name\": \"Job\", \
                 \"categories\": [\n      {\"category_name\": \"a\", \"percentage\": 0.6},\n      \
                 {\"category_name\": \"b\", \"percentage\": 0.6}\n    ]}\n  ]\n}\n";
    refused(&Place::new().with("job.json", paper), "paper_above_one", "job.json");
}

#[test]
fn populations_that_a_run_cannot_take() {
    let refused = |name: &str, text: &str| {
        let head = "[run]\nscenario = \"guessing-game\"\n";
        let place = city("7", "7").with("run.toml", format!("{head}{text}"));
        refused_in(&place, &format!("population_run_{name}"), &["run", "run.toml"]);
    };
    refused("of_nothing", "[population]\n");
    refused("of_two", "[population]\nspec = \"city.toml\"\ndir = \"people\"\n");
    refused("dir_missing", "[population]\ndir = \"city.toml\"\n");
    refused("unknown_key", "[population]\nspce = \"city.toml\"\n");
    refused(
        "groups",
        "[population]\nspec = \"city.toml\"\ngroups = [\"jbo\", \"age\", \"job\", \"job\"]\n",
    );
    refused(
        "models",
        "[[models]]\nname = \"uniform\"\nshare = 1\n[population]\nspec = \"city.toml\"\n\
         [population.models]\nby = \"job\"\ncases = { clerk = \"unifrom\", baker = \"uniform\" }\n",
    );
    refused(
        "shares",
        "[[models]]\nname = \"uniform\"\nshare = 0.5\n[[models]]\nname = \"level-k\"\nshare = 0.5\n\
         [population]\nspec = \"city.toml\"\n\
         [population.models]\nby = \"job\"\ncases = { clerk = \"uniform\", nurse = \"level-k\" }\n",
    );
    refused("backgrounds", "[[backgrounds]]\nname = \"x\"\n[population]\nspec = \"city.toml\"\n");
    let broken = city("share = 0.49", "share = 0.4").with(
        "run.toml",
        "[run]\nscenario = \"guessing-game\"\n[population]\nspec = \"city.toml\"\n",
    );
    refused_in(&broken, "population_run_of_a_broken_one", &["run", "run.toml"]);
}
