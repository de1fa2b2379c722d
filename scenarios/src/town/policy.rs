//! Whom people meet, whom they remember, and what they say without a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

/// People that one remembers; the oldest acquaintance is forgotten.
const MET_MAX: usize = 4;

/// What a person says to the one it meets; nothing when it passes by.
#[derive(Answer, Columns, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words(#[answer(chars_max = 200)] pub String);

impl Words {
    /// Whether nothing is said.
    pub fn is_silence(&self) -> bool {
        self.0.trim().is_empty()
    }
}

/// Whom a person meets and whom it has talked to lately.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// Whom it has met last, if anyone was there.
    pub other: Option<AgentId>,
    /// Times it has talked to someone or was talked to, since the beginning.
    pub talks: u32,
    /// Who has spoken to it in this exchange.
    #[column(skip)]
    pub spoken_to: Option<AgentId>,
    /// Whether it has just arrived.
    #[column(skip)]
    pub arrives: bool,
    #[column(skip)]
    met: [Option<AgentId>; MET_MAX],
}

impl Company {
    /// Whom it has talked to, latest first, each once.
    pub fn met(&self) -> impl Iterator<Item = AgentId> {
        self.met.into_iter().flatten()
    }

    pub(super) fn remember(&mut self, other: AgentId) {
        self.talks += 1;
        let known = self.met.iter().position(|met| *met == Some(other)).unwrap_or(MET_MAX - 1);
        self.met[..=known].rotate_right(1);
        self.met[0] = Some(other);
    }
}

/// Nothing is announced.
#[derive(Resource, Debug, Default)]
pub struct News;

/// A person without a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Townsman {
    /// Answers, talks to acquaintances, and to strangers sometimes.
    Sociable {
        /// The probability of talking to a stranger.
        #[serde(default = "strangers")]
        #[schemars(range(min = 0.0, max = 1.0))]
        strangers: f64,
    },
    /// Never talks.
    Shy,
}

const fn strangers() -> f64 {
    0.3
}

impl DescribedPolicies for Townsman {
    const SOURCE: &'static str = "the scenario's own";
}

impl Policy<Words> for Townsman {
    type Sees = Company;
    type News = News;
    type Round = ();

    fn begin(&self, _: &News) {}

    fn answer(&self, (): &(), chunk: Chunk<'_, Words, Company>) {
        chunk.answer(|company, stream| {
            let Self::Sociable { strangers } = self else { return Words::default() };
            let knows = |other| company.met().any(|met| met == other);
            Words(match (company.spoken_to, company.other) {
                (Some(other), _) => format!("Good to see you, {other}."),
                (None, Some(other)) if knows(other) => format!("How are you, {other}?"),
                (None, Some(other)) if stream.uniform() < *strangers => {
                    format!("Good day, {other}. We have not met.")
                }
                _ => String::new(),
            })
        });
    }
}
