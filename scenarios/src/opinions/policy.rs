//! What people say, and how they change their opinions without a model.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_systems::prelude::*;

use super::seen::Seen;

/// Where a person stands now, and what it writes to those who follow it.
#[derive(Answer, Columns, Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// Your opinion now, from 0 (fully against) to 1 (fully for).
    #[answer(min = 0, max = 1, decimals = 4)]
    pub opinion: Decimal,
    /// What you write to those who follow you, in a sentence or two; an empty text to write nothing.
    #[answer(chars_max = 280)]
    #[column(skip)]
    pub post: String,
}

/// What everyone knows: the words of the rumour, for those who have heard it.
#[derive(Resource, Clone, Debug, Default)]
pub struct News {
    /// The rumour.
    pub rumour: String,
}

/// Members of the society without a model. All write down the rumour with a probability, once they know it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Member {
    /// Moves part of the way toward one contact, drawn anew each round.
    Deffuant {
        /// The part of the difference made up for.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        pace: f64,
        /// The probability of passing on the rumour in a round.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        tells: f64,
    },
    /// Takes the mean of all opinions that are near enough.
    HegselmannKrause {
        /// The probability of passing on the rumour in a round.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        tells: f64,
    },
    /// Never changes its opinion.
    Stubborn {
        /// The probability of passing on the rumour in a round.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        tells: f64,
    },
}

const fn half() -> f64 {
    0.5
}

impl Member {
    const fn tells(&self) -> f64 {
        let (Self::Deffuant { tells, .. }
        | Self::HegselmannKrause { tells }
        | Self::Stubborn { tells }) = self;
        *tells
    }
}

impl DescribedPolicies for Member {
    const SOURCE: &'static str = "G. Deffuant and others, \"Mixing beliefs among interacting agents\", 2000; \
        R. Hegselmann and U. Krause, \"Opinion dynamics and bounded confidence\", 2002";
}

impl Policy<Statement> for Member {
    type Sees = Seen;
    type News = News;
    type Round = String;

    fn begin(&self, news: &News) -> String {
        news.rumour.clone()
    }

    fn answer(&self, rumour: &String, chunk: Chunk<'_, Statement, Seen>) {
        chunk.answer(|seen, stream| {
            let opinion = match self {
                Self::Deffuant { pace, .. } => {
                    let difference =
                        seen.partner.map_or(0, |other| other.units() - seen.own.units());
                    Decimal::from_units(seen.own.units() + (pace * f64::from(difference)) as i32)
                }
                Self::HegselmannKrause { .. } => seen.mean_of_near(),
                Self::Stubborn { .. } => seen.own,
            };
            let tells = seen.fresh && stream.uniform() < self.tells();
            Statement { opinion, post: if tells { rumour.clone() } else { String::new() } }
        });
    }
}
