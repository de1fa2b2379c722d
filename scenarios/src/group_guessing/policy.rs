//! What members report, what they are told, and how they guess without a model.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_systems::prelude::*;

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
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Guesser {
    /// Answers the last target of the groups, the first time ratio × 50, with an error.
    BestResponse {
        /// Standard deviation of the error.
        #[serde(default = "error")]
        #[schemars(range(min = 0.0, max = 100.0))]
        error: f64,
    },
    /// Answers any number with equal probability.
    Uniform,
}

const fn error() -> f64 {
    5.0
}

impl DescribedPolicies for Guesser {
    const SOURCE: &'static str =
        "R. Nagel, \"Unraveling in Guessing Games\", American Economic Review 85(5), 1995";
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
