//! Myopic best response: the answer that would have been right if the previous round came again.

use throng_engine::stream::Stream;

use super::parameter::{Number, Parameter, PolicyInfo};
use super::quantiles::Quantiles;
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

const NOISE: Number = Number {
    name: "noise",
    meaning: "the standard deviation of a normal error, as a share of the width of the range",
    default: 0.02,
    low: 0.0,
    high: 1.0,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "best-response",
    sentence: "answers offset + ratio × previous mean, in round 1 with the midpoint as the mean, with an error",
    source: "A. Cournot, \"Recherches sur les principes mathématiques de la théorie des richesses\", 1838; for this game T.-H. Ho, C. Camerer and K. Weigelt, \"Iterated Dominance and Iterated Best Response in Experimental p-Beauty Contests\", American Economic Review 88(4), 1998",
    parameters: &[Parameter::Number(NOISE)],
};

/// Answers the previous mean, ignoring that one answer moves the mean of a large population a little.
#[derive(Clone, Debug, PartialEq)]
pub struct BestResponse {
    noise: f64,
}

/// The best answer, the size of errors in units of the answer, and their shape.
#[derive(Debug)]
pub struct BestResponseRound {
    answer: f64,
    noise: f64,
    errors: &'static Quantiles,
}

impl BestResponse {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        Ok(Self { noise: NOISE.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        toml::Table::from_iter([(NOISE.name.to_owned(), self.noise.into())])
    }
}

impl GuessPolicy for BestResponse {
    type Round = BestResponseRound;

    fn begin(&self, view: &View<'_>) -> BestResponseRound {
        BestResponseRound {
            answer: view.rules.bounded(view.rules.response(view.reference())),
            noise: self.noise * view.rules.width(),
            errors: Quantiles::normal(),
        }
    }

    #[inline]
    fn guess(&self, round: &BestResponseRound, _: &Own<'_>, stream: &mut Stream) -> f64 {
        round.answer + round.noise * round.errors.at(stream.next_u32())
    }
}
