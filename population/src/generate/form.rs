//! What an answer consists of, and which attributes it must agree with.

use crate::problem::Problem;
use crate::sample::{Sample, Sampler};
use crate::spec::Generation;
use crate::stage::Kind;

/// Longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: u32 = 4_000;
/// Shortest description, in characters: less tells nobody who the agent is.
const DESCRIPTION_CHARS_MIN: usize = 20;
/// Longest text of another field, in characters.
const FIELD_CHARS_MAX: u32 = 200;
/// Most categories that a model is made to choose among; with more it writes a text, which is compared.
const CHOICES_MAX: usize = 64;
/// Oldest person.
const AGE_MAX: i64 = 150;
/// Most further fields.
pub const EXTRA_MAX: usize = 32;
/// The fields that every answer has before the further ones.
const FIXED: [(&str, &str); 4] = [
    ("name", "First name and surname."),
    ("age", "Years."),
    ("gender", "Gender."),
    ("occupation", "Occupation."),
];
/// The last field: facts come before the text that they lead to.
pub const DESCRIPTION: &str = "description";

/// What is asked for: fields in order, from which a constraint of the model's answers can be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// The fields.
    pub fields: Vec<FormField>,
    /// For each field the attribute that it must agree with.
    attributes: Vec<Option<usize>>,
}

/// One field of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct FormField {
    /// Its name.
    pub name: String,
    /// What it is, for the model.
    pub about: String,
    /// What it may hold.
    pub value: FormValue,
}

/// What a field may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormValue {
    /// A text.
    Text {
        /// Most characters.
        chars_max: u32,
    },
    /// A whole number.
    Whole {
        /// Least.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// One of these.
    OneOf(Vec<String>),
}

impl Form {
    /// The form for a population; what makes no sense is noted.
    pub(super) fn new(
        settings: &Generation,
        sampler: &Sampler,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut form = Self { fields: Vec::new(), attributes: Vec::new() };
        for (field, about) in FIXED {
            let attribute = attribute_of(field, settings, sampler, problems);
            let value = value_of(field, attribute, sampler, problems);
            form.push(field, about, value, attribute);
        }
        if settings.extra.len() > EXTRA_MAX {
            let message = format!("{} further fields", settings.extra.len());
            problems.push(Problem::new(
                "generate.extra",
                message,
                format!("give at most {EXTRA_MAX}"),
            ));
        }
        for (name, about) in &settings.extra {
            check_extra(name, &form, problems);
            form.push(name, about, FormValue::Text { chars_max: FIELD_CHARS_MAX }, None);
        }
        let about = format!("Who the person is, in {}, in the second person.", settings.language);
        let value = FormValue::Text { chars_max: DESCRIPTION_CHARS_MAX };
        form.push(DESCRIPTION, &about, value, None);
        form
    }

    fn push(&mut self, name: &str, about: &str, value: FormValue, attribute: Option<usize>) {
        self.fields.push(FormField { name: name.to_owned(), about: about.to_owned(), value });
        self.attributes.push(attribute);
    }

    /// The fields that no attribute gives, but for the description: places in the form.
    pub(super) fn invented(&self) -> impl Iterator<Item = usize> + '_ {
        let last = self.fields.len() - 1;
        (0..last).filter(|place| self.attributes[*place].is_none())
    }

    /// Compares an answer, a text for each field, with an agent's attributes.
    ///
    /// # Errors
    /// What is wrong, in words that a model can act on.
    pub fn check(
        &self,
        answer: &[String],
        sampler: &Sampler,
        sample: &Sample,
        row: usize,
    ) -> Result<(), String> {
        if answer.len() != self.fields.len() {
            return Err(format!("it has {} fields, not {}", answer.len(), self.fields.len()));
        }
        for ((field, attribute), found) in self.fields.iter().zip(&self.attributes).zip(answer) {
            let Some(place) = *attribute else { continue };
            let expected = sampler.value(place, &sample.columns[place], row);
            let agrees = match f64::try_from(expected.clone()) {
                // Of 45.3 years both 45 and 46 are true.
                Ok(number) if expected.is_number() => {
                    found.trim().parse::<f64>().is_ok_and(|found| (found - number).abs() < 1.0)
                }
                _ => same(found, &expected.to_string()),
            };
            if !agrees {
                return Err(format!("`{}` is `{found}` and must be `{expected}`", field.name));
            }
        }
        let chars = answer.last().map_or(0, |text| text.trim().chars().count());
        if chars < DESCRIPTION_CHARS_MIN {
            return Err(format!(
                "`{DESCRIPTION}` has {chars} characters and must have at least {DESCRIPTION_CHARS_MIN}"
            ));
        }
        Ok(())
    }
}

/// Whether two texts read the same, whatever their case.
fn same(found: &str, expected: &str) -> bool {
    found.trim().to_lowercase() == expected.trim().to_lowercase()
}

/// The attribute that a field is bound to: the one that is named, or else the one of its own name.
fn attribute_of(
    field: &str,
    settings: &Generation,
    sampler: &Sampler,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let named = match field {
        "name" => &settings.fields.name,
        "age" => &settings.fields.age,
        "gender" => &settings.fields.gender,
        _ => &settings.fields.occupation,
    };
    let name = named.as_deref().unwrap_or(field);
    let found = sampler.columns().position(|column| column.name == name);
    if found.is_none() && named.is_some() {
        let known: Vec<&str> = sampler.columns().map(|column| column.name).collect();
        problems.push(Problem::new(
            format!("generate.fields.{field}"),
            format!("there is no attribute `{name}`"),
            format!("there are {}", known.join(", ")),
        ));
    }
    found
}

fn value_of(
    field: &str,
    attribute: Option<usize>,
    sampler: &Sampler,
    problems: &mut Vec<Problem>,
) -> FormValue {
    let kind = attribute.map(|place| &sampler.plan.attributes[place].kind);
    let text = FormValue::Text { chars_max: FIELD_CHARS_MAX };
    match (field, kind) {
        ("age", None | Some(Kind::Number { .. })) => FormValue::Whole { min: 0, max: AGE_MAX },
        ("age", Some(_)) => {
            problems.push(Problem::new(
                "generate.fields.age",
                "the age is given by an attribute that is no number",
                "name one that is, or rename the attribute `age`",
            ));
            FormValue::Whole { min: 0, max: AGE_MAX }
        }
        (_, Some(Kind::Category(names))) if can_be_chosen(names) => FormValue::OneOf(names.clone()),
        _ => text,
    }
}

/// Whether a model can be made to choose among names: few, plain, and different whatever their case.
fn can_be_chosen(names: &[String]) -> bool {
    let plain = |name: &String| !name.is_empty() && name.trim() == name && !name.contains('\n');
    let distinct: std::collections::BTreeSet<String> =
        names.iter().map(|name| name.to_lowercase()).collect();
    names.len() <= CHOICES_MAX && distinct.len() == names.len() && names.iter().all(plain)
}

fn check_extra(name: &str, form: &Form, problems: &mut Vec<Problem>) {
    let column = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let taken = name == DESCRIPTION || form.fields.iter().any(|field| field.name == name);
    if !column || taken {
        problems.push(Problem::new(
            format!("generate.extra.{name}"),
            format!("`{name}` cannot be a further field"),
            "write another name of lower-case letters, digits and `_`",
        ));
    }
}
