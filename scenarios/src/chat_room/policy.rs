//! What members hear and what they say without a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

use super::rooms::name_of;

/// Lines that a member keeps in mind; the oldest are forgotten.
const LINES_MAX: usize = 20;

/// What a member says; nothing when it keeps silent.
#[derive(Answer, Columns, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words(#[answer(chars_max = 280)] pub String);

impl Words {
    /// Whether nothing is said.
    pub fn is_silence(&self) -> bool {
        self.0.trim().is_empty()
    }
}

/// Whether a member is in the room, and what it has heard since it came.
#[derive(Component, Columns, Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Whether the member is in the room.
    pub inside: bool,
    /// Who mentioned it in the last exchange, if anyone did.
    pub mentioned_by: Option<AgentId>,
    /// Whether the member has come in before this round.
    #[column(skip)]
    pub came: bool,
    /// The last lines heard since the member came.
    #[column(skip)]
    pub heard: Vec<String>,
}

impl Present {
    pub(super) fn hear(&mut self, from: &str, words: &str) {
        if self.heard.len() == LINES_MAX {
            self.heard.remove(0);
        }
        self.heard.push(format!("@{from}: {words}"));
    }
}

/// Whether words mention somebody: an at sign before the whole name.
pub(super) fn mentions(words: &str, name: &str) -> bool {
    words.split('@').skip(1).any(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        rest[..end] == *name
    })
}

/// What everyone knows.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct News {
    /// Members of a room, from whose number their names follow.
    pub members: u32,
}

/// A member without a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Member {
    /// Answers whoever mentions it, and sometimes addresses who spoke last.
    Polite {
        /// The probability of speaking unasked.
        #[serde(default = "talks")]
        #[schemars(range(min = 0.0, max = 1.0))]
        talks: f64,
    },
    /// Says nothing.
    Silent,
}

const fn talks() -> f64 {
    0.3
}

impl DescribedPolicies for Member {
    const SOURCE: &'static str = "the scenario's own";
}

impl Policy<Words> for Member {
    type Sees = Present;
    type News = News;
    type Round = u32;

    fn begin(&self, news: &News) -> u32 {
        news.members
    }

    fn answer(&self, members: &u32, chunk: Chunk<'_, Words, Present>) {
        chunk.answer(|present, stream| {
            let Self::Polite { talks } = self else { return Words::default() };
            let unasked = stream.uniform() < *talks;
            Words(match (present.mentioned_by, present.heard.last()) {
                (Some(other), _) => {
                    format!("Glad to hear from you, @{}.", name_of(other, *members))
                }
                (None, Some(line)) if unasked => {
                    let speaker = line.split(':').next().unwrap_or_default();
                    format!("What do you think, {speaker}?")
                }
                (None, None) if unasked => "Hello, everyone.".to_owned(),
                _ => String::new(),
            })
        });
    }
}
