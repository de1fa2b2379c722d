//! Whom people meet, and whether they talk to them.

use serde::Deserialize;
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

/// People that one remembers; the oldest acquaintance is forgotten.
const MET_MAX: usize = 4;

/// What a person does about the one it meets.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Talk to the person you meet.
    Talk,
    /// Keep to yourself.
    Pass,
}

/// Where a person is, whom it meets there and whom it has talked to lately.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// The kind of place: 0 at home, 1 at work, 2 in a park.
    pub place: u8,
    /// Whom it meets, if anyone is there.
    pub other: Option<AgentId>,
    /// Whether anyone has talked to it since the beginning.
    pub greeted: bool,
    /// People it has talked to, since the beginning, each as often as they talked.
    pub talks: u32,
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Townsman {
    /// Talks to acquaintances, and to strangers sometimes.
    Sociable {
        /// The probability of talking to a stranger.
        #[serde(default = "strangers")]
        strangers: f64,
    },
    /// Never talks.
    Shy,
}

const fn strangers() -> f64 {
    0.3
}

impl PolicySet for Townsman {
    fn catalogue() -> Vec<PolicyEntry> {
        let source = "the scenario's own";
        let parameters = vec![(
            "strangers",
            "the probability of talking to a stranger (default 0.3; 0 to 1)".to_owned(),
        )];
        let about = "talks to acquaintances, and to strangers sometimes";
        let sociable = PolicyEntry { name: "sociable", about, source, parameters };
        vec![
            sociable,
            PolicyEntry { name: "shy", about: "never talks", source, parameters: Vec::new() },
        ]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let person = read_policy(&Self::catalogue(), policy, parameters)?;
        let problem = match &person {
            Self::Sociable { strangers } => out_of_range("strangers", *strangers, 0.0, 1.0),
            Self::Shy => None,
        };
        problem.map_or(Ok(person), Err)
    }
}

impl Policy<Choice> for Townsman {
    type Sees = Company;
    type News = News;
    type Round = ();

    fn begin(&self, _: &News) {}

    fn answer(&self, (): &(), chunk: Chunk<'_, Choice, Company>) {
        chunk.answer(|company, stream| {
            let known = company.other.is_some_and(|other| company.met().any(|met| met == other));
            let talks = match self {
                Self::Sociable { strangers } => known || stream.uniform() < *strangers,
                Self::Shy => false,
            };
            if talks { Choice::Talk } else { Choice::Pass }
        });
    }
}
