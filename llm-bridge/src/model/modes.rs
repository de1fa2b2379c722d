//! Ways of asking that a model may be set to: for chances instead of answers, or by batch files.

use super::{Api, Kind, ModelConfig};
use crate::distribution::quotes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a model's answers are drawn from the chances that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DistributionConfig {
    /// Most probability, 0 to 1, of tokens that the server did not list; past it a question has no answer.
    pub missing_max: f64,
}

impl Default for DistributionConfig {
    fn default() -> Self {
        Self { missing_max: 0.01 }
    }
}

/// How a model's questions go out as batch files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchFileConfig {
    /// What the service asks for a batch file's replies, as a share of the model's prices.
    pub price_factor: f64,
    /// Seconds between two looks at where a batch stands.
    pub look_every_s: f64,
    /// Hours after which a batch that has not ended is an error; one can resume later.
    pub hours_max: f64,
}

impl Default for BatchFileConfig {
    fn default() -> Self {
        Self { price_factor: 0.5, look_every_s: 60.0, hours_max: 25.0 }
    }
}

impl DistributionConfig {
    /// Why the chances that `model` gives are not those with which it answers, or cannot be read.
    pub(super) fn problem(self, model: &ModelConfig) -> Option<String> {
        let unchanged = (model.temperature - 1.0).abs() + (model.top_p - 1.0).abs() < f64::EPSILON;
        let writes: Vec<Option<bool>> =
            model.endpoints.iter().map(|endpoint| quotes(&endpoint.quirks())).collect();
        let problem = if !(0.0..=1.0).contains(&self.missing_max) {
            "has a `missing_max` that is no probability; write a number from 0 to 1"
        } else if model.kind == Kind::Scripted {
            "is for models on servers; a scripted one has no chances"
        } else if model.api == Api::Completions {
            "needs `api = \"chat\"`; text completions list chances in another form"
        } else if !unchanged {
            "needs temperature = 1 and top_p = 1; other chances are not those of the reply"
        } else if writes.contains(&None) {
            "needs servers that tell the chances of constrained tokens; one of its endpoints is of another kind"
        } else if writes.windows(2).any(|pair| pair[0] != pair[1]) {
            "needs endpoints that write answers alike; give them the same `constraint`"
        } else {
            return None;
        };
        Some(problem.to_owned())
    }
}

impl BatchFileConfig {
    pub(super) fn problem(self, model: &ModelConfig) -> Option<&'static str> {
        let Self { price_factor, look_every_s, hours_max } = self;
        if model.kind == Kind::Scripted {
            Some("is for models on servers; a scripted one answers at once")
        } else if model.distribution.is_some() {
            Some(
                "does not go with `distribution`, which asks one token after another; leave one out",
            )
        } else if !(0.0..=1.0).contains(&price_factor) {
            Some("has a `price_factor` that is not from 0 to 1")
        } else if !(0.001..=86_400.0).contains(&look_every_s)
            || !(0.0..=1_000.0).contains(&hours_max)
        {
            Some("has an absurd time; look every 0.001 to 86400 s, for at most 1000 hours")
        } else {
            None
        }
    }
}
