//! Decoding constraints: an `AnswerSpec` as the JSON schema, regular expression or grammar that a server
//! takes.

use crate::answer::{AnswerSpec, Field};
use crate::pattern::Pattern;
use std::fmt::Write as _;

/// The key under which an answer travels where a schema's root must be an object.
pub const WRAPPED: &str = "answer";

/// The JSON schema of `spec` as text; `root_object` wraps a bare answer, as hosted services demand.
///
/// It is text and not a tree because servers generate keys in the order in which the schema names them,
/// and reasoning must come before the answer it leads to.
pub fn schema(spec: &AnswerSpec, root_object: bool) -> String {
    let mut text = String::new();
    if root_object && !matches!(spec, AnswerSpec::Object { .. }) {
        let description = String::new();
        let field = Field { name: WRAPPED.to_owned(), description, answer: spec.clone() };
        write_object(&[field], &mut text);
    } else {
        write_part(spec, "", &mut text);
    }
    text
}

/// What sets an answer type apart from all others, as text.
pub fn identity(spec: &AnswerSpec) -> String {
    match spec {
        AnswerSpec::Chances { of, begun } => {
            format!("chances after {} in {}", quoted(begun), schema(of, false))
        }
        _ => schema(spec, false),
    }
}

/// The regular expression or grammar of a closed answer; none for texts and objects.
pub fn pattern(spec: &AnswerSpec) -> Option<Pattern> {
    match spec {
        AnswerSpec::Number { min, max, decimals } => Some(Pattern::numbers(*min, *max, *decimals)),
        AnswerSpec::Integer { min, max } => Some(Pattern::integers(*min, *max)),
        AnswerSpec::Choice { options } => {
            Some(Pattern::Any(options.iter().map(|option| Pattern::literal(option)).collect()))
        }
        AnswerSpec::Text { .. } | AnswerSpec::Object { .. } => None,
        AnswerSpec::Chances { of, .. } => pattern(of),
    }
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can always be written as JSON")
}

fn write_part(spec: &AnswerSpec, description: &str, text: &mut String) {
    match spec {
        AnswerSpec::Number { min, max, decimals: 0 } => {
            let (min, max) = (min.ceil(), max.floor());
            text.push_str(r#"{"type":"integer""#);
            write!(text, r#","minimum":{min:.0},"maximum":{max:.0}"#)
        }
        AnswerSpec::Number { min, max, .. } => {
            text.push_str(r#"{"type":"number""#);
            write!(text, r#","minimum":{min},"maximum":{max}"#)
        }
        AnswerSpec::Integer { min, max } => {
            text.push_str(r#"{"type":"integer""#);
            write!(text, r#","minimum":{min},"maximum":{max}"#)
        }
        AnswerSpec::Choice { options } => {
            let options: Vec<String> = options.iter().map(|option| quoted(option)).collect();
            text.push_str(r#"{"type":"string""#);
            write!(text, r#","enum":[{}]"#, options.join(","))
        }
        AnswerSpec::Text { length_max } => {
            text.push_str(r#"{"type":"string""#);
            write!(text, r#","maxLength":{length_max}"#)
        }
        AnswerSpec::Object { fields } => return write_object(fields, text),
        AnswerSpec::Chances { of, .. } => return write_part(of, description, text),
    }
    .expect("a string takes it");
    if !description.is_empty() {
        text.push_str(r#","description":"#);
        text.push_str(&quoted(description));
    }
    text.push('}');
}

fn write_object(fields: &[Field], text: &mut String) {
    text.push_str(r#"{"type":"object","properties":{"#);
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&quoted(&field.name));
        text.push(':');
        write_part(&field.answer, &field.description, text);
    }
    let names: Vec<String> = fields.iter().map(|field| quoted(&field.name)).collect();
    text.push_str(r#"},"required":["#);
    text.push_str(&names.join(","));
    text.push_str(r#"],"additionalProperties":false}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_keep_the_order_of_fields_and_close_the_object() {
        let number = AnswerSpec::Number { min: 0.0, max: 100.0, decimals: 2 };
        let reasoned = AnswerSpec::reasoned(number.clone(), "number", 400);
        insta::assert_snapshot!(schema(&reasoned, false), @r#"{"type":"object","properties":{"reasoning":{"type":"string","maxLength":400,"description":"Your reasoning, step by step."},"number":{"type":"number","minimum":0,"maximum":100}},"required":["reasoning","number"],"additionalProperties":false}"#);
        insta::assert_snapshot!(schema(&number, true), @r#"{"type":"object","properties":{"answer":{"type":"number","minimum":0,"maximum":100}},"required":["answer"],"additionalProperties":false}"#);
        let choice = AnswerSpec::Choice { options: vec!["yes".to_owned(), "no".to_owned()] };
        insta::assert_snapshot!(schema(&choice, false), @r#"{"type":"string","enum":["yes","no"]}"#);
        insta::assert_snapshot!(pattern(&choice).unwrap().regex(), @"(?:yes|no)");
    }

    #[test]
    fn every_schema_is_json() {
        let specs = [
            AnswerSpec::Number { min: -1e300, max: 1e300, decimals: 0 },
            AnswerSpec::Number { min: 0.1, max: 0.3, decimals: 9 },
            AnswerSpec::Integer { min: i64::MIN, max: i64::MAX },
            AnswerSpec::Choice { options: vec!["\"quoted\"".to_owned()] },
            AnswerSpec::Text { length_max: 1 },
        ];
        for spec in specs {
            for root_object in [false, true] {
                let text = schema(&AnswerSpec::reasoned(spec.clone(), "x", 5), root_object);
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
                serde_json::from_str::<serde_json::Value>(&schema(&spec, root_object)).unwrap();
            }
        }
    }
}
