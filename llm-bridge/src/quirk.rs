//! What servers do differently, as data: one row per kind of server, each field open to be overridden.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of server; only a first guess of its quirks, which the probe and the replies correct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's own server.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// OpenAI's service, and services that follow it to the letter.
    Hosted,
    /// The `LiteLLM` proxy.
    LiteLlm,
    /// Any other OpenAI-compatible server.
    #[default]
    Other,
}

/// How an answer's type is told to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintField {
    /// `response_format` with a JSON schema.
    JsonSchema,
    /// `structured_outputs` with a regular expression for closed answers, a schema for others.
    StructuredOutputs,
    /// `grammar` in GBNF for closed answers, `response_format` for others.
    Grammar,
    /// Not at all: the prompt says it and the reply is parsed.
    None,
}

/// How the choices of one request are seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seeds {
    /// Choice i of a request with seed s is drawn with seed s + i.
    Consecutive,
    /// The server knows no seed, or gives one seed to all choices: none is sent.
    None,
}

/// Whether the log-probabilities of tokens are those after the constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Logprobs {
    /// After the constraint's mask, before temperature.
    AfterMask,
    /// Before the mask; `post_sampling_probs` gives those after it.
    PostSampling,
    /// None are given.
    None,
}

/// How a reply that has begun is continued, which reading a distribution needs after the first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Continuation {
    /// The last message is the assistant's and `continue_final_message` is set.
    Flag,
    /// The last message is the assistant's.
    LastMessage,
    /// It cannot be continued.
    None,
}

/// One row of the table.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quirks {
    /// How an answer's type is told.
    pub constraint: ConstraintField,
    /// Whether a schema's root must be an object.
    pub root_object: bool,
    /// Whether the length is bounded by `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Most choices per request, until something better is known.
    pub n_max: u32,
    /// How choices are seeded.
    pub seeds: Seeds,
    /// Whether `top_k` and `min_p` are sent so that the server's own defaults do not apply.
    pub neutral_sampling: bool,
    /// What log-probabilities mean.
    pub logprobs: Logprobs,
    /// Most alternatives listed per token.
    pub top_logprobs_max: u32,
    /// How a begun reply is continued.
    pub continuation: Continuation,
    /// Whether `usage.completion_tokens` counts one choice only.
    pub usage_of_one_choice: bool,
}

/// Overrides of single quirks; a field left out keeps the row's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuirkOverrides {
    /// See `Quirks::constraint`.
    pub constraint: Option<ConstraintField>,
    /// See `Quirks::root_object`.
    pub root_object: Option<bool>,
    /// See `Quirks::max_completion_tokens`.
    pub max_completion_tokens: Option<bool>,
    /// See `Quirks::n_max`.
    pub n_max: Option<u32>,
    /// See `Quirks::seeds`.
    pub seeds: Option<Seeds>,
    /// See `Quirks::neutral_sampling`.
    pub neutral_sampling: Option<bool>,
    /// See `Quirks::logprobs`.
    pub logprobs: Option<Logprobs>,
    /// See `Quirks::top_logprobs_max`.
    pub top_logprobs_max: Option<u32>,
    /// See `Quirks::continuation`.
    pub continuation: Option<Continuation>,
    /// See `Quirks::usage_of_one_choice`.
    pub usage_of_one_choice: Option<bool>,
}

/// The row of a server that follows the hosted service's rules.
const PORTABLE: Quirks = Quirks {
    constraint: ConstraintField::JsonSchema,
    root_object: false,
    max_completion_tokens: false,
    n_max: 16,
    seeds: Seeds::Consecutive,
    neutral_sampling: false,
    logprobs: Logprobs::AfterMask,
    top_logprobs_max: 20,
    continuation: Continuation::None,
    usage_of_one_choice: false,
};

impl ServerKind {
    /// The quirks known of this kind of server.
    pub fn quirks(self) -> Quirks {
        match self {
            Self::Vllm => Quirks {
                constraint: ConstraintField::StructuredOutputs,
                n_max: 128,
                neutral_sampling: true,
                continuation: Continuation::Flag,
                ..PORTABLE
            },
            Self::Sglang => Quirks {
                n_max: 128,
                seeds: Seeds::None,
                neutral_sampling: true,
                continuation: Continuation::Flag,
                ..PORTABLE
            },
            Self::LlamaCpp => Quirks {
                constraint: ConstraintField::Grammar,
                n_max: 1,
                neutral_sampling: true,
                logprobs: Logprobs::PostSampling,
                top_logprobs_max: 256,
                continuation: Continuation::LastMessage,
                usage_of_one_choice: true,
                ..PORTABLE
            },
            Self::Ollama => Quirks { n_max: 1, logprobs: Logprobs::None, ..PORTABLE },
            Self::Hosted => Quirks {
                root_object: true,
                max_completion_tokens: true,
                n_max: 64,
                seeds: Seeds::None,
                ..PORTABLE
            },
            Self::LiteLlm => Quirks { root_object: true, n_max: 1, seeds: Seeds::None, ..PORTABLE },
            Self::Other => PORTABLE,
        }
    }
}

impl QuirkOverrides {
    /// `row` with these overrides.
    pub fn apply(&self, row: Quirks) -> Quirks {
        Quirks {
            constraint: self.constraint.unwrap_or(row.constraint),
            root_object: self.root_object.unwrap_or(row.root_object),
            max_completion_tokens: self.max_completion_tokens.unwrap_or(row.max_completion_tokens),
            n_max: self.n_max.unwrap_or(row.n_max),
            seeds: self.seeds.unwrap_or(row.seeds),
            neutral_sampling: self.neutral_sampling.unwrap_or(row.neutral_sampling),
            logprobs: self.logprobs.unwrap_or(row.logprobs),
            top_logprobs_max: self.top_logprobs_max.unwrap_or(row.top_logprobs_max),
            continuation: self.continuation.unwrap_or(row.continuation),
            usage_of_one_choice: self.usage_of_one_choice.unwrap_or(row.usage_of_one_choice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_changes_only_its_own_field() {
        let overrides: QuirkOverrides = toml::from_str("n_max = 8\nseeds = 'none'").unwrap();
        let row = ServerKind::LlamaCpp.quirks();
        let expected = Quirks { n_max: 8, seeds: Seeds::None, ..row };
        assert_eq!(overrides.apply(row), expected);
        assert!(toml::from_str::<QuirkOverrides>("nmax = 8").is_err());
    }
}
