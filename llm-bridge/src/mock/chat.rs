//! Requests that the mock server reads and replies that it writes.

use crate::constraint::quoted;
use crate::digest::{Digest, mix};
use crate::mock::fault::Fault;
use crate::mock::options::{MockOptions, Policy};
use crate::mock::sample::{Sampler, next_characters, options, weights};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A chat or text completion as asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The messages of a chat.
    #[serde(default)]
    pub messages: Vec<Said>,
    /// The prompt of a text completion.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The model's name.
    #[serde(default)]
    pub model: String,
    /// Choices.
    #[serde(default = "one")]
    pub n: u32,
    /// Seed of the first choice.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Most tokens of a choice.
    #[serde(default, alias = "max_completion_tokens")]
    pub max_tokens: Option<u32>,
    /// Whether log-probabilities are wanted.
    #[serde(default)]
    pub logprobs: Value,
    /// How many alternatives are listed.
    #[serde(default)]
    pub top_logprobs: u32,
    /// Whether the reply is streamed.
    #[serde(default)]
    pub stream: bool,
    /// Whether the last message is to be continued.
    #[serde(default)]
    pub continue_final_message: bool,
    #[serde(default)]
    response_format: Value,
    #[serde(default)]
    structured_outputs: Value,
    #[serde(default)]
    grammar: Value,
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
pub struct Said {
    /// Who says it.
    pub role: String,
    /// What.
    pub content: String,
}

fn one() -> u32 {
    1
}

/// Choices drawn for a request.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Their texts.
    pub texts: Vec<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of all choices.
    pub completion_tokens: u32,
    finish: &'static str,
    logprobs: Vec<Option<String>>,
}

/// Tokens of a text, four bytes each.
pub fn tokens(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(4)).unwrap_or(u32::MAX)
}

impl Request {
    /// The text that prefixes are compared by.
    pub fn text(&self) -> String {
        let mut text = self.prompt.clone().unwrap_or_default();
        self.messages.iter().for_each(|said| text.push_str(&said.content));
        text
    }

    /// The schema that replies must conform to; an error for constraints that the mock does not know.
    pub fn schema(&self) -> Result<Option<Value>, &'static str> {
        let unknown = !self.grammar.is_null() || !self.structured_outputs["regex"].is_null();
        if unknown {
            return Err(
                "this mock knows JSON schemas only, neither regular expressions nor grammars",
            );
        }
        let places =
            [&self.response_format["json_schema"]["schema"], &self.structured_outputs["json"]];
        Ok(places.into_iter().find(|schema| schema.is_object()).cloned())
    }

    /// Draws the choices. They follow from the seed and the messages before the model's first, so that a
    /// question asked again after a fault has the answer that it would have had without.
    pub fn draw(
        &self,
        options_of_mock: &MockOptions,
        schema: Option<&Value>,
        count: u32,
        unseeded: u64,
        fault: Option<Fault>,
    ) -> Drawn {
        let first = self.messages.iter().take_while(|said| said.role != "assistant");
        let parts = first
            .map(|said| said.content.as_bytes())
            .chain(self.prompt.as_ref().map(String::as_bytes));
        let prompt = Digest::of(parts).short();
        let policy = &options_of_mock.policy;
        let begun = self.begun();
        let mut drawn = Drawn {
            texts: Vec::with_capacity(count as usize),
            prompt_tokens: tokens(&self.text()),
            completion_tokens: 0,
            finish: "stop",
            logprobs: Vec::new(),
        };
        let facts = self.facts();
        let sampler = Sampler::new(schema, policy, begun).knowing(&facts);
        for place in 0..count {
            let bits = match (policy, self.seed) {
                (Policy::ByPrompt, _) => mix(prompt),
                (_, Some(seed)) => mix(prompt ^ mix(seed.wrapping_add(u64::from(place)))),
                (_, None) => mix(prompt ^ mix(unseeded ^ u64::from(place).rotate_left(40))),
            };
            let whole = sampler.draw(bits);
            let text = match fault {
                Some(Fault::WrongType) => r#"{"unexpected":[true]}"#.to_owned(),
                Some(Fault::Refusal) => "I'm sorry, but I can't help with that.".to_owned(),
                _ => whole.strip_prefix(begun).unwrap_or(&whole).to_owned(),
            };
            drawn.push(text, self, schema, policy, begun);
        }
        drawn
    }

    /// What the questions say in lines like `- age: 42`, the last one of a name: a field of that name has it.
    fn facts(&self) -> BTreeMap<&str, &str> {
        let asked = self.messages.iter().filter(|said| said.role == "user");
        let lines = asked.flat_map(|said| said.content.lines());
        lines.filter_map(|line| line.strip_prefix("- ")?.split_once(": ")).collect()
    }

    /// The beginning of the reply that is to be continued.
    fn begun(&self) -> &str {
        match self.messages.last() {
            Some(last) if last.role == "assistant" && self.continue_final_message => &last.content,
            _ => "",
        }
    }

    fn wants_logprobs(&self) -> bool {
        self.logprobs == true || self.logprobs.as_u64().is_some_and(|count| count > 0)
    }
}

impl Drawn {
    fn push(
        &mut self,
        text: String,
        request: &Request,
        schema: Option<&Value>,
        policy: &Policy,
        begun: &str,
    ) {
        let most = request.max_tokens.unwrap_or(u32::MAX);
        let closed = schema.filter(|_| request.wants_logprobs()).and_then(options);
        // With log-probabilities a token is a character, else four bytes.
        let kept = match &closed {
            Some(_) => text.chars().take(most as usize).collect(),
            None if tokens(&text) > most => text.chars().take(most as usize * 4).collect(),
            None => text.clone(),
        };
        let kept: String = kept;
        if kept.len() < text.len() {
            self.finish = "length";
        }
        self.logprobs.push(
            closed.map(|options| logprobs(&options, policy, begun, &kept, request.top_logprobs)),
        );
        self.completion_tokens = self.completion_tokens.saturating_add(tokens(&kept).max(1));
        self.texts.push(kept);
    }

    /// The body of a chat reply, or of a text completion.
    pub fn body(&self, model: &str, chat: bool, cached_tokens: u32) -> Vec<u8> {
        let object = if chat { "chat.completion" } else { "text_completion" };
        let mut body =
            format!(r#"{{"id":"mock","object":"{object}","model":{},"choices":["#, quoted(model));
        for (index, text) in self.texts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let text = quoted(text);
            let said = if chat {
                format!(r#""message":{{"role":"assistant","content":{text}}}"#)
            } else {
                format!(r#""text":{text}"#)
            };
            let logprobs = self.logprobs[index].as_deref().unwrap_or("null");
            let finish = self.finish;
            write!(body, r#"{comma}{{"index":{index},{said},"logprobs":{logprobs},"finish_reason":"{finish}"}}"#).expect("a string takes it");
        }
        let (prompt, completion) = (self.prompt_tokens, self.completion_tokens);
        write!(body, r#"],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached_tokens}}}}}}}"#, prompt.saturating_add(completion)).expect("a string takes it");
        body.into_bytes()
    }

    /// The events of a streamed chat reply.
    pub fn events(&self, model: &str) -> Vec<String> {
        let mut events = Vec::new();
        let model = quoted(model);
        for (index, text) in self.texts.iter().enumerate() {
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(4) {
                let piece = quoted(&piece.iter().collect::<String>());
                events.push(format!(r#"{{"object":"chat.completion.chunk","model":{model},"choices":[{{"index":{index},"delta":{{"content":{piece}}},"finish_reason":null}}]}}"#));
            }
            events.push(format!(r#"{{"object":"chat.completion.chunk","model":{model},"choices":[{{"index":{index},"delta":{{}},"finish_reason":"{}"}}]}}"#, self.finish));
        }
        events.push(format!(r#"{{"object":"chat.completion.chunk","model":{model},"choices":[],"usage":{{"prompt_tokens":{},"completion_tokens":{}}}}}"#, self.prompt_tokens, self.completion_tokens));
        events.push("[DONE]".to_owned());
        events
    }
}

/// The log-probabilities of the characters of `text`, which continues `begun`.
fn logprobs(options: &[String], policy: &Policy, begun: &str, text: &str, top: u32) -> String {
    let weights = weights(options, policy);
    let mut so_far = begun.to_owned();
    let mut content = String::new();
    for (place, character) in
        text.chars().map(String::from).chain(text.is_empty().then(String::new)).enumerate()
    {
        let next = next_characters(options, &weights, &so_far);
        let entry = |(text, chance): &(String, f64)| {
            format!(r#"{{"token":{},"logprob":{}}}"#, quoted(text), libm::log(*chance))
        };
        let own = next.iter().find(|(text, _)| *text == character).map_or_else(String::new, &entry);
        let listed: Vec<String> = next.iter().take(top as usize).map(entry).collect();
        let own = own.trim_end_matches('}');
        if place > 0 {
            content.push(',');
        }
        write!(content, r#"{own},"top_logprobs":[{}]}}"#, listed.join(","))
            .expect("a string takes it");
        so_far.push_str(&character);
    }
    format!(r#"{{"content":[{content}]}}"#)
}
