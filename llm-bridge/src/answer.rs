//! What an answer may be, declared once: the constraint sent to the server and the check of its reply
//! both follow from it.

use crate::limits::{ANSWER_DEPTH_MAX, ANSWER_FIELDS_MAX};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum AnswerSpec {
    /// A finite number from `min` to `max`, both allowed, kept to `decimals` digits by rounding.
    Number {
        /// Least number allowed.
        min: f64,
        /// Greatest number allowed.
        max: f64,
        /// Digits kept after the point.
        decimals: u8,
    },
    /// A whole number from `min` to `max`, both allowed.
    Integer {
        /// Least number allowed.
        min: i64,
        /// Greatest number allowed.
        max: i64,
    },
    /// One of the given texts.
    Choice {
        /// The texts, distinct and not empty.
        options: Vec<String>,
    },
    /// Free text.
    Text {
        /// Most characters allowed.
        length_max: u32,
    },
    /// Named answers, in this order.
    Object {
        /// The fields; a field for reasoning stands before the answer it leads to.
        fields: Vec<Field>,
    },
    /// What may come next in a reply, and with which chances; asked by the distribution mode alone. Its answer is
    /// a text: the JSON list of tokens with their chances.
    #[serde(skip)]
    Chances {
        /// The type of the whole reply.
        of: Box<AnswerSpec>,
        /// How the reply has begun.
        begun: String,
    },
}

/// One named answer of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The key.
    pub name: String,
    /// What it means, for the server's schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it may hold.
    pub answer: AnswerSpec,
}

/// A validated answer; its shape is that of its `AnswerSpec`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Answer to `AnswerSpec::Number`.
    Number(f64),
    /// Answer to `AnswerSpec::Integer`.
    Integer(i64),
    /// Answer to `AnswerSpec::Choice`: the option's place.
    Choice(u32),
    /// Answer to `AnswerSpec::Text`.
    Text(Box<str>),
    /// Answers to the fields of `AnswerSpec::Object`, in their order.
    Object(Box<[Answer]>),
}

/// Why an `AnswerSpec` cannot be asked for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpecError {
    /// Bounds that hold nothing or are not finite.
    #[error("the bounds {0} hold no number")]
    Bounds(String),
    /// More decimals than a double carries.
    #[error("at most 9 decimals can be asked for, not {0}")]
    Decimals(u8),
    /// Options that are empty, repeated or missing.
    #[error("a choice needs options that are distinct, not empty and free of line breaks: {0}")]
    Options(String),
    /// A text or object of nothing.
    #[error("an answer of type {0} must allow for something")]
    Empty(&'static str),
    /// Field names that are empty or repeated.
    #[error("the field name `{0}` is empty, repeated or not of letters, digits and `_`")]
    FieldName(String),
    /// Too many fields or levels.
    #[error("an answer has at most {ANSWER_FIELDS_MAX} fields in {ANSWER_DEPTH_MAX} levels")]
    TooLarge,
}

impl AnswerSpec {
    /// Checks that the specification can be asked for and answered.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.count() > ANSWER_FIELDS_MAX || self.depth() > ANSWER_DEPTH_MAX {
            return Err(SpecError::TooLarge);
        }
        match self {
            Self::Number { min, max, decimals } => check_number(*min, *max, *decimals),
            Self::Integer { min, max } if min > max => {
                Err(SpecError::Bounds(format!("{min} to {max}")))
            }
            Self::Choice { options } => check_options(options),
            Self::Text { length_max: 0 } => Err(SpecError::Empty("text")),
            Self::Integer { .. } | Self::Text { .. } => Ok(()),
            Self::Object { fields } => check_fields(fields),
            Self::Chances { of, .. } => of.check(),
        }
    }

    /// How a reply whose next token is asked for has begun; none where a whole reply is wanted.
    pub(crate) fn begun(&self) -> Option<&str> {
        match self {
            Self::Chances { begun, .. } => Some(begun),
            _ => None,
        }
    }

    /// A number from `min` to `max` with reasoning before it, the usual form of a step-by-step question.
    pub fn reasoned(answer: Self, name: &str, length_max: u32) -> Self {
        let reasoning = Field {
            name: "reasoning".to_owned(),
            description: "Your reasoning, step by step.".to_owned(),
            answer: Self::Text { length_max },
        };
        let answer = Field { name: name.to_owned(), description: String::new(), answer };
        Self::Object { fields: vec![reasoning, answer] }
    }

    fn count(&self) -> usize {
        match self {
            Self::Object { fields } => fields.iter().map(|field| 1 + field.answer.count()).sum(),
            _ => 0,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Object { fields } => {
                1 + fields.iter().map(|field| field.answer.depth()).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}

fn check_number(min: f64, max: f64, decimals: u8) -> Result<(), SpecError> {
    if decimals > 9 {
        return Err(SpecError::Decimals(decimals));
    }
    // Written so that NaN fails too.
    let holds = min.is_finite() && max.is_finite() && min <= max;
    if holds { Ok(()) } else { Err(SpecError::Bounds(format!("{min} to {max}"))) }
}

fn check_options(options: &[String]) -> Result<(), SpecError> {
    if options.is_empty() {
        return Err(SpecError::Options("there are none".to_owned()));
    }
    for (place, option) in options.iter().enumerate() {
        let trimmed = option.trim() == option && !option.is_empty() && !option.contains('\n');
        let first = options.iter().position(|other| other.eq_ignore_ascii_case(option));
        if !trimmed || first != Some(place) {
            return Err(SpecError::Options(format!("`{option}`")));
        }
    }
    Ok(())
}

fn check_fields(fields: &[Field]) -> Result<(), SpecError> {
    if fields.is_empty() {
        return Err(SpecError::Empty("object"));
    }
    for (place, field) in fields.iter().enumerate() {
        let name = &field.name;
        let written = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let first = fields.iter().position(|other| other.name == *name);
        if !written || first != Some(place) {
            return Err(SpecError::FieldName(name.clone()));
        }
        field.answer.check()?;
    }
    Ok(())
}

impl fmt::Display for AnswerSpec {
    /// Says in words what is wanted, for the question after an invalid reply.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max, decimals: 0 } => {
                write!(formatter, "one whole number from {min} to {max}")
            }
            Self::Number { min, max, decimals } => {
                write!(formatter, "one number from {min} to {max} with at most {decimals} decimals")
            }
            Self::Integer { min, max } => write!(formatter, "one whole number from {min} to {max}"),
            Self::Choice { options } => write!(formatter, "exactly one of: {}", options.join(", ")),
            Self::Text { length_max } => {
                write!(formatter, "a text of at most {length_max} characters")
            }
            Self::Object { fields } => {
                formatter.write_str("a JSON object with exactly these keys:")?;
                for (place, field) in fields.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ";" };
                    write!(formatter, "{comma} \"{}\": {}", field.name, field.answer)?;
                }
                Ok(())
            }
            Self::Chances { of, .. } => write!(formatter, "the chances of {of}"),
        }
    }
}

impl Answer {
    /// The number of a `Number` or `Integer` answer.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The field at `place` of an object.
    pub fn field(&self, place: usize) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.get(place),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_specifications_are_refused() {
        let number = |min, max, decimals| AnswerSpec::Number { min, max, decimals }.check();
        assert!(number(0.0, 100.0, 2).is_ok());
        assert!(number(1.0, 0.0, 0).is_err());
        assert!(number(f64::NAN, 0.0, 0).is_err());
        assert!(number(0.0, 1.0, 10).is_err());
        let choice = |options: &[&str]| {
            AnswerSpec::Choice { options: options.iter().map(ToString::to_string).collect() }
                .check()
        };
        assert!(choice(&["yes", "no"]).is_ok());
        assert!(choice(&[]).is_err());
        assert!(choice(&["yes", "Yes"]).is_err());
        assert!(choice(&["a\nb"]).is_err());
        let mut nested = AnswerSpec::Integer { min: 0, max: 1 };
        for _ in 0..=ANSWER_DEPTH_MAX {
            nested = AnswerSpec::reasoned(nested, "answer", 10);
        }
        assert_eq!(nested.check(), Err(SpecError::TooLarge));
        let twice = AnswerSpec::reasoned(AnswerSpec::Text { length_max: 1 }, "reasoning", 10);
        assert_eq!(twice.check(), Err(SpecError::FieldName("reasoning".to_owned())));
    }

    #[test]
    fn a_specification_says_what_it_wants() {
        let spec = AnswerSpec::reasoned(
            AnswerSpec::Number { min: 0.0, max: 100.0, decimals: 2 },
            "number",
            500,
        );
        insta::assert_snapshot!(spec, @r#"a JSON object with exactly these keys: "reasoning": a text of at most 500 characters; "number": one number from 0 to 100 with at most 2 decimals"#);
    }
}
