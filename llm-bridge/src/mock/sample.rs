//! Draws answers that conform to a JSON schema, and tells the chances of their characters.

use crate::digest::{Digest, mix, unit};
use crate::limits::OPTIONS_MAX;
use crate::mock::options::Policy;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Levels of a schema that are followed.
const DEPTH_MAX: usize = 16;

/// Draws texts that conform to one schema, or to a question without one.
#[derive(Debug)]
pub struct Sampler<'a> {
    schema: Option<&'a Value>,
    policy: &'a Policy,
    options: Vec<String>,
    weights: Vec<f64>,
    facts: Facts<'a>,
}

/// Values by the names of fields.
type Facts<'a> = BTreeMap<&'a str, &'a str>;

impl<'a> Sampler<'a> {
    /// A sampler of texts that begin with `begun`, where a closed schema allows that.
    pub fn new(schema: Option<&'a Value>, policy: &'a Policy, begun: &str) -> Self {
        let mut options = schema.and_then(options).unwrap_or_default();
        if options.iter().any(|option| option.starts_with(begun)) {
            options.retain(|option| option.starts_with(begun));
        }
        let weights = weights(&options, policy);
        Self { schema, policy, options, weights, facts: Facts::new() }
    }

    /// Gives the fields of an object that have such names these values, where its schema allows them.
    #[must_use]
    pub fn knowing(self, facts: &Facts<'a>) -> Self {
        Self { facts: facts.clone(), ..self }
    }

    /// The text at `bits`.
    pub fn draw(&self, bits: u64) -> String {
        match (self.policy, self.schema) {
            (Policy::Fixed(text), _) => text.clone(),
            (_, None) => format!("My answer: {}", mix(bits) % 101),
            (_, Some(_)) if !self.options.is_empty() => {
                self.options[pick(&self.weights, unit(mix(bits)))].clone()
            }
            (_, Some(schema)) => {
                let mut text = String::new();
                value(schema, &self.facts, mix(bits), 0, &mut text);
                text
            }
        }
    }
}

/// The texts that a closed schema allows, as they are sent: options of a bare choice are quoted.
pub fn options(schema: &Value) -> Option<Vec<String>> {
    if let Some(options) = schema["enum"].as_array() {
        return (!options.is_empty()).then(|| options.iter().map(ToString::to_string).collect());
    }
    let (low, high) = integer_bounds(schema)?;
    let count = high.checked_sub(low)?;
    (0..OPTIONS_MAX as i64).contains(&count).then(|| (low..=high).map(|n| n.to_string()).collect())
}

/// Chances of `options` under `policy`, not normalised.
pub fn weights(options: &[String], policy: &Policy) -> Vec<f64> {
    let weight = |option: &String| match policy {
        Policy::Skewed => 1.0 + (Digest::of([option.as_bytes()]).short() % 8) as f64,
        _ => 1.0,
    };
    options.iter().map(weight).collect()
}

/// Chances of the next character after `begun`, the end as an empty text, in falling order.
pub fn next_characters(options: &[String], weights: &[f64], begun: &str) -> Vec<(String, f64)> {
    let mut next: Vec<(String, f64)> = Vec::new();
    let mut total = 0.0;
    for (option, weight) in options.iter().zip(weights) {
        let Some(rest) = option.strip_prefix(begun) else { continue };
        let first = rest.chars().next().map(String::from).unwrap_or_default();
        total += weight;
        match next.iter_mut().find(|(text, _)| *text == first) {
            Some((_, sum)) => *sum += weight,
            None => next.push((first, *weight)),
        }
    }
    for (_, weight) in &mut next {
        *weight /= total;
    }
    next.sort_by(|left, right| right.1.total_cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    next
}

fn pick(weights: &[f64], at: f64) -> usize {
    let mut left = at * weights.iter().sum::<f64>();
    let place = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    place.unwrap_or(weights.len() - 1)
}

fn integer_bounds(schema: &Value) -> Option<(i64, i64)> {
    (schema["type"] == "integer").then_some(())?;
    Some((schema["minimum"].as_i64()?, schema["maximum"].as_i64()?))
}

fn value(schema: &Value, facts: &Facts<'_>, bits: u64, depth: usize, text: &mut String) {
    let written = if let Some(options) = options(schema) {
        text.push_str(&options[(bits % options.len() as u64) as usize]);
        Ok(())
    } else {
        match schema["type"].as_str() {
            Some("object") if depth < DEPTH_MAX => {
                object(schema, facts, bits, depth, text);
                Ok(())
            }
            Some("number") => {
                let low = schema["minimum"].as_f64().unwrap_or(0.0);
                let high = schema["maximum"].as_f64().unwrap_or(100.0);
                let number = ((low + (high - low) * unit(bits)) * 100.0).round() / 100.0;
                write!(text, "{}", number.clamp(low, high))
            }
            Some("integer") => {
                let (low, high) = integer_bounds(schema).unwrap_or((0, 1_000_000));
                let count = high.abs_diff(low).saturating_add(1);
                write!(text, "{}", low.wrapping_add_unsigned(bits % count))
            }
            Some("string") => {
                let most = schema["maxLength"].as_u64().unwrap_or(40).min(40) as usize;
                let words: String =
                    format!("because of {bits:016x} and so on").chars().take(most).collect();
                write!(text, "\"{words}\"")
            }
            _ => write!(text, "null"),
        }
    };
    written.expect("a string takes it");
}

/// The fields of an object in the order in which the schema demands them, as servers write them; a JSON tree has no
/// order of its own.
fn fields(schema: &Value) -> Vec<(&String, &Value)> {
    let properties = schema["properties"].as_object();
    let mut fields: Vec<(&String, &Value)> = properties.into_iter().flatten().collect();
    let demanded = schema["required"].as_array();
    let place = |name: &String| demanded.and_then(|names| names.iter().position(|one| one == name));
    fields.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    fields
}

fn object(schema: &Value, facts: &Facts<'_>, bits: u64, depth: usize, text: &mut String) {
    text.push('{');
    for (place, (name, part)) in fields(schema).into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&crate::constraint::quoted(name));
        text.push(':');
        match facts.get(name.as_str()).and_then(|fact| told(part, fact)) {
            Some(fact) => text.push_str(&fact),
            None => value(part, facts, mix(bits ^ place as u64), depth + 1, text),
        }
    }
    text.push('}');
}

/// A fact as a value of this schema, if it is one.
fn told(schema: &Value, fact: &str) -> Option<String> {
    let quoted = crate::constraint::quoted(fact);
    if let Some(options) = schema["enum"].as_array() {
        return options.iter().any(|option| *option == fact).then_some(quoted);
    }
    match schema["type"].as_str()? {
        "string" => {
            let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
            (!fact.is_empty() && fact.chars().count() as u64 <= most).then_some(quoted)
        }
        "integer" => {
            let number: i64 = fact.parse().ok()?;
            let (low, high) = integer_bounds(schema).unwrap_or((i64::MIN, i64::MAX));
            (low..=high).contains(&number).then(|| number.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::AnswerSpec;
    use crate::constraint::schema;
    use crate::parse::parse;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn drawn_answers_conform(bits: u64, wrapped: bool) {
            let number = AnswerSpec::Number { min: -3.5, max: 99.25, decimals: 2 };
            let specs = [
                AnswerSpec::reasoned(number.clone(), "number", 30), number,
                AnswerSpec::Integer { min: -7, max: 7 },
                AnswerSpec::Integer { min: i64::MIN, max: i64::MAX },
                AnswerSpec::Choice { options: vec!["left".to_owned(), "ri\"ght".to_owned()] },
                AnswerSpec::reasoned(AnswerSpec::Text { length_max: 12 }, "word", 9),
            ];
            for spec in specs {
                let schema: Value = serde_json::from_str(&schema(&spec, wrapped)).unwrap();
                let text = Sampler::new(Some(&schema), &Policy::Uniform, "").draw(bits);
                let read = parse(&spec, &text);
                prop_assert!(read.is_ok(), "{}: {} {:?}", spec, text, read);
            }
        }
    }

    #[test]
    fn fields_stand_in_the_order_of_the_schema() {
        let spec = AnswerSpec::reasoned(AnswerSpec::Integer { min: 0, max: 9 }, "answer", 20);
        let schema: Value = serde_json::from_str(&schema(&spec, false)).unwrap();
        let text = Sampler::new(Some(&schema), &Policy::Uniform, "").draw(3);
        assert!(text.starts_with(r#"{"reasoning":"#), "{text}");
    }

    #[test]
    fn fields_have_the_values_that_the_question_gives_where_they_may() {
        let text = || AnswerSpec::Text { length_max: 9 };
        let field = |name: &str, answer| crate::answer::Field {
            name: name.to_owned(),
            description: String::new(),
            answer,
        };
        let job = AnswerSpec::Choice { options: vec!["clerk".to_owned(), "nurse".to_owned()] };
        let fields = vec![
            field("name", text()),
            field("town", text()),
            field("age", AnswerSpec::Integer { min: 0, max: 99 }),
            field("job", job.clone()),
            field("other", job),
        ];
        let schema: Value =
            serde_json::from_str(&schema(&AnswerSpec::Object { fields }, false)).unwrap();
        let facts =
            [("name", "Ada \"K\""), ("town", "far too long"), ("age", "42"), ("job", "nurse")];
        let facts: Facts<'_> = facts.into_iter().chain([("other", "baker")]).collect();
        let text = Sampler::new(Some(&schema), &Policy::Uniform, "").knowing(&facts).draw(3);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["name"], &value["age"], &value["job"]),
            (&"Ada \"K\"".into(), &42.into(), &"nurse".into())
        );
        assert_ne!(value["town"], "far too long");
        assert_ne!(value["other"], "baker");
    }

    #[test]
    fn characters_have_the_chances_of_their_options() {
        let options: Vec<String> = ["1", "10", "20"].map(str::to_owned).to_vec();
        let weights = [1.0, 1.0, 2.0];
        assert_eq!(
            next_characters(&options, &weights, ""),
            [("1".to_owned(), 0.5), ("2".to_owned(), 0.5)]
        );
        assert_eq!(
            next_characters(&options, &weights, "1"),
            [(String::new(), 0.5), ("0".to_owned(), 0.5)]
        );
    }
}
