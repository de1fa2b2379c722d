//! Builds the body of a chat request straight into bytes.

use crate::answer::AnswerSpec;
use crate::constraint::{pattern, quoted, schema};
use crate::model::{Api, ModelConfig};
use crate::prompt::{PromptId, Prompts, Role};
use crate::quirk::{ConstraintField, Continuation, Logprobs, Quirks};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use std::fmt::{self, Display, Write as _};

/// A question asked again: what the model said, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// The reply that could not be used.
    pub said: String,
    /// The question that names the error.
    pub question: String,
}

impl Again {
    /// A reply that began with `said` and is to be gone on with.
    pub fn begun(said: &str) -> Self {
        Self { said: said.to_owned(), question: String::new() }
    }

    /// The question after the reply `said`, which is wrong because of `error` where `spec` was wanted.
    pub fn new(said: &str, error: &dyn Display, spec: &AnswerSpec) -> Self {
        let question = format!(
            "This answer cannot be used: {error}. Answer again with {spec}, and nothing else."
        );
        Self { said: said.chars().take(crate::limits::RAW_TEXT_MAX).collect(), question }
    }
}

/// The part of a body that all requests of one model, endpoint and answer type share: an open object.
pub fn head(model: &ModelConfig, quirks: &Quirks, spec: &AnswerSpec) -> String {
    let AnswerSpec::Chances { of, begun } = spec else {
        return shared_head(model, quirks, model.max_tokens) + &constraint(quirks, spec);
    };
    let masked = quirks.logprobs == Logprobs::PostSampling;
    let masked = if masked { r#","post_sampling_probs":true"# } else { "" };
    let flagged = !begun.is_empty() && quirks.continuation == Continuation::Flag;
    let flags = r#","continue_final_message":true,"add_generation_prompt":false"#;
    format!(
        r#"{}{},"logprobs":true,"top_logprobs":{}{masked}{}"#,
        shared_head(model, quirks, 1),
        constraint(quirks, of),
        quirks.top_logprobs_max,
        if flagged { flags } else { "" }
    )
}

/// The shared part without a constraint, for replies of at most `max_tokens`.
pub fn shared_head(model: &ModelConfig, quirks: &Quirks, max_tokens: u32) -> String {
    let mut head = format!(
        r#"{{"model":{},"temperature":{},"top_p":{}"#,
        quoted(&model.model),
        model.temperature,
        model.top_p
    );
    let tokens = if quirks.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    write!(head, r#","{tokens}":{max_tokens}"#).expect("a string takes it");
    for (name, neutral) in [("top_k", "0"), ("min_p", "0")] {
        if quirks.neutral_sampling && !model.extra.contains_key(name) {
            write!(head, r#","{name}":{neutral}"#).expect("a string takes it");
        }
    }
    for (name, value) in &model.extra {
        write!(head, ",{}:{value}", quoted(name)).expect("a string takes it");
    }
    head
}

/// The fields that constrain the reply to `spec`, each with a leading comma.
fn constraint(quirks: &Quirks, spec: &AnswerSpec) -> String {
    let by_schema = || {
        let schema = schema(spec, quirks.root_object);
        format!(
            r#","response_format":{{"type":"json_schema","json_schema":{{"name":"answer","strict":true,"schema":{schema}}}}}"#
        )
    };
    if matches!(spec, AnswerSpec::Text { .. }) && !quirks.root_object {
        return String::new(); // A free text needs no constraint; its length is bounded by tokens.
    }
    match (quirks.constraint, pattern(spec)) {
        (ConstraintField::None, _) => String::new(),
        (ConstraintField::JsonSchema, _) | (ConstraintField::Grammar, None) => by_schema(),
        (ConstraintField::StructuredOutputs, Some(pattern)) => {
            format!(r#","structured_outputs":{{"regex":{}}}"#, quoted(&pattern.regex()))
        }
        (ConstraintField::StructuredOutputs, None) => {
            format!(r#","structured_outputs":{{"json":{}}}"#, schema(spec, false))
        }
        (ConstraintField::Grammar, Some(pattern)) => {
            format!(r#","grammar":{}"#, quoted(&pattern.gbnf()))
        }
    }
}

/// A whole body: `head`, then how many choices from which seed, then `prompt` in the form of `api`.
pub fn body(
    head: &str,
    choices: u32,
    seed: Option<u64>,
    prompts: &Prompts,
    (api, prompt): (Api, PromptId),
    again: Option<&Again>,
) -> Bytes {
    let mut body = Vec::with_capacity(head.len() + prompts.length(prompt) * 9 / 8 + 160);
    body.extend_from_slice(head.as_bytes());
    if choices > 1 {
        push(&mut body, format_args!(r#","n":{choices}"#));
    }
    if let Some(seed) = seed {
        push(&mut body, format_args!(r#","seed":{seed}"#));
    }
    match api {
        Api::Chat => push_messages(&mut body, prompts, prompt, again),
        Api::Completions => {
            body.extend_from_slice(br#","prompt":"#);
            push_text(&mut body, &Plain { prompts, prompt, again });
        }
    }
    body.push(b'}');
    Bytes::from(body)
}

fn push_messages(body: &mut Vec<u8>, prompts: &Prompts, prompt: PromptId, again: Option<&Again>) {
    body.extend_from_slice(br#","messages":["#);
    for (place, message) in prompts.messages(prompt).enumerate() {
        push_message(body, place > 0, message.role, &message);
    }
    if let Some(again) = again {
        push_message(body, true, Role::Assistant, &again.said);
        // A reply that has begun is gone on with, and nobody asks for that.
        if !again.question.is_empty() {
            push_message(body, true, Role::User, &again.question);
        }
    }
    body.push(b']');
}

/// A prompt as one text: what is said, with a blank line between two messages.
struct Plain<'a> {
    prompts: &'a Prompts,
    prompt: PromptId,
    again: Option<&'a Again>,
}

impl Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, message) in self.prompts.messages(self.prompt).enumerate() {
            write!(formatter, "{}{message}", if place > 0 { "\n\n" } else { "" })?;
        }
        self.again.map_or(Ok(()), |Again { said, question }| {
            write!(formatter, "\n\n{said}\n\n{question}")
        })
    }
}

fn push(body: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    use std::io::Write as _;
    body.write_fmt(text).expect("a vector takes it");
}

fn push_message(body: &mut Vec<u8>, comma: bool, role: Role, text: &dyn Display) {
    push(
        body,
        format_args!(r#"{}{{"role":"{}","content":"#, if comma { "," } else { "" }, role.word()),
    );
    push_text(body, text);
    body.push(b'}');
}

/// The text is escaped as it is written, so that a prompt of many parts is never copied whole.
fn push_text(body: &mut Vec<u8>, text: &dyn Display) {
    serde_json::to_writer(&mut *body, &Escaped(text))
        .expect("a text is JSON and a vector takes it");
}

struct Escaped<'a>(&'a dyn Display);

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirk::ServerKind;
    use proptest::prelude::*;

    fn percent() -> AnswerSpec {
        AnswerSpec::Integer { min: 0, max: 9 }
    }

    fn text(kind: ServerKind) -> String {
        let model = ModelConfig::at("m", "http://127.0.0.1:1/v1");
        let mut prompts = Prompts::new();
        let id = prompts.ask(&[(Role::System, "Say \"hi\"\n"), (Role::User, "ä")]).unwrap();
        let head = head(&model, &kind.quirks(), &percent());
        let again = Again::new("ten", &"it is too large", &percent());
        let body = body(&head, 2, Some(7), &prompts, (Api::Chat, id), Some(&again));
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn a_text_completion_goes_on_with_what_was_said() {
        let mut prompts = Prompts::new();
        let id = prompts.ask(&[(Role::System, "Say \"hi\""), (Role::User, "ä")]).unwrap();
        let plain = |again| body("{", 1, None, &prompts, (Api::Completions, id), again);
        assert_eq!(plain(None), r#"{,"prompt":"Say \"hi\"\n\nä"}"#);
        let again = Again { said: "ten".to_owned(), question: "A digit, please:".to_owned() };
        assert_eq!(
            plain(Some(&again)),
            r#"{,"prompt":"Say \"hi\"\n\nä\n\nten\n\nA digit, please:"}"#
        );
    }

    #[test]
    fn bodies_follow_the_table_of_quirks() {
        insta::assert_snapshot!(text(ServerKind::Vllm), @r#"{"model":"m","temperature":1,"top_p":1,"max_tokens":512,"top_k":0,"min_p":0,"structured_outputs":{"regex":"[0-9]"},"n":2,"seed":7,"messages":[{"role":"system","content":"Say \"hi\"\n"},{"role":"user","content":"ä"},{"role":"assistant","content":"ten"},{"role":"user","content":"This answer cannot be used: it is too large. Answer again with one whole number from 0 to 9, and nothing else."}]}"#);
        let hosted = text(ServerKind::Hosted);
        assert!(hosted.contains(r#""max_completion_tokens":512,"response_format""#), "{hosted}");
        assert!(text(ServerKind::LlamaCpp).contains(r#""grammar":"root ::= [0-9]""#));
        for kind in [ServerKind::Sglang, ServerKind::Ollama, ServerKind::LiteLlm, ServerKind::Other]
        {
            serde_json::from_str::<serde_json::Value>(&text(kind)).unwrap();
        }
    }

    proptest! {
        #[test]
        fn any_prompt_arrives_unchanged(parts in prop::collection::vec("\\PC{0,12}", 1..5)) {
            let mut prompts = Prompts::new();
            let ids: Vec<_> = parts.iter().map(|part| prompts.text(part).unwrap()).collect();
            let prompt = prompts.prompt(&[(Role::User, &ids)]).unwrap();
            let bytes = body("{\"model\":\"m\"", 1, None, &prompts, (Api::Chat, prompt), None);
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let content = value["messages"][0]["content"].as_str();
            let whole = parts.concat();
            prop_assert_eq!(content, Some(whole.as_str()));
        }
    }
}
