//! Cognitive hierarchy: Poisson-distributed levels, each answering the mix of all lower ones.

use throng_engine::stream::Stream;

use super::levels::Levels;
use super::parameter::{Number, Parameter, PolicyInfo};
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

/// The share below which higher levels are left to the last one kept.
const SHARE_MIN: f64 = 1e-12;
/// The most levels; at the largest tau the shares fall below [`SHARE_MIN`] well before.
const LEVELS_MAX: usize = 128;

const TAU: Number = Number {
    name: "tau",
    meaning: "the mean number of steps of reasoning",
    default: 1.5,
    low: 0.0,
    high: 20.0,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "cognitive-hierarchy",
    sentence: "draws a level from a Poisson distribution and answers the mix of all lower levels",
    source: "C. F. Camerer, T.-H. Ho and J.-K. Chong, \"A Cognitive Hierarchy Model of Games\", Quarterly Journal of Economics 119(3), 2004",
    parameters: &[Parameter::Number(TAU)],
};

/// Level 0 is uniform; level k believes that all others are spread over the levels below k, in Poisson's
/// proportions, and gives the best answer in a large population.
#[derive(Clone, Debug, PartialEq)]
pub struct CognitiveHierarchy {
    tau: f64,
}

impl CognitiveHierarchy {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        Ok(Self { tau: TAU.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        toml::Table::from_iter([(TAU.name.to_owned(), self.tau.into())])
    }

    /// Poisson's shares of the levels, from level 0.
    fn shares(&self) -> Vec<f64> {
        let mut shares = vec![libm::exp(-self.tau)];
        while shares.len() < LEVELS_MAX {
            let level = shares.len() as f64;
            let share = shares[shares.len() - 1] * self.tau / level;
            if level > self.tau && share < SHARE_MIN {
                break;
            }
            shares.push(share);
        }
        shares
    }
}

impl GuessPolicy for CognitiveHierarchy {
    type Round = Levels;

    fn begin(&self, view: &View<'_>) -> Levels {
        let shares = self.shares();
        let (mut below, mut mass) = (0.0, 0.0);
        Levels::new(view, &shares, |lower| {
            let level = lower.len() - 1;
            below += shares[level] * lower[level];
            mass += shares[level];
            view.rules.response(below / mass)
        })
    }

    #[inline]
    fn guess(&self, round: &Levels, _: &Own<'_>, stream: &mut Stream) -> f64 {
        round.draw(stream)
    }
}
