//! Kinds of givers that experiments find.

use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

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
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Giver {
    /// Gives what the others gave on average, or a little less.
    Reciprocal {
        /// The part of the others' mean that it matches.
        #[serde(default = "matches")]
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

impl PolicySet for Giver {
    fn catalogue() -> Vec<PolicyEntry> {
        let source = "U. Fischbacher, S. Gächter and E. Fehr, \"Are people conditionally cooperative?\", 2001";
        let parameters = vec![(
            "matches",
            "the part of the others' mean that it matches (default 0.9; 0 to 10)".to_owned(),
        )];
        let about = "gives half at first, then a part of what the others gave on average";
        let entry = |name, about| PolicyEntry { name, about, source, parameters: Vec::new() };
        vec![
            PolicyEntry { name: "reciprocal", about, source, parameters },
            entry("free-rider", "gives nothing"),
            entry("altruist", "gives everything"),
        ]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let giver = read_policy(&Self::catalogue(), policy, parameters)?;
        let problem = match &giver {
            Self::Reciprocal { matches } => out_of_range("matches", *matches, 0.0, 10.0),
            Self::FreeRider | Self::Altruist => None,
        };
        problem.map_or(Ok(giver), Err)
    }
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
