//! How people decide whether to stay at home.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_systems::prelude::*;

use super::Case;

/// What a person does today.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go out as usual.
    Out,
    /// Stay at home and meet nobody.
    Home,
}

/// What everyone knows of yesterday.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct News {
    /// The share of people who are infectious.
    pub infectious: f64,
}

/// People without a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Citizen {
    /// Goes out whatever happens.
    Careless,
    /// Stays at home while more people are infectious than a share.
    Cautious {
        /// The share that is too much.
        #[serde(default = "above")]
        #[schemars(range(min = 0.0, max = 1.0))]
        above: f64,
    },
}

const fn above() -> f64 {
    0.01
}

impl DescribedPolicies for Citizen {
    const SOURCE: &'static str = "W. Kermack and A. McKendrick, \"A contribution to the mathematical theory of \
        epidemics\", 1927";
}

impl Policy<Choice> for Citizen {
    type Sees = Case;
    type News = News;
    type Round = Choice;

    fn begin(&self, news: &News) -> Choice {
        match self {
            Self::Cautious { above } if news.infectious > *above => Choice::Home,
            Self::Careless | Self::Cautious { .. } => Choice::Out,
        }
    }

    fn answer(&self, choice: &Choice, chunk: Chunk<'_, Choice, Case>) {
        chunk.answer(|_, _| *choice);
    }
}
