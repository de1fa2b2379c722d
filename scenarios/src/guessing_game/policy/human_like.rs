//! Human-like play: the first and the later rounds as people in experiments played them.

mod first_round;
mod later_rounds;
#[cfg(test)]
mod tests;

use throng_engine::stream::Stream;

use self::first_round::FirstRound;
use self::later_rounds::{CLASSES, Landmarks, LaterRound};
use super::parameter::{Number, Parameter, PolicyInfo};
use super::quantiles::Quantiles;
use super::{GuessPolicy, Own, View};
use crate::guessing_game::rules::Problem;

const HABIT: Number = Number {
    name: "habit",
    meaning: "the probability that an agent keeps its place among all players' depths of reasoning from one round to the next",
    default: 0.25,
    low: 0.0,
    high: 1.0,
};

pub(super) const INFO: PolicyInfo = PolicyInfo {
    name: "human-like",
    sentence: "guesses as people in experiments did, in the first round and after",
    source: "R. Nagel, \"Unraveling in Guessing Games: An Experimental Study\", American Economic Review 85(5), 1995",
    parameters: &[Parameter::Number(HABIT)],
};

/// Draws the first guess from a mixture fitted to people's, and each later one by steps of reasoning from the
/// previous mean, with the shares of steps that people took.
///
/// An agent either keeps its class of depth (`habit`) or takes a new one; in both cases the place within the
/// class is new. Classes are kept by their place among all players, so that the shares stay people's.
#[derive(Clone, Debug, PartialEq)]
pub struct HumanLike {
    habit: f64,
}

/// The distribution of this round's guesses, and where the classes of the previous round lie in it.
#[derive(Debug)]
pub struct HumanLikeRound {
    guesses: Quantiles,
    /// The numbers between the classes of the previous round's guesses.
    landmarks: Landmarks,
    /// First place and number of places, out of 2^32, that each class leads to; in the last entry any place.
    places: [(u32, u64); CLASSES + 1],
    /// Random words below this keep the habit.
    habit_below: u64,
}

/// All places among the players.
const PLACES: u64 = 1 << u32::BITS;

impl HumanLike {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Problem> {
        Ok(Self { habit: HABIT.read(table)? })
    }

    pub(super) fn write(&self) -> toml::Table {
        toml::Table::from_iter([(HABIT.name.to_owned(), self.habit.into())])
    }

    fn habit_below(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the habit is in [0, 1]"
        )]
        let below = (self.habit * PLACES as f64) as u64;
        below
    }

    fn first(view: &View<'_>) -> HumanLikeRound {
        HumanLikeRound {
            guesses: FirstRound::new(view.rules).quantiles(),
            landmarks: Landmarks::new(view.rules, view.rules.midpoint()),
            places: [(0, PLACES); CLASSES + 1],
            habit_below: 0,
        }
    }

    /// The round after `told` ones, the last of them with mean `mean` after reasoning had started from `before`.
    fn later(&self, view: &View<'_>, told: usize, mean: f64, before: f64) -> HumanLikeRound {
        let landmarks = Landmarks::new(view.rules, before);
        let cumulative = if told == 1 {
            let first = FirstRound::new(view.rules);
            landmarks.cumulative(|number| first.cumulative(number))
        } else {
            later_rounds::cumulative(told - 2)
        };
        HumanLikeRound {
            guesses: LaterRound::new(view.rules, told - 1, mean).quantiles(),
            landmarks,
            places: places(&cumulative),
            habit_below: self.habit_below(),
        }
    }
}

/// Each class's place among all players, and after them all places.
fn places(cumulative: &[f64; CLASSES + 1]) -> [(u32, u64); CLASSES + 1] {
    let mut places = [(0, PLACES); CLASSES + 1];
    for (place, bounds) in places.iter_mut().zip(cumulative.windows(2)) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "shares are in [0, 1]"
        )]
        let [low, high] = [bounds[0], bounds[1]].map(|share| (share * PLACES as f64) as u64);
        // A class that nobody is in starts at the very end at most, and takes no place of its own.
        *place = (u32::try_from(low).unwrap_or(u32::MAX), high - low);
    }
    places
}

impl GuessPolicy for HumanLike {
    type Round = HumanLikeRound;

    fn begin(&self, view: &View<'_>) -> HumanLikeRound {
        let mut means = view.means_back();
        let Some(mean) = means.next() else {
            return Self::first(view);
        };
        let before = means.next();
        let told = 1 + usize::from(before.is_some()) + means.count();
        self.later(view, told, mean, before.unwrap_or_else(|| view.rules.midpoint()))
    }

    #[inline]
    fn guess(&self, round: &HumanLikeRound, own: &Own<'_>, stream: &mut Stream) -> f64 {
        let place = stream.next_u32();
        let keeps = u64::from(stream.next_u32()) < round.habit_below;
        let class = match own.guesses.first() {
            Some(guess) if keeps => round.landmarks.class(guess.to_f64()),
            _ => CLASSES,
        };
        let (first, count) = round.places[class];
        let within = ((u64::from(place) * count) >> u32::BITS) as u32;
        round.guesses.at(first.saturating_add(within))
    }
}
