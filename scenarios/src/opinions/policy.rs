//! How people change their opinions.

use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

/// An opinion from 0 (against) to 1 (for), with four decimals.
#[derive(
    Component, Answer, Columns, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize,
)]
pub struct Opinion(#[answer(min = 0, max = 1, decimals = 4)] pub Decimal);

/// Nothing is announced.
#[derive(Resource, Debug, Default)]
pub struct News;

/// What a person has heard this round.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Its own opinion.
    pub own: Decimal,
    /// The opinion of the contact it talked to, if that was near enough.
    pub partner: Option<Decimal>,
    /// Sum of the contacts' opinions that were near enough, in units.
    pub sum: i64,
    /// Contacts whose opinions were near enough.
    pub near: u32,
    /// All contacts.
    pub contacts: u32,
}

impl Seen {
    /// The mean of all opinions that were near enough, the own one included.
    pub fn mean_of_near(&self) -> Decimal {
        let (sum, count) = (self.sum + i64::from(self.own.units()), i64::from(self.near) + 1);
        // Rounded half up; all numbers are positive.
        Decimal::from_units(((2 * sum + count) / (2 * count)) as i32)
    }
}

/// Members of the society without a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Member {
    /// Moves part of the way toward one contact.
    Deffuant {
        /// The part of the difference that is made up for.
        #[serde(default = "pace")]
        pace: f64,
    },
    /// Takes the mean of all opinions that are near enough.
    HegselmannKrause,
    /// Never changes its opinion.
    Stubborn,
}

const fn pace() -> f64 {
    0.5
}

impl PolicySet for Member {
    fn catalogue() -> Vec<PolicyEntry> {
        let parameters = vec![(
            "pace",
            "the part of the difference made up for (default 0.5; 0 to 1)".to_owned(),
        )];
        let source = "G. Deffuant and others, \"Mixing beliefs among interacting agents\", 2000";
        let about = "moves part of the way toward one contact, drawn anew each round";
        let deffuant = PolicyEntry { name: "deffuant", about, source, parameters };
        let source =
            "R. Hegselmann and U. Krause, \"Opinion dynamics and bounded confidence\", 2002";
        let about = "takes the mean of all opinions that are near enough";
        let krause =
            PolicyEntry { name: "hegselmann-krause", about, source, parameters: Vec::new() };
        let about = "never changes its opinion";
        vec![
            deffuant,
            krause,
            PolicyEntry { name: "stubborn", about, source, parameters: Vec::new() },
        ]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let member = read_policy(&Self::catalogue(), policy, parameters)?;
        let problem = match &member {
            Self::Deffuant { pace } => out_of_range("pace", *pace, 0.0, 1.0),
            Self::HegselmannKrause | Self::Stubborn => None,
        };
        problem.map_or(Ok(member), Err)
    }
}

impl Policy<Opinion> for Member {
    type Sees = Seen;
    type News = News;
    type Round = ();

    fn begin(&self, _: &News) {}

    fn answer(&self, (): &(), chunk: Chunk<'_, Opinion, Seen>) {
        chunk.answer(|seen, _| {
            Opinion(match self {
                Self::Deffuant { pace } => {
                    let difference =
                        seen.partner.map_or(0, |other| other.units() - seen.own.units());
                    Decimal::from_units(seen.own.units() + (pace * f64::from(difference)) as i32)
                }
                Self::HegselmannKrause => seen.mean_of_near(),
                Self::Stubborn => seen.own,
            })
        });
    }
}
