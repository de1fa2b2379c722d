//! Whether a model's answer is one, and whether it agrees with the agent's attributes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::generate::Generation;
use crate::sample::{Sample, Sampler};

/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 8 << 10;
/// Shortest description, in bytes: less tells nobody who the agent is.
const DESCRIPTION_BYTES_MIN: usize = 20;

/// What a model answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// First name and surname.
    pub name: String,
    /// Years.
    pub age: u32,
    /// Gender, as it was given.
    pub gender: String,
    /// Occupation.
    pub occupation: String,
    /// Who the person is, in the second person.
    pub description: String,
}

/// The attributes with which the fields of an answer must agree; a field without one is the model's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// For the name.
    pub name: Option<String>,
    /// For the age.
    pub age: Option<String>,
    /// For the gender.
    pub gender: Option<String>,
    /// For the occupation.
    pub occupation: Option<String>,
}

impl Fields {
    /// The fields that have an attribute, with its name.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("name", &self.name),
            ("age", &self.age),
            ("gender", &self.gender),
            ("occupation", &self.occupation),
        ];
        all.into_iter().filter_map(|(field, name)| Some((field, name.as_deref()?)))
    }
}

/// Reads an answer and compares it with the agent's attributes.
///
/// # Errors
/// What is wrong, in words that a model can act on.
pub fn check_answer(
    text: &str,
    sampler: &Sampler,
    sample: &Sample,
    row: usize,
    settings: &Generation,
) -> Result<Answered, String> {
    let answer: Answered = serde_json::from_str(json_of(text))
        .map_err(|error| format!("the answer is not the JSON that was asked for: {error}"))?;
    let length = answer.description.trim().len();
    if !(DESCRIPTION_BYTES_MIN..=DESCRIPTION_BYTES_MAX).contains(&length) {
        return Err(format!(
            "the description has {length} bytes; it must have {DESCRIPTION_BYTES_MIN} to {DESCRIPTION_BYTES_MAX}"
        ));
    }
    for (field, attribute) in settings.fields.named() {
        let expected = sampler
            .row(sample, row)
            .find(|(name, _)| *name == attribute)
            .map(|(_, value)| value.to_string())
            .unwrap_or_default();
        let found = match field {
            "name" => answer.name.clone(),
            "age" => answer.age.to_string(),
            "gender" => answer.gender.clone(),
            _ => answer.occupation.clone(),
        };
        if !found.trim().eq_ignore_ascii_case(expected.trim()) {
            return Err(format!("the field `{field}` is `{found}` and must be `{expected}`"));
        }
    }
    Ok(answer)
}

/// The text within a fence, where a model put one around its JSON.
fn json_of(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|rest| rest.strip_suffix("```"));
    inner.unwrap_or(text).trim()
}
