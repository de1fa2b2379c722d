//! The pipeline against somebody who answers from a script.

use super::*;
use crate::source::Source;
use crate::spec::{Fields, Spec};
use crate::write::{PopulationDir, Words, write_population};

const PEOPLE: &str = r#"
size = 6
[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.5 }, { name = "male", share = 0.5 }]
[[attribute]]
name = "age"
integer = true
uniform = { min = 20, max = 60 }
[[attribute]]
name = "height"
normal = { mean = 170, sd = 9 }
"#;

fn sampler(text: &str) -> (Spec, Sampler) {
    let spec = Spec::parse(text).unwrap();
    let sampler = Sampler::new(&spec, &Source::new("."), None, None, &Pool::new(1)).unwrap();
    (spec, sampler)
}

/// Copies the attributes out of the question; agents may be told to lie, to babble or to be silent at first.
#[derive(Default)]
struct Scripted {
    lies: BTreeMap<u32, u32>,
    babbles: BTreeMap<u32, u32>,
    silent: Vec<u32>,
    stop_after: Option<usize>,
    seen: Vec<(u32, u32, String, f64)>,
}

impl Ask for Scripted {
    fn ask(
        &mut self,
        questions: &[Question<'_>],
        form: &Form,
    ) -> std::result::Result<Vec<Reply>, Stop> {
        let names: Vec<&str> = form.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["name", "age", "gender", "occupation", "description"]);
        assert_eq!(form.fields[2].value, FormValue::OneOf(vec!["female".into(), "male".into()]));
        if self.stop_after.is_some_and(|after| self.seen.len() >= after) {
            return Err(Stop::Budget);
        }
        Ok(questions.iter().map(|question| self.one(question)).collect())
    }

    fn model(&self) -> Writer {
        Writer { name: "script".to_owned(), fingerprint: "1".to_owned() }
    }
}

impl Scripted {
    fn one(&mut self, question: &Question<'_>) -> Reply {
        let Question { agent, attempt, ref user, temperature, .. } = *question;
        self.seen.push((agent, attempt, user.clone(), temperature));
        if self.silent.contains(&agent) {
            return Reply::Failed("timeout".to_owned());
        }
        if self.babbles.get(&agent).is_some_and(|until| attempt < *until) {
            return Reply::Invalid("it is not the JSON object asked for".to_owned());
        }
        let value = |name: &str| {
            let line = user.lines().find(|line| line.starts_with(&format!("- {name}: "))).unwrap();
            line.rsplit(": ").next().unwrap().to_owned()
        };
        let lies = self.lies.get(&agent).is_some_and(|until| attempt < *until);
        let age = if lies { "7".to_owned() } else { value("age") };
        let text = format!("You are person {agent} and bake bread before the sun rises.");
        Reply::Answered(vec!["Ada Kim".into(), age, value("gender"), "baker".into(), text])
    }
}

fn written(settings: &Generation, ask: &mut Scripted, more: &str) -> Result<(Table, String)> {
    let folder = tempfile::tempdir().unwrap();
    let (spec, sampler) = sampler(&format!("{PEOPLE}{more}"));
    let pool = Pool::new(1);
    let wordings = Backgrounds::new(&spec, &Source::new("."), &sampler)?;
    let generator = Generator::new(settings, &sampler, ask, &wordings)?;
    let out = folder.path().join("people");
    let words = Words::Model(Box::new(generator));
    let report = write_population(&out, &spec, &sampler, words, &pool, &|_| String::new());
    if report.is_err() {
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half-written");
    }
    let report = report?;
    let people = PopulationDir::open(&out)?.people()?;
    Ok((people, report.generation.unwrap().to_text()))
}

use throng_data::Table;

fn texts(table: &Table, column: &str) -> Vec<String> {
    let values = &table.column(column).unwrap().values;
    (0..table.rows()).map(|row| values.text(row).unwrap().to_owned()).collect()
}

#[test]
fn answers_that_contradict_the_attributes_are_asked_again_with_the_reason() {
    let mut ask = Scripted {
        lies: BTreeMap::from([(2, 1)]),
        babbles: BTreeMap::from([(3, 2)]),
        ..Scripted::default()
    };
    let (people, report) = written(&Generation::default(), &mut ask, "").unwrap();
    insta::assert_snapshot!(report, @"
    backgrounds by `script`: 6 answered (4 at attempt 1, 1 at attempt 2, 1 at attempt 3), 0 failed
      6 of 6 texts are different; 0 resemble an earlier one by 0.7 or more
    ");
    let again = &ask.seen[6];
    assert_eq!((again.0, again.1), (2, 1));
    assert!(again.2.contains("`age` is `7` and must be `"), "{}", again.2);
    assert_eq!(ask.seen.len(), 6 + 2 + 1);
    assert!(texts(&people, "background")[4].starts_with("You are person 4"));
    assert_eq!(texts(&people, "background_from"), ["model"; 6]);
    assert_eq!(texts(&people, "generated_occupation"), ["baker"; 6]);
    let temperatures: std::collections::BTreeSet<String> =
        ask.seen.iter().map(|seen| seen.3.to_string()).collect();
    assert!(temperatures.len() > 1 && ask.seen.iter().all(|seen| (0.7..=1.1).contains(&seen.3)));
}

#[test]
fn who_fails_every_time_is_counted_and_has_a_wording_if_there_is_one() {
    let ask =
        || Scripted { lies: BTreeMap::from([(1, 9)]), silent: vec![4], ..Scripted::default() };
    let settings = Generation { failed_max: 0.5, ..Generation::default() };
    let (people, report) = written(&settings, &mut ask(), "").unwrap();
    assert!(report.contains("4 answered (4 at attempt 1), 2 failed"), "{report}");
    assert!(report.contains("1 failed: invalid") && report.contains("1 failed: timeout"));
    assert_eq!(texts(&people, "background_from")[1], "nobody");
    assert_eq!(texts(&people, "background")[4], "");
    let wording = "[[background]]\ntext = \"You are {{ gender }}.\"\n";
    let (people, _) = written(&settings, &mut ask(), wording).unwrap();
    assert_eq!(texts(&people, "background_from")[4], "wording");
    assert!(texts(&people, "background")[4].starts_with("You are "));
    assert!(people.column("generated_name").unwrap().valid.as_ref().is_some_and(|v| !v[4]));
}

#[test]
fn more_failures_than_allowed_and_a_spent_budget_end_it() {
    let mut ask = Scripted { silent: vec![0, 5], ..Scripted::default() };
    let settings = Generation { failed_max: 0.2, ..Generation::default() };
    let error = written(&settings, &mut ask, "").unwrap_err().to_string();
    assert_eq!(
        error,
        "more than 1 people have no description (2 timeout); no population was written"
    );
    let mut ask =
        Scripted { lies: BTreeMap::from([(0, 1)]), stop_after: Some(6), ..Scripted::default() };
    let error = written(&settings, &mut ask, "").unwrap_err();
    assert_eq!(error.to_string(), "the budget is spent; no population was written");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let (_, sampler) = sampler(PEOPLE);
    let fields = Fields {
        name: Some("nmae".to_owned()),
        age: Some("gender".to_owned()),
        ..Fields::default()
    };
    let extra = BTreeMap::from([("name".to_owned(), String::new()), ("A b".into(), String::new())]);
    let settings = Generation {
        attempts_max: 0,
        temperature_min: 3.0,
        failed_max: f64::NAN,
        fields,
        extra,
        ..Generation::default()
    };
    let Error::Problems(problems) = check_generation(&settings, &sampler).unwrap_err() else {
        panic!()
    };
    let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @"
    generate.attempts_max: 0 attempts (give 1 to 20)
    generate.temperature_min: temperatures from 3 to 1.1 (give 0 to 2, the lower first)
    generate.failed_max: a share of NaN (give 0 to 1)
    generate.fields.name: there is no attribute `nmae` (there are gender, age, height)
    generate.fields.age: the age is given by an attribute that is no number (name one that is, or rename the attribute `age`)
    generate.extra.A b: `A b` cannot be a further field (write another name of lower-case letters, digits and `_`)
    generate.extra.name: `name` cannot be a further field (write another name of lower-case letters, digits and `_`)
    ");
}

#[test]
fn a_number_with_a_fraction_agrees_with_the_whole_numbers_around_it() {
    let (_, sampler) = sampler(PEOPLE);
    let fields = Fields { age: Some("height".to_owned()), ..Fields::default() };
    let settings = Generation { fields, ..Generation::default() };
    let form = check_generation(&settings, &sampler).unwrap();
    let sample = sampler.sample(0..6, &Pool::new(1)).unwrap();
    let crate::sample::Values::Numbers(heights) = &sample.columns[2] else { panic!() };
    let gender = sampler.value(0, &sample.columns[0], 0).to_string().to_uppercase();
    let answer = |age: f64| {
        let text = "You are as tall as a door and as calm as a lake.".to_owned();
        vec!["A B".to_owned(), age.to_string(), gender.clone(), "cook".to_owned(), text]
    };
    let check = |age: f64| form.check(&answer(age), &sampler, &sample, 0);
    assert_eq!(check(heights[0].floor()), Ok(()));
    assert_eq!(check(heights[0].ceil()), Ok(()));
    assert!(check(heights[0] - 1.5).is_err());
    assert!(form.check(&answer(1.0)[..3], &sampler, &sample, 0).is_err());
    let mut short = answer(heights[0].floor());
    short[4] = "You.".to_owned();
    assert!(form.check(&short, &sampler, &sample, 0).unwrap_err().contains("at least 20"));
}
