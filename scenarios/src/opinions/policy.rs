//! What people say, and how they change their opinions without a model.

use serde::Deserialize;
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Member {
    /// Moves part of the way toward one contact.
    Deffuant {
        /// The part of the difference that is made up for.
        #[serde(default = "half")]
        pace: f64,
        /// The probability of passing on the rumour.
        #[serde(default = "half")]
        tells: f64,
    },
    /// Takes the mean of all opinions that are near enough.
    HegselmannKrause {
        /// The probability of passing on the rumour.
        #[serde(default = "half")]
        tells: f64,
    },
    /// Never changes its opinion.
    Stubborn {
        /// The probability of passing on the rumour.
        #[serde(default = "half")]
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

impl PolicySet for Member {
    fn catalogue() -> Vec<PolicyEntry> {
        let text = "the probability of passing on the rumour in a round (default 0.5; 0 to 1)";
        let tells = || ("tells", text.to_owned());
        let text = "the part of the difference made up for (default 0.5; 0 to 1)";
        let pace = ("pace", text.to_owned());
        let krause =
            "R. Hegselmann and U. Krause, \"Opinion dynamics and bounded confidence\", 2002";
        let entry =
            |name, about, source, parameters| PolicyEntry { name, about, source, parameters };
        vec![
            entry(
                "deffuant",
                "moves part of the way toward one contact, drawn anew each round",
                "G. Deffuant and others, \"Mixing beliefs among interacting agents\", 2000",
                vec![pace, tells()],
            ),
            entry(
                "hegselmann-krause",
                "takes the mean of all opinions that are near enough",
                krause,
                vec![tells()],
            ),
            entry("stubborn", "never changes its opinion", krause, vec![tells()]),
        ]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let member = read_policy(&Self::catalogue(), policy, parameters)?;
        let pace = if let Self::Deffuant { pace, .. } = &member { *pace } else { half() };
        let problem = out_of_range("pace", pace, 0.0, 1.0);
        problem.or(out_of_range("tells", member.tells(), 0.0, 1.0)).map_or(Ok(member), Err)
    }
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
