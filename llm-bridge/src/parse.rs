//! Turns the text of a reply into a validated `Answer`, or says what is wrong with it.

use crate::answer::{Answer, AnswerSpec, Field};
use crate::constraint::WRAPPED;
use crate::number::{self, NumberError};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::fmt;

/// Why a reply is not an answer; the wording is for the model that is asked again.
#[derive(Debug, thiserror::Error, PartialEq, Clone)]
pub enum Invalid {
    /// No one number could be read.
    #[error("{0}")]
    Number(#[from] NumberError),
    /// Out of bounds.
    #[error("{0} is not from {1} to {2}")]
    Bounds(String, String, String),
    /// A fraction where a whole number is wanted.
    #[error("{0} is not a whole number")]
    Whole(f64),
    /// None of the options.
    #[error("it is none of the options")]
    Option,
    /// Too long or empty.
    #[error("the text has {0} characters, from 1 to {1} are allowed")]
    Length(usize, u32),
    /// Not the JSON object that is wanted.
    #[error("it is not the JSON object asked for: {0}")]
    Json(String),
    /// The server cut the reply off.
    #[error("it was cut off before its end")]
    CutOff,
    /// The server's filter withheld the reply, or the model declined.
    #[error("it was withheld or declined")]
    Withheld,
}

/// Reads `text` as an answer of type `spec`.
pub fn parse(spec: &AnswerSpec, text: &str) -> Result<Answer, Invalid> {
    if let AnswerSpec::Chances { .. } = spec {
        return chances_answer(text);
    }
    let text = without_thoughts(text).trim();
    match spec {
        AnswerSpec::Object { fields } => from_json(fields, json_block(text)),
        _ => match wrapped(spec, text) {
            Some(answer) => answer,
            None => bare(spec, text),
        },
    }
}

/// What follows the block in which some models think aloud.
fn without_thoughts(text: &str) -> &str {
    let trimmed = text.trim_start();
    match trimmed.strip_prefix("<think>") {
        Some(rest) => rest.split_once("</think>").map_or("", |(_, answer)| answer),
        None => text,
    }
}

/// The content of the one fenced block of `text`, or `text` itself.
fn json_block(text: &str) -> &str {
    let mut fences = text.match_indices("```").map(|(place, _)| place);
    match (fences.next(), fences.next(), fences.next()) {
        (Some(open), Some(close), None) => {
            let block = &text[open + 3..close];
            block.strip_prefix("json").unwrap_or(block).trim()
        }
        _ => text,
    }
}

/// A bare answer inside the object that hosted services demand; none if `text` is no object.
fn wrapped(spec: &AnswerSpec, text: &str) -> Option<Result<Answer, Invalid>> {
    let block = json_block(text);
    if !block.starts_with('{') {
        return None;
    }
    let field =
        Field { name: WRAPPED.to_owned(), description: String::new(), answer: spec.clone() };
    let read = from_json(std::slice::from_ref(&field), block);
    if read.is_err() && matches!(spec, AnswerSpec::Text { .. }) {
        return None; // A text may begin with a brace.
    }
    Some(read.map(|answer| match answer {
        Answer::Object(mut fields) => std::mem::replace(&mut fields[0], Answer::Choice(0)),
        other => other,
    }))
}

fn bare(spec: &AnswerSpec, text: &str) -> Result<Answer, Invalid> {
    match spec {
        AnswerSpec::Number { .. } => number_answer(spec, number::read(text)?),
        AnswerSpec::Integer { .. } => match text.parse::<i64>() {
            Ok(number) => integer_answer(spec, number),
            Err(_) => number_answer(spec, number::read(text)?),
        },
        AnswerSpec::Choice { options } => choice_answer(options, text),
        AnswerSpec::Text { length_max } => text_answer(*length_max, text),
        AnswerSpec::Object { fields } => from_json(fields, text),
        AnswerSpec::Chances { .. } => chances_answer(text),
    }
}

/// A list of tokens with their chances, kept as it is.
fn chances_answer(text: &str) -> Result<Answer, Invalid> {
    let read: Result<Vec<(String, f64)>, _> = serde_json::from_str(text);
    read.map(|_| Answer::Text(text.into())).map_err(|error| Invalid::Json(error.to_string()))
}

fn from_json(fields: &[Field], text: &str) -> Result<Answer, Invalid> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Object(fields).deserialize(&mut reader).and_then(|answer| {
        reader.end()?;
        Ok(answer)
    });
    read.map_err(|error| Invalid::Json(error.to_string()))
}

/// Checks a number against the bounds of a `Number` or `Integer`.
fn number_answer(spec: &AnswerSpec, number: f64) -> Result<Answer, Invalid> {
    match *spec {
        AnswerSpec::Number { min, max, decimals } => {
            if !(min..=max).contains(&number) {
                return Err(bounds(number, min, max));
            }
            // Rounding must not leave the bounds; adding zero turns -0 into 0.
            Ok(Answer::Number(rounded(number, decimals).clamp(min, max) + 0.0))
        }
        AnswerSpec::Integer { .. } => {
            const EXACT: f64 = 9_007_199_254_740_992.0;
            if number.fract().abs() > 0.0 || number.abs() > EXACT {
                return Err(Invalid::Whole(number));
            }
            integer_answer(spec, number as i64)
        }
        _ => Err(Invalid::Json("a number was not asked for".to_owned())),
    }
}

fn integer_answer(spec: &AnswerSpec, number: i64) -> Result<Answer, Invalid> {
    match *spec {
        AnswerSpec::Integer { min, max } if (min..=max).contains(&number) => {
            Ok(Answer::Integer(number))
        }
        AnswerSpec::Integer { min, max } => Err(bounds(number, min, max)),
        _ => number_answer(spec, number as f64),
    }
}

fn bounds(number: impl fmt::Display, min: impl fmt::Display, max: impl fmt::Display) -> Invalid {
    Invalid::Bounds(number.to_string(), min.to_string(), max.to_string())
}

/// `number` to `decimals` digits, halves away from zero.
fn rounded(number: f64, decimals: u8) -> f64 {
    let scale = (0..decimals).fold(1.0, |scale, _| scale * 10.0);
    let scaled = number * scale;
    // Beyond this a double has no digits left to round.
    if scaled.abs() < 4_503_599_627_370_496.0 { scaled.round() / scale } else { number }
}

fn choice_answer(options: &[String], text: &str) -> Result<Answer, Invalid> {
    let dress: &[char] = &['"', '\'', '`', '*', '.', '!', ' ', '\t'];
    let last = text.lines().last().unwrap_or_default();
    let introduced = ["answer:", "choice:"].iter().find_map(|phrase| {
        let lead = last.get(..phrase.len())?;
        lead.eq_ignore_ascii_case(phrase).then(|| &last[phrase.len()..])
    });
    let quoted: Option<String> = serde_json::from_str(text).ok();
    let candidates = [
        Some(text),
        quoted.as_deref(),
        Some(text.trim_matches(dress)),
        introduced.map(|text| text.trim_matches(dress)),
    ];
    let found = candidates.into_iter().flatten().find_map(|candidate| {
        options.iter().position(|option| option.eq_ignore_ascii_case(candidate.trim()))
    });
    found.map(|place| Answer::Choice(place as u32)).ok_or(Invalid::Option)
}

fn text_answer(length_max: u32, text: &str) -> Result<Answer, Invalid> {
    let length = text.chars().count();
    if length == 0 || length > length_max as usize {
        return Err(Invalid::Length(length, length_max));
    }
    Ok(Answer::Text(text.into()))
}

/// Reads a JSON object of exactly these fields, each once, in any order.
struct Object<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Answer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Answer, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Answer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Answer, M::Error> {
        let mut answers: Vec<Option<Answer>> = vec![None; self.0.len()];
        while let Some(place) = map.next_key_seed(Key(self.0))? {
            let field = &self.0[place];
            if answers[place].is_some() {
                return Err(M::Error::custom(format_args!(
                    "the key `{}` stands twice",
                    field.name
                )));
            }
            answers[place] =
                Some(map.next_value_seed(Part(&field.answer)).map_err(|error| {
                    M::Error::custom(format_args!("in `{}`: {error}", field.name))
                })?);
        }
        let missing = answers.iter().position(Option::is_none);
        match missing {
            Some(place) => {
                Err(M::Error::custom(format_args!("the key `{}` is missing", self.0[place].name)))
            }
            None => Ok(Answer::Object(answers.into_iter().flatten().collect())),
        }
    }
}

/// Reads a key as the place of its field.
struct Key<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a known key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        let place = self.0.iter().position(|field| field.name == name);
        place.ok_or_else(|| E::custom(format_args!("there must be no key `{name}`")))
    }
}

/// Reads the value of one field.
struct Part<'a>(&'a AnswerSpec);

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Answer;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Answer, D::Error> {
        match self.0 {
            AnswerSpec::Object { fields } => Object(fields).deserialize(deserializer),
            AnswerSpec::Number { .. } => deserializer.deserialize_f64(self),
            AnswerSpec::Integer { .. } => deserializer.deserialize_any(self),
            AnswerSpec::Choice { .. } | AnswerSpec::Text { .. } | AnswerSpec::Chances { .. } => {
                deserializer.deserialize_str(self)
            }
        }
    }
}

impl Visitor<'_> for Part<'_> {
    type Value = Answer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Answer, E> {
        number_answer(self.0, number).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Answer, E> {
        integer_answer(self.0, number).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Answer, E> {
        match i64::try_from(number) {
            Ok(number) => integer_answer(self.0, number).map_err(E::custom),
            Err(_) => number_answer(self.0, number as f64).map_err(E::custom),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Answer, E> {
        match self.0 {
            AnswerSpec::Choice { options } => {
                let place = options.iter().position(|option| option == text);
                place
                    .map(|place| Answer::Choice(place as u32))
                    .ok_or_else(|| E::custom(Invalid::Option))
            }
            AnswerSpec::Text { length_max } => text_answer(*length_max, text).map_err(E::custom),
            _ => Err(E::custom(format_args!("a text stands where {} is wanted", self.0))),
        }
    }
}

#[cfg(test)]
mod tests;
