//! What members report, what they are told, and how they guess without a model.

use serde::Deserialize;
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

/// The group of a member, from 1.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group(pub u32);

/// A member's number.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct Number(#[answer(min = 0, max = 100, decimals = 2)] pub Decimal);

/// What everyone was told last: the target and every group's number, none before the first round.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct News {
    /// The target.
    pub target: Option<Decimal>,
    /// The group numbers; nothing for a group in which nobody answered.
    pub numbers: Vec<Option<Decimal>>,
    pub(super) ratio: f64,
}

/// How members guess without a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Guesser {
    /// Ratio × the mean of the last group numbers, with an error.
    BestResponse {
        /// Standard deviation of the error.
        #[serde(default = "error")]
        error: f64,
    },
    /// Any number.
    Uniform,
}

const fn error() -> f64 {
    5.0
}

impl PolicySet for Guesser {
    fn catalogue() -> Vec<PolicyEntry> {
        let source =
            "R. Nagel, \"Unraveling in Guessing Games\", American Economic Review 85(5), 1995";
        let parameters =
            vec![("error", "standard deviation of the error (default 5; 0 to 100)".to_owned())];
        let about =
            "answers the last target of the groups, the first time ratio × 50, with an error";
        let best = PolicyEntry { name: "best-response", about, source, parameters };
        let about = "answers any number with equal probability";
        vec![best, PolicyEntry { name: "uniform", about, source, parameters: Vec::new() }]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let guesser = read_policy(&Self::catalogue(), policy, parameters)?;
        let problem = match &guesser {
            Self::BestResponse { error } => out_of_range("error", *error, 0.0, 100.0),
            Self::Uniform => None,
        };
        problem.map_or(Ok(guesser), Err)
    }
}

impl Policy<Number> for Guesser {
    type Sees = Group;
    type News = News;
    type Round = f64;

    fn begin(&self, news: &News) -> f64 {
        news.target.map_or(50.0, Decimal::to_f64) * news.ratio
    }

    fn answer(&self, aim: &f64, chunk: Chunk<'_, Number, Group>) {
        chunk.answer(|_, stream| {
            let guess = match self {
                Self::BestResponse { error } => aim + error * stream.normal(),
                Self::Uniform => stream.between(0.0, 100.0),
            };
            Number(Decimal::nearest(guess.clamp(0.0, 100.0), 2).unwrap_or_default())
        });
    }
}
