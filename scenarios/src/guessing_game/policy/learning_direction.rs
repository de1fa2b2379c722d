//! Learning direction: after each round, move toward what would have been better.

use throng_engine::stream::Stream;

use super::parameter::{Number, Parameter, PolicyInfo};
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

const TOWARD: Number = Number {
    name: "toward",
    meaning: "the probability of moving toward the previous target rather than away from it",
    default: 0.73,
    low: 0.0,
    high: 1.0,
};
const PACE: Number = Number {
    name: "pace",
    meaning: "the mean share of the distance to the previous target that a move covers; shares are uniform from 0 to twice this",
    default: 0.5,
    low: 0.0,
    high: 1.0,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "learning-direction",
    sentence: "moves its own last answer toward the previous target, more often than away from it; in round 1 any number",
    source: "R. Selten and R. Stoecker, \"End Behavior in Sequences of Finite Prisoner's Dilemma Supergames\", Journal of Economic Behavior & Organization 7(1), 1986; its frequency in this game from R. Nagel, American Economic Review 85(5), 1995",
    parameters: &[Parameter::Number(TOWARD), Parameter::Number(PACE)],
};

/// Adjusts its own last answer, the announced mean where it remembers none, by ex-post rationality.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningDirection {
    toward: f64,
    pace: f64,
}

/// What the adjustment needs to know of the previous round.
#[derive(Debug)]
pub struct LearningDirectionRound {
    /// The previous target and, for those who remember no answer of theirs, the previous mean.
    previous: Option<(f64, f64)>,
    /// Smallest answer and width of the range, for round 1.
    range: (f64, f64),
}

impl LearningDirection {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        Ok(Self { toward: TOWARD.read(table)?, pace: PACE.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        toml::Table::from_iter([
            (TOWARD.name.to_owned(), self.toward.into()),
            (PACE.name.to_owned(), self.pace.into()),
        ])
    }
}

impl GuessPolicy for LearningDirection {
    type Round = LearningDirectionRound;

    fn begin(&self, view: &View<'_>) -> LearningDirectionRound {
        LearningDirectionRound {
            // A target beyond the range is answered best at the end of the range.
            previous: view.target().map(|target| (view.rules.bounded(target), view.reference())),
            range: (view.rules.min.to_f64(), view.rules.width()),
        }
    }

    #[inline]
    fn guess(&self, round: &LearningDirectionRound, own: &Own<'_>, stream: &mut Stream) -> f64 {
        let place = stream.uniform();
        let Some((target, mean)) = round.previous else {
            return round.range.0 + round.range.1 * place;
        };
        let last = own.guesses.first().map_or(mean, |guess| guess.to_f64());
        let share = 2.0 * self.pace * place;
        let toward = stream.uniform() < self.toward;
        last + if toward { share } else { -share } * (target - last)
    }
}
