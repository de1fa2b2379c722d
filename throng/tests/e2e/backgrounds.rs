//! Backgrounds that a model writes: against a server, its faults, a process that is killed, and a budget.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use throng_data::{Table, Values, sha256_hex};
use throng_llm_bridge::mock::{Fault, Faults, Latency, Mock, MockOptions, Policy, serve};
use throng_population::PopulationDir;

use crate::bad_input::refused_in;
use crate::{Place, Ran};

const TOWN: &str = r#"size = 300
seed = 5

[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.5 }, { name = "male", share = 0.5 }]

[[attribute]]
name = "age"
integer = true
uniform = { min = 20, max = 80 }

[[attribute]]
name = "job"
categories = [{ name = "baker", share = 0.5 }, { name = "pilot", share = 0.5 }]

[generate]
attempts_max = 4
extra = { hobby = "What the person likes to do." }
"#;

/// In-flight requests of a process that may be killed: what it had asked for then may be lost.
const IN_FLIGHT: u64 = 4;

fn town() -> Place {
    Place::new().with("town.toml", TOWN)
}

fn mock(options: MockOptions) -> Mock {
    serve(options, "127.0.0.1:0".parse().unwrap()).unwrap()
}

fn slow() -> MockOptions {
    let latency = Latency::Constant(Duration::from_millis(10));
    MockOptions { latency, ..MockOptions::default() }
}

const GENERATE: [&str; 9] = [
    "population",
    "town.toml",
    "--json",
    "--generate",
    "--model",
    "mock",
    "--set",
    "bridge.in_flight_max=4",
    "--endpoint",
];

fn generate(place: &Place, mock: &Mock, more: &[&str]) -> Ran {
    let url = mock.url();
    let arguments = [&GENERATE[..], &[url.as_str()]].concat();
    place.run(&[&arguments[..], &["--out", "people"], more].concat())
}

fn object(ran: &Ran) -> Value {
    ran.json().remove(0)
}

fn people(place: &Place, out: &str) -> Table {
    PopulationDir::open(&place.path().join(out)).unwrap().people().unwrap()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let values = &table.column(column).unwrap().values;
    (0..table.rows()).map(|row| values.text(row).unwrap().to_owned()).collect()
}

/// The people that come out when nothing goes wrong.
fn undisturbed() -> String {
    let (place, mock) = (town(), mock(MockOptions::default()));
    generate(&place, &mock, &[]).done();
    digest(&place)
}

fn digest(place: &Place) -> String {
    sha256_hex(&std::fs::read(place.path().join("people/people/part-00.parquet")).unwrap())
}

#[test]
fn a_model_writes_everybody_s_background_and_the_accounts_are_the_server_s() {
    let (place, mock) = (town(), mock(MockOptions::default()));
    let made = object(&generate(&place, &mock, &[]).done());
    let counts = mock.counts();
    let report = &made["report"]["generation"];
    assert_eq!((&report["answered"], &report["failed"]), (&300.into(), &serde_json::json!({})));
    assert_eq!(report["model"]["name"], "mock");
    assert_eq!((&report["distinctness"]["distinct"], counts.requests), (&300.into(), 300));
    assert_eq!(made["calls"]["requests"], counts.requests);
    assert_eq!(made["calls"]["prompt_tokens"], counts.prompt_tokens);
    assert_eq!(made["calls"]["completion_tokens"], counts.completion_tokens);
    let people = people(&place, "people");
    let names: Vec<&str> = people.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "agent",
            "gender",
            "age",
            "job",
            "background",
            "background_from",
            "generated_name",
            "generated_occupation",
            "generated_hobby"
        ]
    );
    assert!(texts(&people, "background_from").iter().all(|from| from == "model"));
    let page = std::fs::read_to_string(place.path().join("people/report/report.html")).unwrap();
    assert!(page.contains("300 of 300 texts are different"), "{page}");
    // A run takes them, and tells agents who they are.
    let set = "population.dir=people";
    let check = place.run(&["check", "guessing-game", "--set", set]).done();
    let first = &texts(&people, "background")[0];
    assert!(check.out.contains(first), "{first}\n{}", check.out);
    let run = ["run", "guessing-game", "--rounds", "1", "--run-id", "r", "--set", set];
    place.run(&run).done();
    let column = |table: &Table| texts(table, "background");
    let played = throng_data::RunDir::open(&place.path().join("runs/r")).unwrap();
    let played = place.path().join(played.path()).join("people/part-00.parquet");
    let imported = throng_data::import_table(&played).unwrap();
    let told: Vec<&str> = imported.column("background").unwrap().iter().collect();
    assert_eq!(told, column(&people));
}

#[test]
fn a_killed_generation_goes_on_and_pays_nothing_twice() {
    let (place, mock) = (town(), mock(slow()));
    let url = mock.url();
    for stop_at in [40, 160] {
        let arguments = [&GENERATE[..], &[url.as_str(), "--out", "people"]].concat();
        let mut child = place.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        while mock.counts().replies < stop_at {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!place.path().join("people").exists(), "a population is whole or not there");
    }
    let made = object(&generate(&place, &mock, &[]).done());
    let counts = mock.counts();
    assert!(counts.choices <= 300 + 2 * IN_FLIGHT, "{counts:?}");
    let calls = &made["calls"];
    let (paid, reused) =
        (calls["completions"].as_u64().unwrap(), calls["reused"].as_u64().unwrap());
    assert_eq!(paid + reused, 300);
    assert!(reused >= 160 - 2 * IN_FLIGHT, "{calls}");
    assert_eq!(digest(&place), undisturbed());
}

#[test]
fn a_budget_stops_it_and_a_larger_one_goes_on() {
    let (place, mock) = (town(), mock(MockOptions::default()));
    let ran = generate(&place, &mock, &["--set", "budget.requests_max=100"]);
    assert_eq!(ran.code, Some(4), "{}", ran.told());
    assert!(ran.err.contains("the budget is spent") && ran.err.contains("larger budget"));
    assert_eq!(place.entries(), ["people.answers", "town.toml"]);
    assert_eq!(mock.counts().requests, 100);
    let made = object(&generate(&place, &mock, &["--set", "budget.requests_max=200"]).done());
    assert_eq!((&made["calls"]["reused"], mock.counts().requests), (&100.into(), 300));
    assert_eq!(digest(&place), undisturbed());
}

#[test]
fn an_interrupted_generation_waits_for_what_is_in_flight() {
    let (place, mock) = (town(), mock(slow()));
    let url = mock.url();
    let arguments = [&GENERATE[..], &[url.as_str(), "--out", "people"]].concat();
    let mut child =
        place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while mock.counts().replies < 20 {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(mock.counts().abandoned, 0);
    generate(&place, &mock, &[]).done();
    assert_eq!(mock.counts().choices, 300, "every answer is paid once");
}

#[test]
fn answers_serve_other_populations_and_nothing_is_asked_twice() {
    let (place, mock) = (town(), mock(MockOptions::default()));
    let shared = ["--answers", "answers"];
    generate(&place, &mock, &shared).done();
    std::fs::rename(place.path().join("people"), place.path().join("first")).unwrap();
    let again = object(&generate(&place, &mock, &shared).done());
    assert_eq!((&again["calls"]["requests"], &again["calls"]["reused"]), (&0.into(), &300.into()));
    assert_eq!(people(&place, "people"), people(&place, "first"));
    // Other seeds are other people: nothing of theirs is taken.
    let other = ["--answers", "answers", "--seed", "6", "--out", "other"];
    let url = mock.url();
    let arguments = [&GENERATE[..], &[url.as_str()], &other].concat();
    assert_eq!(object(&place.run(&arguments).done())["calls"]["reused"], 0);
    // Two at once would damage each other's answers.
    let held = throng_data::Journal::open_alone(&place.path().join("answers")).unwrap();
    let arguments = [&arguments[..arguments.len() - 1], &["third"]].concat();
    let refused = place.run(&arguments);
    assert_eq!(refused.code, Some(1), "{}", refused.told());
    assert!(refused.err.contains("wait for that process"), "{}", refused.err);
    drop(held);
}

#[test]
fn faults_that_pass_change_nothing_and_bad_answers_are_asked_again() {
    let passing = [Fault::Busy, Fault::ServerError, Fault::Unavailable, Fault::ResetInHead];
    let faults = Faults { retry_after_s: 0.001, ..Faults::alike(&passing, 0.1) };
    let (place, with_faults) = (town(), mock(MockOptions { faults, ..MockOptions::default() }));
    let made = object(&generate(&place, &with_faults, &[]).done());
    assert_eq!(digest(&place), undisturbed());
    let counts = with_faults.counts();
    assert_eq!((made["calls"]["requests"].as_u64(), counts.choices), (Some(counts.requests), 300));
    let faults = Faults::alike(&[Fault::WrongType], 0.2);
    let (place, babbling) = (town(), mock(MockOptions { faults, ..MockOptions::default() }));
    let made = object(&generate(&place, &babbling, &[]).done());
    let attempts = made["report"]["generation"]["at_attempt"].as_array().unwrap().clone();
    assert!(attempts[1].as_u64().unwrap() > 10, "{attempts:?}");
    let asked: u64 =
        (1..).zip(&attempts).map(|(attempt, count)| attempt * count.as_u64().unwrap()).sum();
    assert_eq!(babbling.counts().choices, asked);
}

#[test]
fn answers_that_contradict_are_asked_again_at_most_so_often() {
    // The field is called otherwise than the attribute, so that the mock guesses: half of it is wrong.
    let guessing =
        TOWN.replace("attempts_max = 4", "attempts_max = 20\nfields = { occupation = \"job\" }");
    let (place, mock) = (Place::new().with("town.toml", &guessing), mock(MockOptions::default()));
    let made = object(&generate(&place, &mock, &[]).done());
    let attempts = &made["report"]["generation"]["at_attempt"];
    assert!((110..190).contains(&attempts[0].as_u64().unwrap()), "{attempts}");
    assert!(attempts[4].as_u64().unwrap() > 0, "{attempts}");
    let rarely = guessing.replace("attempts_max = 20", "attempts_max = 1");
    let place = Place::new().with("town.toml", &rarely);
    let ran = generate(&place, &mock, &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.told());
    assert!(ran.err.contains("more than 3 people have no description"), "{}", ran.err);
    let lenient = rarely.replace("attempts_max = 1", "attempts_max = 1\nfailed_max = 1");
    let place = Place::new().with("town.toml", &lenient);
    let made = object(&generate(&place, &mock, &[]).done());
    let failed = made["report"]["generation"]["failed"]["invalid"].as_u64().unwrap();
    let nobody = texts(&people(&place, "people"), "background_from");
    assert_eq!(nobody.iter().filter(|from| *from == "nobody").count() as u64, failed);
    let people = people(&place, "people");
    let column = people.column("generated_hobby").unwrap();
    let Values::Text(_) = &column.values else { panic!("{column:?}") };
    assert_eq!(
        column.valid.as_ref().unwrap().iter().filter(|valid| !**valid).count() as u64,
        failed
    );
}

#[test]
fn without_a_server_nothing_is_written() {
    let place = town();
    let arguments = [&GENERATE[..], &["http://127.0.0.1:9/v1", "--out", "people"]].concat();
    let ran = place.run(&arguments);
    assert_eq!(ran.code, Some(5), "{}", ran.told());
    assert_eq!(place.entries(), ["town.toml"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |name: &str, more: &[&str]| {
        let arguments = [&["population", "town.toml"], more].concat();
        refused_in(&town(), &format!("backgrounds_{name}"), &arguments);
    };
    refused("without_out", &["--generate"]);
    refused("without_model", &["--generate", "--out", "people"]);
    let fixed = ["--generate", "--out", "people", "--model", "m"];
    refused("of_a_policy", &fixed);
    let with = |more: &[&'static str]| [&fixed[..], more].concat();
    refused("address", &with(&["--endpoint", "nowhere"]));
    refused(
        "budget",
        &with(&["--endpoint", "http://127.0.0.1:9/v1", "--set", "budget.usd_max=-1"]),
    );
    refused("models_missing", &with(&["--models", "gone.toml"]));
    let broken = |name: &str, from: &str, to: &str| {
        let place = Place::new().with("town.toml", TOWN.replace(from, to));
        let arguments = ["population", "town.toml", "--out", "people"];
        refused_in(&place, &format!("backgrounds_{name}"), &arguments);
    };
    broken("attempts", "attempts_max = 4", "attempts_max = 0");
    broken("unknown_key", "attempts_max", "attemps_max");
    broken("field", "attempts_max = 4", "fields = { age = \"gender\", name = \"nmae\" }");
    broken("extra", "hobby = ", "gender = ");
    let run = "[run]\nscenario = \"guessing-game\"\n[population]\nspec = \"town.toml\"\n";
    let place = town().with("run.toml", run);
    refused_in(&place, "backgrounds_run_without", &["run", "run.toml"]);
}

/// A server process; killed when dropped.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// llama.cpp's own server with a tiny model of random weights, and its address.
fn real_server(python: &Path, model: &Path) -> (Server, String) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../llm-bridge/tests/server");
    let made = Command::new(python).arg(scripts.join("make_model.py")).arg(model).status();
    assert!(made.unwrap().success());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut serve = Command::new(python);
    serve.arg(scripts.join("serve.py")).arg(model).arg(port.to_string());
    serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = serve.spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("ready")));
    (Server(process), format!("http://127.0.0.1:{port}/v1"))
}

#[test]
fn a_real_server_writes_them_with_python() {
    let Some(folder) = std::env::var_os("THRONG_TEST_VENV") else {
        eprintln!("THRONG_TEST_VENV is not set: the real server was not tested");
        return;
    };
    let town = "size = 8\n[[attribute]]\nname = \"gender\"\ncategories = [{ name = \"female\", share = 0.5 }, \
                { name = \"male\", share = 0.5 }]\n[generate]\nattempts_max = 4\nfailed_max = 1\n";
    let place = Place::new().with("town.toml", town);
    let python = Path::new(&folder).join("bin/python");
    let (_server, url) = real_server(&python, &place.path().join("tiny.gguf"));
    // Random weights say random bytes; those of ASCII are text at least.
    let bytes: Vec<String> = (128..256).map(|byte| format!("[{byte}, false]")).collect();
    let models = format!(
        "[[models]]\nkind = \"openai\"\nname = \"tiny\"\nmax_tokens = 600\n\
         endpoints = [{{ url = \"{url}\", server = \"llamacpp\", in_flight_max = 8 }}]\n\
         extra = {{ logit_bias = [{}] }}\n",
        bytes.join(", ")
    );
    let place = place.with("models.toml", models);
    let generate = |out: &str| {
        let fixed = ["population", "town.toml", "--json", "--generate", "--models", "models.toml"];
        let answers = ["--answers", "answers", "--out", out];
        object(&place.run(&[&fixed[..], &answers].concat()).done())
    };
    let made = generate("people");
    let report = &made["report"]["generation"];
    let answered = report["answered"].as_u64().unwrap();
    let failed: u64 =
        report["failed"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert!(answered >= 1 && answered + failed == 8, "{report}");
    assert!(report["distinctness"]["distinct"].as_u64() == Some(answered), "{report}");
    // Only calls that failed are made again.
    let again = &generate("again")["calls"];
    assert!(again["reused"].as_u64().unwrap() >= answered, "{again}");
    assert!(again["requests"].as_u64().unwrap() <= failed, "{again}");
}

#[test]
fn the_documented_commands_run() {
    let page = include_str!("../../../docs/backgrounds.md");
    let fenced = |heading: &str, language: &str| {
        let (_, page) = page.split_once(heading).unwrap();
        let (_, page) = page.split_once(&format!("```{language}\n")).unwrap();
        page.split_once("```").unwrap().0.to_owned()
    };
    let mock = mock(MockOptions { policy: Policy::Uniform, ..MockOptions::default() });
    let here = |text: String| text.replace("http://127.0.0.1:8000/v1", &mock.url());
    let place = Place::new()
        .with("village.toml", fenced("## A complete example", "toml"))
        .with("models.toml", here(fenced("## Models", "toml")));
    let commands: Vec<&str> = page.lines().filter(|line| line.starts_with("throng ")).collect();
    assert_eq!(commands.len(), 4);
    for line in commands {
        let path = format!("{}:/usr/bin:/bin", crate::binary().parent().unwrap().display());
        let mut shell = Command::new("sh");
        let line = here(line.to_owned());
        let ran = shell.args(["-c", &line]).env("PATH", path).current_dir(place.path()).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}
