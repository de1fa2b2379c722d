//! Uniform answers: every number of the range is equally likely, in every round.

use throng_engine::stream::Stream;

use super::parameter::{Parameter, PolicyInfo, Whole};
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

/// One hour: a longer wait is a mistake.
const THINK_MS_MAX: u32 = 3_600_000;

const THINK_MS: Whole = Whole {
    name: "think_ms",
    meaning: "how long an agent thinks, in milliseconds; who runs the policy decides how to wait",
    default: 0,
    high: THINK_MS_MAX,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "uniform",
    sentence: "answers any number of the range with equal probability",
    source: "level 0 of R. Nagel, \"Unraveling in Guessing Games\", American Economic Review 85(5), 1995; with a think time the dummy agent of X. Pan et al., \"Very Large-Scale Multi-Agent Simulation in AgentScope\", arXiv 2407.17789, 2024",
    parameters: &[Parameter::Whole(THINK_MS)],
};

/// Answers anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uniform {
    think_ms: u32,
}

/// Smallest answer and width of the range.
#[derive(Debug)]
pub struct UniformRound {
    low: f64,
    width: f64,
}

impl Uniform {
    /// How long an agent thinks, in milliseconds.
    pub const fn think_ms(&self) -> u32 {
        self.think_ms
    }

    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        Ok(Self { think_ms: THINK_MS.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        toml::Table::from_iter([(THINK_MS.name.to_owned(), i64::from(self.think_ms).into())])
    }
}

impl GuessPolicy for Uniform {
    type Round = UniformRound;

    fn begin(&self, view: &View<'_>) -> UniformRound {
        // Half a cell more at either end, so that after rounding the ends are as likely as the rest.
        let cell = view.rules.width() / (view.rules.cells() - 1) as f64;
        UniformRound { low: view.rules.min.to_f64() - 0.5 * cell, width: view.rules.width() + cell }
    }

    #[inline]
    fn guess(&self, round: &UniformRound, _: &Own<'_>, stream: &mut Stream) -> f64 {
        // 32 bits suffice: there are at most 2^22 possible answers.
        round.low + round.width * (f64::from(stream.next_u32()) * (1.0 / 4_294_967_296.0))
    }
}
