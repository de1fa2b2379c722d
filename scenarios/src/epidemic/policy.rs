//! How people decide whether to stay at home.

use serde::Deserialize;
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Citizen {
    /// Goes out whatever happens: the textbook's epidemic.
    Careless,
    /// Stays at home while more people are infectious than this share.
    Cautious {
        /// The share of infectious people that is too much.
        #[serde(default = "above")]
        above: f64,
    },
}

const fn above() -> f64 {
    0.01
}

impl PolicySet for Citizen {
    fn catalogue() -> Vec<PolicyEntry> {
        let source = "W. Kermack and A. McKendrick, \"A contribution to the mathematical theory of epidemics\", 1927";
        let about = "goes out whatever happens";
        let careless = PolicyEntry { name: "careless", about, source, parameters: Vec::new() };
        let about = "stays at home while more people are infectious than a share";
        let parameters =
            vec![("above", "the share that is too much (default 0.01; 0 to 1)".to_owned())];
        vec![careless, PolicyEntry { name: "cautious", about, source, parameters }]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let citizen = read_policy(&Self::catalogue(), policy, parameters)?;
        let problem = match &citizen {
            Self::Careless => None,
            Self::Cautious { above } => out_of_range("above", *above, 0.0, 1.0),
        };
        problem.map_or(Ok(citizen), Err)
    }
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
