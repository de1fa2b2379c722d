//! The classic strategies of the repeated prisoner's dilemma.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

/// What a player does.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Cooperate with the other player.
    Cooperate,
    /// Defect: take advantage of the other player.
    Defect,
}

/// What a player did this round, if it did anything.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move(pub Option<Choice>);

/// What a player remembers of its match.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// What it did last.
    pub own: Option<Choice>,
    /// What the other did last.
    pub other: Option<Choice>,
    /// Whether the other has ever defected.
    pub betrayed: bool,
}

impl Match {
    pub(super) fn remember(&mut self, own: Choice, other: Choice) {
        (self.own, self.other) = (Some(own), Some(other));
        self.betrayed |= other == Choice::Defect;
    }
}

/// Nothing is announced.
#[derive(Resource, Debug, Default)]
pub struct News;

/// A strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Player {
    /// Begins with cooperation, then does what the other did.
    TitForTat,
    /// Always cooperates.
    Cooperator,
    /// Always defects.
    Defector,
    /// Cooperates until the other defects once.
    Grim,
    /// Repeats what went well and changes what did not.
    WinStayLoseShift,
    /// Does either with the same probability.
    Random,
}

impl DescribedPolicies for Player {
    const SOURCE: &'static str = "R. Axelrod, \"Effective choice in the prisoner's dilemma\", 1980; \
        J. Friedman, \"A non-cooperative equilibrium for supergames\", 1971 (grim); M. Nowak and K. Sigmund, \
        \"A strategy of win-stay, lose-shift\", Nature 364, 1993";
}

impl Policy<Choice> for Player {
    type Sees = Match;
    type News = News;
    type Round = ();

    fn begin(&self, _: &News) {}

    fn answer(&self, (): &(), chunk: Chunk<'_, Choice, Match>) {
        chunk.answer(|seen, stream| {
            let cooperates = match self {
                Self::TitForTat => seen.other != Some(Choice::Defect),
                Self::Cooperator => true,
                Self::Defector => false,
                Self::Grim => !seen.betrayed,
                Self::WinStayLoseShift => seen.own == seen.other,
                Self::Random => stream.below(2) == 0,
            };
            if cooperates { Choice::Cooperate } else { Choice::Defect }
        });
    }
}
