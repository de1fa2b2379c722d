//! Invariants by name, checked in every build.

use crate::EngineError;

/// Something that must hold in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// Every agent of a world's range exists exactly once.
    AgentsAreDense,
    /// Every agent of a round is answered, failed or not asked, and is counted once.
    EveryAgentIsAccountedFor,
    /// Every recorded column has a value for every agent.
    ColumnsAreComplete,
    /// Every letter that was sent is delivered, or lost for a reason that is counted.
    LettersAreConserved,
    /// Nobody is in two places, and no place holds two.
    PlacesHoldOne,
    /// Money changes hands and is neither made nor lost.
    MoneyIsConserved,
}

impl Invariant {
    /// The invariant in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::AgentsAreDense => "every agent of a world's range exists exactly once",
            Self::EveryAgentIsAccountedFor => "answered + failed + not asked = population",
            Self::ColumnsAreComplete => "every recorded column has a value for every agent",
            Self::LettersAreConserved => "sent = delivered + overflowed + unsent + unknown",
            Self::PlacesHoldOne => "nobody is in two places, and no place holds two",
            Self::MoneyIsConserved => "money changes hands and is neither made nor lost",
        }
    }
}

/// Returns an error that names the invariant when it does not hold.
pub fn check(
    invariant: Invariant,
    holds: bool,
    detail: impl FnOnce() -> String,
) -> Result<(), EngineError> {
    if holds { Ok(()) } else { Err(EngineError::Invariant { invariant, detail: detail() }) }
}
