//! Kinds of givers that experiments find.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

/// What a member gives to the pot.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gift(#[answer(min = 0, max = 20, decimals = 0)] pub i32);

/// What a member gave this round, if it said anything.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given(pub Option<u32>);

/// What a member remembers of the last round.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
pub struct Past {
    /// What it gave.
    pub own: Option<u32>,
    /// What the others of its group gave on average.
    pub others: Option<f64>,
}

/// What everyone knows.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// What each member gets in each round.
    pub endowment: u32,
}

/// A kind of giver.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Giver {
    /// Gives half at first, then a part of what the others gave on average.
    Reciprocal {
        /// The part of the others' mean that it matches.
        #[serde(default = "matches")]
        #[schemars(range(min = 0.0, max = 10.0))]
        matches: f64,
    },
    /// Gives nothing.
    FreeRider,
    /// Gives everything.
    Altruist,
}

const fn matches() -> f64 {
    0.9
}

impl DescribedPolicies for Giver {
    const SOURCE: &'static str =
        "U. Fischbacher, S. Gächter and E. Fehr, \"Are people conditionally cooperative?\", 2001";
}

impl Policy<Gift> for Giver {
    type Sees = Past;
    type News = News;
    type Round = u32;

    fn begin(&self, news: &News) -> u32 {
        news.endowment
    }

    fn answer(&self, endowment: &u32, chunk: Chunk<'_, Gift, Past>) {
        let all = f64::from(*endowment);
        chunk.answer(|past, _| {
            let gift = match self {
                Self::Reciprocal { matches } => {
                    past.others.map_or(0.5 * all, |mean| matches * mean)
                }
                Self::FreeRider => 0.0,
                Self::Altruist => all,
            };
            Gift(gift.clamp(0.0, all).round_ties_even() as i32)
        });
    }
}
