//! How players whose model reads are asked; policies do not see it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a model reasons before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Thinking {
    /// It answers at once.
    #[default]
    Direct,
    /// It writes down its reasoning first, in the same reply.
    StepByStep,
}

/// What the rules say about the other players.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// Nothing.
    #[default]
    None,
    /// That all of them are rational.
    Rational,
    /// That all of them try to foresee what the others do.
    Strategic,
}
