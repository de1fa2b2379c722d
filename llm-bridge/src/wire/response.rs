//! Reads the body of a chat reply: typed, borrowing, and suspicious.

use crate::money::Usage;
use crate::store::Finish;
use serde::Deserialize;
use std::borrow::Cow;

/// What a chat reply held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Per choice its index, text and end; indexes are below the number asked for, and distinct.
    pub choices: Vec<(u32, Box<str>, Finish)>,
    /// Choices beyond the number asked for, or given twice: dropped.
    pub surplus: u32,
    /// Tokens of the whole request.
    pub usage: Usage,
}

/// Why a body is no reply.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Not the JSON of a reply.
    #[error("the reply is not the JSON of a completion: {0}")]
    Json(String),
    /// A reply without choices.
    #[error("the reply holds no choices{0}")]
    Empty(String),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(borrow, default)]
    error: Option<ErrorBody<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[expect(clippy::struct_field_names, reason = "these are the names of the protocol")]
#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    prompt_tokens: u32,
    completion_tokens: Option<u32>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u32>,
}

/// Servers put errors as an object, as a text, or within `detail`; only the words are of use.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorBody<'a> {
    Object {
        #[serde(borrow, default)]
        message: Option<Text<'a>>,
    },
    Words(#[serde(borrow)] Text<'a>),
}

/// Reads the reply to a request for `wanted` choices.
pub fn decode(body: &[u8], wanted: u32) -> Result<Decoded, DecodeError> {
    let body: Body<'_> =
        serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
    let mut decoded =
        Decoded { usage: body.usage.map(Tokens::usage).unwrap_or_default(), ..Decoded::default() };
    let mut seen = vec![false; wanted as usize];
    for (place, choice) in body.choices.into_iter().enumerate() {
        let index = choice.index.unwrap_or(place as u32);
        match seen.get_mut(index as usize) {
            Some(seen) if !*seen => {
                *seen = true;
                let (text, finish) = choice.end();
                decoded.choices.push((index, text, finish));
            }
            _ => decoded.surplus += 1,
        }
    }
    if decoded.choices.is_empty() {
        let words = body.error.map(|error| format!(": {}", error.words())).unwrap_or_default();
        return Err(DecodeError::Empty(words));
    }
    decoded.choices.sort_unstable_by_key(|(index, _, _)| *index);
    Ok(decoded)
}

/// Reads the chances of the first token of a reply: its text is their JSON list, as `AnswerSpec::Chances` has it.
pub fn chances(body: &[u8]) -> Result<Decoded, DecodeError> {
    let json = |error: serde_json::Error| DecodeError::Json(error.to_string());
    let reply: serde_json::Value = serde_json::from_slice(body).map_err(json)?;
    let first = &reply["choices"][0]["logprobs"]["content"][0];
    let list =
        [&first["top_logprobs"], &first["top_probs"]].into_iter().find(|list| list.is_array());
    let none = || DecodeError::Empty(": no log-probabilities came".to_owned());
    let listed: Vec<Listed> =
        serde_json::from_value(list.ok_or_else(none)?.clone()).map_err(json)?;
    let chances = listed.into_iter().filter_map(|listed| {
        let chance = listed.prob.or_else(|| listed.logprob.map(libm::exp))?;
        (0.0..=1.0 + ROUNDING).contains(&chance).then_some((listed.token, chance.min(1.0)))
    });
    let chances: Vec<(String, f64)> = chances.collect();
    if chances.is_empty() {
        return Err(none());
    }
    let text = serde_json::to_string(&chances).map_err(json)?;
    let usage: Option<Tokens> = serde_json::from_value(reply["usage"].clone()).map_err(json)?;
    let usage = usage.map(Tokens::usage).unwrap_or_default();
    Ok(Decoded { choices: vec![(0, text.into(), Finish::Stop)], surplus: 0, usage })
}

/// How far beyond 1 a sum of rounded chances may lie.
const ROUNDING: f64 = 1e-6;

/// An alternative for one token; its chance stands as a logarithm or plainly.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    token: String,
    #[serde(default)]
    logprob: Option<f64>,
    #[serde(default)]
    prob: Option<f64>,
}

/// The words of an error body, shortened; the body itself where it is no JSON.
pub fn error_words(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Wrapper<'a> {
        #[serde(borrow)]
        error: ErrorBody<'a>,
    }
    let words = match serde_json::from_slice::<Wrapper<'_>>(body) {
        Ok(wrapper) => wrapper.error.words(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    words.chars().take(300).collect()
}

impl Choice<'_> {
    fn end(self) -> (Box<str>, Finish) {
        let (content, refusal) = match self.message {
            Some(message) => (message.content, message.refusal),
            None => (self.text, None),
        };
        let reason = self.finish_reason.map(|reason| reason.0);
        let withheld = refusal.is_some() || reason.as_deref() == Some("content_filter");
        let finish = match reason.as_deref() {
            _ if withheld => Finish::Withheld,
            Some("length") => Finish::Length,
            _ => Finish::Stop,
        };
        let text = content.or(refusal).map(|text| text.0.into_owned()).unwrap_or_default();
        (text.into_boxed_str(), finish)
    }
}

impl Tokens {
    fn usage(self) -> Usage {
        let cached = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens.unwrap_or(0),
            cached_tokens: cached.unwrap_or(0).min(self.prompt_tokens),
        }
    }
}

impl ErrorBody<'_> {
    fn words(self) -> String {
        match self {
            Self::Object { message } => message.map(|text| text.0.into_owned()).unwrap_or_default(),
            Self::Words(text) => text.0.into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reply_is_read_with_its_tokens() {
        let body = r#"{"id":"x","choices":[
            {"index":1,"message":{"role":"assistant","content":"b\"","tool_calls":[]},"finish_reason":"length"},
            {"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop","logprobs":null}],
            "usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#;
        let decoded = decode(body.as_bytes(), 2).unwrap();
        assert_eq!(
            decoded.choices,
            [(0, "a".into(), Finish::Stop), (1, "b\"".into(), Finish::Length)]
        );
        assert_eq!(
            decoded.usage,
            Usage { prompt_tokens: 9, completion_tokens: 2, cached_tokens: 4 }
        );
    }

    #[test]
    fn wrong_numbers_of_choices_are_noticed() {
        let body = r#"{"choices":[{"index":0,"message":{"content":"a"}},{"index":0,"message":{"content":"b"}},
            {"index":7,"message":{"content":"c"}}]}"#;
        let decoded = decode(body.as_bytes(), 2).unwrap();
        assert_eq!((decoded.choices.len(), decoded.surplus), (1, 2));
        assert_eq!(decode(br#"{"choices":[]}"#, 1), Err(DecodeError::Empty(String::new())));
        let error = decode(br#"{"error":{"message":"overloaded"}}"#, 1).unwrap_err();
        assert_eq!(error.to_string(), "the reply holds no choices: overloaded");
    }

    #[test]
    fn withheld_and_empty_replies_are_told() {
        let body = br#"{"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]}"#;
        assert_eq!(decode(body, 1).unwrap().choices, [(0, "I can't".into(), Finish::Withheld)]);
        let body = br#"{"choices":[{"text":"plain","finish_reason":"content_filter"}]}"#;
        assert_eq!(decode(body, 1).unwrap().choices, [(0, "plain".into(), Finish::Withheld)]);
        let body = br#"{"choices":[{"message":{"content":null}}]}"#;
        assert_eq!(decode(body, 1).unwrap().choices, [(0, "".into(), Finish::Stop)]);
    }

    #[test]
    fn bodies_that_are_no_replies_are_refused() {
        let bodies: [&[u8]; 6] = [
            b"",
            b"null",
            b"[]",
            b"{\"choices\":[{\"index\":-1}]}",
            b"{\"choices\":[",
            b"{\"choices\":[{\"text\":\"\xff\"}]}",
        ];
        for body in bodies {
            assert!(decode(body, 1).is_err(), "{body:?}");
        }
        assert_eq!(error_words(br#"{"error":"loading"}"#), "loading");
        assert_eq!(error_words(b"<html>"), "<html>");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200), wanted in 0_u32..9) {
            crate::fuzz::response_decoder(&body, wanted);
        }

        #[test]
        fn no_near_reply_makes_the_decoder_panic(
            text in r#"\{"choices":\[(\{("index":[0-9]{1,2},)?"text":"[a-z\\]{0,4}"\},?){0,4}\]\}?"#, wanted in 0_u32..4
        ) {
            crate::fuzz::response_decoder(text.as_bytes(), wanted);
        }
    }
}
