//! Level-k reasoning: level 0 is uniform, and each further level answers the one below it.

use throng_engine::stream::Stream;

use super::levels::Levels;
use super::parameter::{Number, Parameter, PolicyInfo, Shares, Whole};
use super::quantiles::Quantiles;
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

/// The highest level; at ratio 2/3 its answer differs from the fixed point by less than 0.001.
const LEVEL_MAX: u32 = 32;

const LEVEL: Whole = Whole {
    name: "level",
    meaning: "the level of every agent, unless `shares` is written",
    default: 2,
    high: LEVEL_MAX,
};
const SHARES: Shares = Shares {
    name: "shares",
    meaning: "the shares of the levels 0, 1, 2 and so on; each agent draws its level anew in each round",
    most: LEVEL_MAX as usize + 1,
};
const NOISE: Number = Number {
    name: "noise",
    meaning: "the standard deviation of a normal error, as a share of the width of the range",
    default: 0.0,
    low: 0.0,
    high: 1.0,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "level-k",
    sentence: "answers after k steps of reasoning from a uniform player, in later rounds from the previous mean",
    source: "D. O. Stahl and P. W. Wilson, \"On Players' Models of Other Players\", Games and Economic Behavior 10(1), 1995; R. Nagel, \"Unraveling in Guessing Games\", American Economic Review 85(5), 1995",
    parameters: &[Parameter::Whole(LEVEL), Parameter::Shares(SHARES), Parameter::Number(NOISE)],
};

/// Answers after a fixed number of steps, or after numbers of steps with given shares.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelK {
    shares: Vec<f64>,
    noise: f64,
}

/// The levels, the size of errors in units of the answer, and their shape.
#[derive(Debug)]
pub struct LevelKRound {
    levels: Levels,
    noise: f64,
    errors: &'static Quantiles,
}

impl LevelK {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        let level = LEVEL.read(table)?;
        let shares = match SHARES.read(table)? {
            Some(_) if table.contains_key(LEVEL.name) => {
                let message = "`level` and `shares` both say how far agents reason";
                return Err(Problem::new(SHARES.name, message, "write only one of them"));
            }
            Some(shares) => shares,
            None => (0..=level).map(|index| f64::from(u8::from(index == level))).collect(),
        };
        Ok(Self { shares, noise: NOISE.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert(SHARES.name.to_owned(), self.shares.clone().into());
        table.insert(NOISE.name.to_owned(), self.noise.into());
        table
    }
}

impl GuessPolicy for LevelK {
    type Round = LevelKRound;

    fn begin(&self, view: &View<'_>) -> LevelKRound {
        let answer = |lower: &[f64]| view.rules.response(lower[lower.len() - 1]);
        LevelKRound {
            levels: Levels::new(view, &self.shares, answer),
            noise: self.noise * view.rules.width(),
            errors: Quantiles::normal(),
        }
    }

    #[inline]
    fn guess(&self, round: &LevelKRound, _: &Own<'_>, stream: &mut Stream) -> f64 {
        round.levels.draw(stream) + round.noise * round.errors.at(stream.next_u32())
    }
}
