//! What the journal keeps of a paid request: the request, and a text for each of its agents.

use super::format::{CALL_BYTES, CHOICE_BYTES, HEAD_BYTES};
use crate::layout::ROUND_MAX;
use std::sync::Arc;

/// Most agents that one request may answer.
pub const CHOICES_MAX: usize = 16_384;
/// Most bytes that the texts of one record may have together.
pub const RECORD_TEXT_BYTES_MAX: usize = 32 << 20;

/// A request that was paid, whatever it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The round.
    pub round: u32,
    /// Which exchange of the round, from 0.
    pub exchange: u32,
    /// Which question of its agents: 0 is the first, each invalid reply adds one.
    pub attempt: u8,
    /// Digest of the prompt.
    pub prompt: [u8; 32],
    /// Fingerprint of the model.
    pub model: [u8; 32],
    /// Digest of the sampling parameters and of the answer's type.
    pub parameters: [u8; 32],
    /// The model's place in the configuration.
    pub model_index: u16,
    /// The endpoint's place in the model's list.
    pub endpoint: u16,
    /// Time from sending to the whole reply, in microseconds.
    pub latency_us: u32,
    /// Tokens of the whole request.
    pub tokens: Tokens,
    /// Price of the whole request, in millionths of a millionth of a US dollar.
    pub cost: u64,
}

/// Tokens as a server counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of prompts, cached ones included.
    pub prompt: u32,
    /// Of completions.
    pub completion: u32,
    /// Of prompts that the server had cached.
    pub cached: u32,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// At its end.
    Stop,
    /// At the token limit.
    Length,
    /// The server's filter or the model withheld it.
    Withheld,
}

/// What one agent got from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The agent.
    pub agent: u64,
    /// The text, as the server sent it.
    pub text: Box<str>,
    /// Why the text ended.
    pub finish: Finish,
}

/// All completions of one request; they become durable together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// The request.
    pub call: Call,
    /// What its agents got, at least one.
    pub choices: Vec<Choice>,
}

/// Identity of a completion; nothing in it depends on arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalKey {
    /// The round.
    pub round: u32,
    /// Which exchange of the round.
    pub exchange: u32,
    /// For whom.
    pub agent: u64,
    /// Which question of its agent.
    pub attempt: u8,
    /// Digest of the prompt.
    pub prompt: [u8; 32],
    /// Fingerprint of the model.
    pub model: [u8; 32],
    /// Digest of the sampling parameters and of the answer's type.
    pub parameters: [u8; 32],
}

/// One agent's part of a paid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalCompletion {
    /// The text, as the server sent it.
    pub text: Box<str>,
    /// Why the text ended.
    pub finish: Finish,
    /// Its share of the request's tokens.
    pub tokens: Tokens,
    /// Its share of the request's price, in millionths of a millionth of a US dollar.
    pub cost: u64,
}

/// Why a record did not become durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The record breaks a limit of the format; others are not affected.
    #[error("the journal refused a record: {0}")]
    Refused(String),
    /// The record's round has been handed over to the table `calls`.
    #[error("round {0} is closed: its completions are in the table `calls`")]
    RoundClosed(u32),
    /// The disk refused; the journal takes nothing more.
    #[error("the journal failed: {0}")]
    Failed(Arc<str>),
    /// The journal ended before it had written the record.
    #[error("the journal ended before it had written the record")]
    Ended,
}

impl Tokens {
    /// The share of part `rank` of `count` parts: the rest goes to the first, so that shares add up.
    #[must_use]
    pub fn share(&self, rank: u32, count: u32) -> Self {
        let part = |whole: u32| whole / count + u32::from(rank < whole % count);
        Self {
            prompt: part(self.prompt),
            completion: part(self.completion),
            cached: part(self.cached),
        }
    }
}

impl Call {
    /// The key of the completion that `agent` got.
    pub fn key(&self, agent: u64) -> JournalKey {
        let Self { round, exchange, attempt, prompt, model, parameters, .. } = *self;
        JournalKey { round, exchange, agent, attempt, prompt, model, parameters }
    }

    /// What the agent in place `rank` of `count` got of tokens and price.
    pub(super) fn completion(&self, rank: u32, count: u32, choice: Choice) -> JournalCompletion {
        let (rank_wide, count_wide) = (u64::from(rank), u64::from(count));
        JournalCompletion {
            text: choice.text,
            finish: choice.finish,
            tokens: self.tokens.share(rank, count),
            cost: self.cost / count_wide + u64::from(rank_wide < self.cost % count_wide),
        }
    }
}

impl Finish {
    /// The word of the table `calls`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Withheld => "withheld",
        }
    }

    /// Reads the word of the table `calls` back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Stop, Self::Length, Self::Withheld].into_iter().find(|finish| finish.word() == word)
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Stop => 0,
            Self::Length => 1,
            Self::Withheld => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Stop, Self::Length, Self::Withheld].into_iter().find(|finish| finish.code() == code)
    }
}

impl JournalRecord {
    /// The bytes of all texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.choices.iter().map(|choice| choice.text.len()).sum()
    }

    /// The bytes of its frame.
    pub(super) fn frame_bytes(&self) -> usize {
        HEAD_BYTES + CALL_BYTES + self.choices.len() * CHOICE_BYTES + self.text_bytes()
    }

    /// Refuses what the format cannot hold.
    pub(super) fn check(&self) -> Result<(), AppendError> {
        let refuse = |problem: String| Err(AppendError::Refused(problem));
        if self.call.round > ROUND_MAX {
            return refuse(format!("round {} is above {ROUND_MAX}", self.call.round));
        }
        if self.choices.is_empty() || self.choices.len() > CHOICES_MAX {
            let found = self.choices.len();
            return refuse(format!("it has {found} choices; 1 to {CHOICES_MAX} are allowed"));
        }
        if let Some(choice) = self.choices.iter().find(|c| i64::try_from(c.agent).is_err()) {
            return refuse(format!("agent {} does not fit in an i64", choice.agent));
        }
        match self.text_bytes() {
            bytes if bytes > RECORD_TEXT_BYTES_MAX => refuse(format!(
                "its texts have {bytes} bytes; the limit is {RECORD_TEXT_BYTES_MAX}"
            )),
            _ => Ok(()),
        }
    }
}
