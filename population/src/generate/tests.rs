//! The pipeline against somebody who answers from a script.

use super::*;
use crate::source::Source;
use crate::spec::Spec;

const PEOPLE: &str = r#"
size = 6
[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.5 }, { name = "male", share = 0.5 }]
[[attribute]]
name = "age"
integer = true
uniform = { min = 20, max = 60 }
"#;

fn settings() -> Generation {
    let fields = Fields {
        age: Some("age".to_owned()),
        gender: Some("gender".to_owned()),
        ..Fields::default()
    };
    Generation { fields, ..Generation::default() }
}

fn sampler() -> Sampler {
    let spec = Spec::parse(PEOPLE).unwrap();
    Sampler::new(&spec, &Source::new("."), None, None, &Pool::new(1)).unwrap()
}

/// Copies the attributes out of the question; agents may be told to lie, or to be silent, at first.
#[derive(Default)]
struct Scripted {
    lies: BTreeMap<u32, u32>,
    silent: BTreeMap<u32, u32>,
    seen: Vec<Question>,
}

impl Ask for Scripted {
    fn ask(
        &mut self,
        questions: &[Question],
        schema: &serde_json::Value,
    ) -> Vec<std::result::Result<String, String>> {
        assert!(schema["properties"]["description"].is_object());
        self.seen.extend(questions.iter().cloned());
        questions.iter().map(|question| self.one(question)).collect()
    }

    fn fingerprint(&self) -> String {
        "script".to_owned()
    }
}

impl Scripted {
    fn one(&self, question: &Question) -> std::result::Result<String, String> {
        if self.silent.get(&question.agent).is_some_and(|until| question.attempt < *until) {
            return Err("timeout".to_owned());
        }
        let value = |name: &str| {
            let line = question
                .user
                .lines()
                .find(|line| line.starts_with(&format!("- {name}: ")))
                .unwrap();
            line.rsplit(": ").next().unwrap().to_owned()
        };
        let lie = self.lies.get(&question.agent).is_some_and(|until| question.attempt < *until);
        let age: u32 = if lie { 7 } else { value("age").parse().unwrap() };
        let answer = Answered {
            name: "Ada Kim".to_owned(),
            age,
            gender: value("gender"),
            occupation: "baker".to_owned(),
            description: format!(
                "You are person {} and bake bread before the sun rises.",
                question.agent
            ),
        };
        Ok(format!("```json\n{}\n```", serde_json::to_string(&answer).unwrap()))
    }
}

#[test]
fn answers_that_contradict_the_attributes_are_asked_again_with_the_reason() {
    let mut ask = Scripted { lies: BTreeMap::from([(2, 1)]), ..Scripted::default() };
    let made =
        generate(&sampler(), &settings(), &mut ask, &mut MemoryStore::default(), &Pool::new(1))
            .unwrap();
    assert_eq!((made.report.answered, made.report.asked), (6, 7));
    let again = ask.seen.last().unwrap();
    assert_eq!((again.agent, again.attempt), (2, 1));
    assert!(again.user.contains("the field `age` is `7` and must be"), "{}", again.user);
    assert_ne!(again.seed, ask.seen[2].seed);
    assert!(ask.seen.iter().all(|question| question.system == again.system));
}

#[test]
fn who_fails_every_time_is_counted_and_the_sum_is_everyone() {
    let mut ask = Scripted {
        lies: BTreeMap::from([(1, 9)]),
        silent: BTreeMap::from([(4, 9), (5, 1)]),
        ..Scripted::default()
    };
    let made =
        generate(&sampler(), &settings(), &mut ask, &mut MemoryStore::default(), &Pool::new(1))
            .unwrap();
    assert_eq!(
        made.report.failed,
        BTreeMap::from([("answer".to_owned(), 1), ("call".to_owned(), 1)])
    );
    assert_eq!(made.report.answered + made.report.failed.values().sum::<u64>(), 6);
    assert!(made.answers[1].is_none() && made.answers[4].is_none() && made.answers[5].is_some());
    assert_eq!(made.report.asked, 6 + 3 + 2);
}

#[test]
fn a_second_run_asks_for_nothing_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FolderStore::new(folder.path().join("answers"));
    let mut ask = Scripted { lies: BTreeMap::from([(3, 1)]), ..Scripted::default() };
    let first = generate(&sampler(), &settings(), &mut ask, &mut store, &Pool::new(1)).unwrap();
    let mut ask = Scripted::default();
    let second = generate(&sampler(), &settings(), &mut ask, &mut store, &Pool::new(2)).unwrap();
    // Only the answer to a corrected question lies elsewhere than the first question looks.
    assert_eq!((second.report.asked, second.report.reused), (1, 5));
    assert_eq!(first.answers, second.answers);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let fields = Fields { name: Some("nmae".to_owned()), ..Fields::default() };
    let settings =
        Generation { attempts_max: 0, temperature_min: 3.0, fields, ..Generation::default() };
    let error = generate(
        &sampler(),
        &settings,
        &mut Scripted::default(),
        &mut MemoryStore::default(),
        &Pool::new(1),
    )
    .unwrap_err();
    let Error::Problems(problems) = error else { panic!() };
    assert_eq!(problems.len(), 3);
}
