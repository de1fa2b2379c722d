//! What each endpoint can do, found out by asking it.

use crate::answer::{Answer, AnswerSpec};
use crate::model::{BridgeConfig, Kind};
use crate::parse::parse;
use crate::prompt::{Prompts, Role};
use crate::service::{Service, ServiceError, read};
use crate::wire::request;
use crate::wire::response::{Decoded, decode};
use crate::wire::transport::Address;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// What one endpoint can do.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The model's name in the configuration.
    pub model: String,
    /// The endpoint's address.
    pub url: String,
    /// What keeps it from answering; nothing else was found out then.
    pub error: Option<String>,
    /// The models that it says it serves.
    pub models: Vec<String>,
    /// Choices that came when two were asked for.
    pub choices_of_two: u32,
    /// Whether a constrained question had a conforming answer, in all choices.
    pub constrained: bool,
    /// Whether equal seeds gave equal answers and choice i had seed s + i; only shown where choices come.
    pub seeds_consecutive: Option<bool>,
    /// Whether log-probabilities came.
    pub logprobs: bool,
    /// Whether token counts came.
    pub usage: bool,
    /// Whether it counts tokens on request.
    pub tokenizer: bool,
    /// Numbers of the vector that it makes of a text, where it makes any.
    pub embedding: Option<u64>,
    /// Requests that it works on at once, where it says so.
    pub slots: Option<u64>,
}

/// Asks all endpoints of `config` what they can do.
pub fn probe(config: &BridgeConfig) -> Result<Vec<Capabilities>, ServiceError> {
    let service = Service::new(config)?;
    let mut found = Vec::new();
    for (place, model) in
        config.models.iter().enumerate().filter(|(_, model)| model.kind == Kind::Openai)
    {
        for (endpoint, state) in model.endpoints.iter().enumerate() {
            let at = Address { model: place as u16, endpoint: endpoint as u16 };
            let mut capabilities = Capabilities {
                model: model.name.clone(),
                url: state.url.clone(),
                ..Capabilities::default()
            };
            if let Err(error) = service.ask_all(at, &mut capabilities) {
                capabilities.error = Some(error.to_string());
            }
            found.push(capabilities);
        }
    }
    Ok(found)
}

/// The findings as a table for a terminal.
pub fn table(found: &[Capabilities]) -> String {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let head = [
        "model",
        "endpoint",
        "state",
        "n",
        "schema",
        "seeds",
        "logprobs",
        "usage",
        "tokenizer",
        "embedding",
        "slots",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for capabilities in found {
        let seeds = capabilities.seeds_consecutive.map_or("?".to_owned(), yes);
        let number = |found: Option<u64>, none: &str| {
            found.map_or_else(|| none.to_owned(), |number| number.to_string())
        };
        rows.push([
            capabilities.model.clone(),
            capabilities.url.clone(),
            capabilities.error.clone().unwrap_or_else(|| "ready".to_owned()),
            yes(capabilities.choices_of_two == 2),
            yes(capabilities.constrained),
            seeds,
            yes(capabilities.logprobs),
            yes(capabilities.usage),
            yes(capabilities.tokenizer),
            number(capabilities.embedding, "no"),
            number(capabilities.slots, "?"),
        ]);
    }
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String; 11]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Service {
    fn ask_all(&self, at: Address, found: &mut Capabilities) -> Result<(), ServiceError> {
        let models = self.wait(self.get(at, "/models", false))?;
        let listed: Value = read(&models)?;
        let ids = listed["data"].as_array().into_iter().flatten();
        found.models = ids.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect();
        let two = self.probe_question(at, 2, 7, false)?.0;
        found.choices_of_two = two.choices.len() as u32;
        found.usage = two.usage.prompt_tokens > 0;
        let digit = digit();
        let read = |decoded: &Decoded| -> Vec<Option<Answer>> {
            decoded.choices.iter().map(|(_, text, _)| parse(&digit, text).ok()).collect()
        };
        let answers = read(&two);
        found.constrained = answers.iter().all(Option::is_some);
        if found.choices_of_two == 2 {
            let second = self.probe_question(at, 1, 8, false)?.0;
            let again = self.probe_question(at, 2, 7, false)?.0;
            found.seeds_consecutive =
                Some(read(&again) == answers && read(&second).first() == answers.get(1));
        }
        // Some servers refuse the field altogether, which is an answer too.
        found.logprobs = self.probe_question(at, 1, 7, true).is_ok_and(|(_, logprobs)| logprobs);
        found.tokenizer = self.count_tokens(at, "How many tokens are these?").is_some();
        let vectors = self.embed(at, &["How many numbers are these?"]);
        found.embedding = vectors.ok().and_then(|vectors| Some(vectors.first()?.len() as u64));
        let props = self.wait(self.get(at, "/props", true)).ok();
        let props: Option<Value> =
            props.and_then(|landed| serde_json::from_slice(&landed.body).ok());
        found.slots = props.and_then(|props| props["total_slots"].as_u64());
        Ok(())
    }

    /// Asks for `choices` digits; returns them and whether log-probabilities came.
    fn probe_question(
        &self,
        at: Address,
        choices: u32,
        seed: u64,
        logprobs: bool,
    ) -> Result<(Decoded, bool), ServiceError> {
        let mut model = self.config.models[usize::from(at.model)].clone();
        let endpoint = &model.endpoints[usize::from(at.endpoint)];
        let quirks = endpoint.quirks.apply(endpoint.server.quirks());
        model.max_tokens = model.max_tokens.min(64);
        let mut head = request::head(&model, &quirks, &digit());
        if logprobs {
            head.push_str(r#","logprobs":true,"top_logprobs":2"#);
        }
        let mut prompts = Prompts::new();
        let words = [(Role::User, "Say one digit from 0 to 9 and nothing else.")];
        let prompt =
            prompts.ask(&words).map_err(|error| ServiceError::Unsupported(error.to_string()))?;
        let asked = (model.api, prompt);
        let body: Bytes = request::body(&head, choices, Some(seed), &prompts, asked, None);
        let path = model.api.path();
        let landed = self.wait(async {
            crate::service::good(
                self.http.post_to(at, path, false, "application/json", body).await?,
            )
        })?;
        let decoded = decode(&landed.body, choices)
            .map_err(|error| ServiceError::Reply(error.to_string()))?;
        let value: Value = read(&landed)?;
        let content = &value["choices"][0]["logprobs"]["content"];
        Ok((decoded, content.as_array().is_some_and(|tokens| !tokens.is_empty())))
    }
}

fn digit() -> AnswerSpec {
    AnswerSpec::Integer { min: 0, max: 9 }
}
