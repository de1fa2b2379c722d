//! Equilibrium: what fully rational players answer who know that all others are.

use throng_engine::stream::Stream;

use super::parameter::PolicyInfo;
use super::{GuessPolicy, Own, View};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "equilibrium",
    sentence: "answers the fixed point offset / (1 - ratio), bounded to the range; from ratio 1 on the end of the range that reasoning leads to",
    source: "iterated elimination of dominated answers: H. Moulin, \"Game Theory for the Social Sciences\", 1986; R. Nagel, American Economic Review 85(5), 1995",
    parameters: &[],
};

/// Answers the fixed point in every round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Equilibrium;

impl GuessPolicy for Equilibrium {
    type Round = f64;

    fn begin(&self, view: &View<'_>) -> f64 {
        view.rules.fixed_point()
    }

    #[inline]
    fn guess(&self, round: &f64, _: &Own<'_>, _: &mut Stream) -> f64 {
        *round
    }
}
