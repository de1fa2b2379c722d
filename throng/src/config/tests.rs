//! Configurations resolve to what they mean, and what they resolve to means the same.

use std::fmt::Write as _;
use std::io::Write as _;

use proptest::prelude::*;
use throng_systems::Scenario;

use super::*;

fn scenarios() -> Vec<Scenario> {
    throng_scenarios::all()
}

fn resolved_file(text: &str, overrides: Vec<Override>) -> Result<Resolved, ResolveError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let target = Target::File(file.path().to_owned());
    resolve(&Request { target, model: None, endpoints: Vec::new(), overrides }, &scenarios())
}

fn findings(text: &str) -> Vec<Finding> {
    match resolved_file(text, Vec::new()) {
        Ok(resolved) => panic!("it resolves to {:?}", resolved.config),
        Err(ResolveError::Config(error)) => error.findings().to_vec(),
        Err(error) => panic!("{error}"),
    }
}

fn by_name(model: Option<&str>) -> Resolved {
    let target = Target::Scenario("guessing-game".to_owned());
    let model = model.map(str::to_owned);
    resolve(&Request { target, model, endpoints: Vec::new(), overrides: Vec::new() }, &scenarios())
        .unwrap()
}

#[test]
fn a_scenario_s_name_is_a_whole_configuration() {
    let resolved = by_name(None);
    assert_eq!((resolved.config.run.agents, resolved.config.run.rounds), (1_000_000, 5));
    let names: Vec<_> = resolved.cast.models.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["human-like"]);
    assert_eq!(resolved.execution.out.to_str(), Some("runs"));
    assert!(resolved.execution.report);
}

#[test]
fn memory_is_estimated_from_components_and_columns() {
    let footprint = by_name(None).footprint;
    assert!((100..400).contains(&footprint.bytes_per_agent), "{footprint:?}");
    assert!(footprint.memory > 1_000_000 * footprint.bytes_per_agent);
    assert!(footprint.disk > 5_000_000);
}

#[test]
fn where_and_how_a_run_is_played_does_not_change_its_hash() {
    let text = "[run]\nscenario = \"guessing-game\"\n";
    let hash = |set: &[&str]| {
        let set = set.iter().map(|text| Override::set(text).unwrap()).collect();
        resolved_file(text, set).unwrap().config.sha256()
    };
    let plain = hash(&[]);
    assert_eq!(
        plain,
        hash(&["run.threads=2", "run.out=elsewhere", "run.report=false", "run.shards=2"])
    );
    assert_ne!(plain, hash(&["run.seed=2"]));
    assert_ne!(plain, hash(&["scenario.ratio=1/2"]));
}

#[test]
fn a_model_is_known_by_its_policy_and_a_policy_by_its_model() {
    assert_eq!(by_name(Some("uniform")).config.models[0].name, "uniform");
    let text = "[run]\nscenario = \"guessing-game\"\n[[models]]\nname = \"level-k\"\n";
    assert_eq!(
        resolved_file(text, Vec::new()).unwrap().config.models[0].answers,
        Answers::Policy { policy: "level-k".to_owned(), parameters: toml::Table::new() }
    );
    let text = "[run]\nscenario = \"guessing-game\"\n[[models]]\nname = \"mine\"\n";
    assert!(findings(text)[0].message.contains("says no policy"));
}

#[test]
fn every_wrong_parameter_of_every_policy_is_found() {
    let text = "[run]\nscenario = \"guessing-game\"\n\
                [[models]]\nname = \"a\"\npolicy = \"cognitive-hierarchy\"\n[models.parameters]\ntau = -1\nx = 1\n\
                [[models]]\nname = \"b\"\npolicy = \"level-k\"\n[models.parameters]\ny = 2\n";
    let found = findings(text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|finding| matches!(finding.place, Place::Span(_))));
}

#[test]
fn lists_have_limits() {
    let entries = |list: &str, count: usize| {
        let entry = |number| format!("[[{list}]]\nname = \"n{number}\"\npolicy = \"uniform\"\n");
        let entries: String = (0..count).map(entry).collect();
        let entries =
            if list == "models" { entries } else { entries.replace("policy = \"uniform\"\n", "") };
        format!("[run]\nscenario = \"guessing-game\"\nagents = 1000\n{entries}")
    };
    for (list, limit) in [("models", MODELS_MAX), ("backgrounds", BACKGROUNDS_MAX)] {
        assert!(resolved_file(&entries(list, limit), Vec::new()).is_ok());
        let found = findings(&entries(list, limit + 1));
        assert!(found[0].message.contains(&format!("the limit is {limit}")), "{found:?}");
    }
}

#[test]
fn many_findings_are_cut_short() {
    let keys: Vec<String> = (0..100).map(|key| format!("key{key} = 1")).collect();
    let error =
        resolved_file(&format!("[run]\n{}", keys.join("\n")), Vec::new()).unwrap_err().to_string();
    assert!(error.contains("there are 61 more problems"), "{error}");
}

#[test]
fn secrets_are_found_however_deep_they_lie() {
    let text = "[scenario]\na = [[{ b = { password = \"x\" } }]]\n[run]\ntoken = 5\n";
    let found = findings(text);
    let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("scenario.a.0.0.b.password")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_configuration_resolves_to_resolves_to_itself(
        agents in 1_u64..100_000,
        rounds in 1_u32..=999_999,
        seed in 0..=i64::MAX as u64,
        failed in 0.0..=1.0_f64,
        weights in prop::collection::vec(0.01..1.0_f64, 0..5),
        name in "[a-zäöü ß\"'\\\\#=\\[\\]]{0,12}",
        text in "\\PC{0,80}(\n\\PC{0,20})?",
        tau in 0.0..5.0_f64,
    ) {
        let total: f64 = weights.iter().sum();
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut file = format!(
            "[run]\nscenario = 'guessing-game'\nagents = {agents}\nrounds = {rounds}\nseed = {seed}\n\
             failed_replies_max = {failed:?}\nmemory_max_gib = 1000\n\
             [[models]]\nname = 'm'\npolicy = 'cognitive-hierarchy'\nparameters = {{ tau = {tau:?} }}\n"
        );
        for (index, weight) in weights.iter().enumerate() {
            let name = quoted(format!("{name}{index}").trim());
            write!(file,
                "[[backgrounds]]\nname = {name}\ntext = {}\nshare = {:?}\n", quoted(&text), weight / total
            ).unwrap();
        }
        let first = resolved_file(&file, Vec::new()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let again = resolved_file(&first.config.to_toml(), Vec::new())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&again.config, &first.config);
        prop_assert_eq!(again.config.sha256(), first.config.sha256());
    }

    #[test]
    fn no_file_brings_the_reader_down(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            fuzz::configuration(&text, &scenarios());
        }
    }

    #[test]
    fn no_fragment_of_toml_brings_the_reader_down(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "[run]\n", "[[models]]\n", "[scenario]\n", "agents = ", "share = ", "nan", "-1", "\"\"\n", "\n",
                "= ", "{ a = 1 }", "[", "]", "'x'\n", "token = 'x'", "name = ", "é", "\u{0}", "\"\"\"", "kind = \"openai\"\n",
                "1e400", "0x", "scenario = 'guessing-game'\n", "parameters = ", "ratio = ",
            ]),
            0..24,
        ),
    ) {
        fuzz::configuration(&pieces.concat(), &scenarios());
    }

    #[test]
    fn no_slip_of_the_pen_brings_the_reader_down(
        slips in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, any::<char>()), 0..4),
        scenario in prop::sample::select(scenarios()),
    ) {
        let mut letters: Vec<char> = format!("[run]\nscenario = '{}'\n{WRITTEN}", scenario.name).chars().collect();
        for (at, length, letter) in slips {
            let at = at.index(letters.len());
            let end = letters.len().min(at + length);
            letters.splice(at..end, [letter]);
        }
        fuzz::configuration(&letters.into_iter().collect::<String>(), &scenarios());
    }
}

/// What a configuration may hold besides the scenario that it is about.
const WRITTEN: &str = "agents = 1_000\nrounds = 9\nseed = 7\nmemory_max_gib = 1000\n\
    [[models]]\nname = 'a'\nkind = 'scripted'\nanswers = ['1', '2']\nshare = 0.25\n\
    [[models]]\nname = 'b'\nkind = 'scripted'\nanswers = ['3']\nshare = 0.75\n\
    [[backgrounds]]\nname = 'beekeeper'\ntext = 'You keep bees.'\nshare = 1.0\n\
    [[interventions]]\nround = 3\nannouncement = 'Rain is coming.'\n\
    [[interventions]]\nround = 4\nagents = 'model = \"a\"'\nmodel = 'b'\n\
    [budget]\nrequests_max = 10_000\n";

#[test]
fn the_configuration_that_slips_are_made_in_is_one() {
    for scenario in scenarios() {
        let text = format!("[run]\nscenario = '{}'\n{WRITTEN}", scenario.name);
        resolved_file(&text, Vec::new()).unwrap();
        fuzz::configuration(&text, &scenarios());
    }
}
