//! The later rounds: steps of reasoning from the previous mean, in the shares that people took.

use libm::log1p;

use crate::guessing_game::policy::quantiles::Quantiles;
use crate::guessing_game::rules::Rules;

/// Classes of guesses, from the deepest reasoning outward: more than three steps, three, two, one, none, and
/// beyond the previous mean.
pub(super) const CLASSES: usize = 6;

/// The depths between the classes: half a step on either side of a whole one, and the mean itself.
///
/// These are the geometric midpoints mean × ratio^(k ± 1/2) by which Nagel (1995) classifies.
pub(super) const DEPTHS: [f64; CLASSES - 1] = [3.5, 2.5, 1.5, 0.5, 0.0];

/// The greatest depth: guesses of more than three steps spread from here to 3.5.
const DEPTH_MAX: f64 = 5.0;

/// How far guesses beyond the previous mean lie: exponential with this mean, in distances between the mean and
/// the limit of reasoning. Chosen so that the means of rounds 2 to 4 are people's.
const BEYOND: f64 = 0.8;

/// Percent of players by class in rounds 2, 3 and 4 at ratio 2/3: Nagel (1995), table 2. Round 4's go on.
pub(super) const SHARES: [[f64; CLASSES]; 3] = [
    [7.5, 11.9, 31.3, 20.9, 14.9, 13.4],
    [1.5, 17.9, 46.2, 16.4, 7.5, 10.5],
    [7.5, 25.3, 47.8, 10.4, 3.0, 6.0],
];

/// The shares of all classes before each one, and 1 at the end, in the round of this index (0 is round 2).
pub(super) fn cumulative(round: usize) -> [f64; CLASSES + 1] {
    let shares = &SHARES[round.min(SHARES.len() - 1)];
    let total: f64 = shares.iter().sum();
    let mut cumulative = [0.0; CLASSES + 1];
    let mut sum = 0.0;
    for (entry, share) in cumulative[1..].iter_mut().zip(shares) {
        sum += share / total;
        *entry = sum;
    }
    cumulative[CLASSES] = 1.0;
    cumulative
}

/// 1 when reasoning leads to lower numbers than `from`, -1 when it leads to higher ones.
fn direction(rules: &Rules, from: f64) -> f64 {
    if rules.response(from) <= from { 1.0 } else { -1.0 }
}

/// The numbers between the classes around a mean, turned so that deeper reasoning is lower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landmarks {
    direction: f64,
    numbers: [f64; CLASSES - 1],
}

impl Landmarks {
    pub(super) fn new(rules: &Rules, mean: f64) -> Self {
        let direction = direction(rules, mean);
        let numbers = DEPTHS.map(|depth| direction * rules.bounded(rules.reasoned(mean, depth)));
        Self { direction, numbers }
    }

    /// The class of a guess. Counted without a branch: it is asked once per agent and round.
    #[inline]
    pub(super) fn class(&self, guess: f64) -> usize {
        let turned = self.direction * guess;
        self.numbers.iter().map(|&number| usize::from(turned > number)).sum()
    }

    /// The shares of all classes before each one under a distribution function of guesses.
    pub(super) fn cumulative(&self, share_up_to: impl Fn(f64) -> f64) -> [f64; CLASSES + 1] {
        let mut cumulative = [0.0; CLASSES + 1];
        for (index, number) in self.numbers.iter().enumerate() {
            let up_to = share_up_to(self.direction * number);
            let turned = if self.direction > 0.0 { up_to } else { 1.0 - up_to };
            cumulative[index + 1] = turned.clamp(cumulative[index], 1.0);
        }
        cumulative[CLASSES] = 1.0;
        cumulative
    }
}

/// The distribution of guesses after a mean was announced.
pub(super) struct LaterRound<'a> {
    rules: &'a Rules,
    mean: f64,
    cumulative: [f64; CLASSES + 1],
}

impl<'a> LaterRound<'a> {
    /// The round of this index (0 is round 2) after `mean`.
    pub(super) fn new(rules: &'a Rules, round: usize, mean: f64) -> Self {
        Self { rules, mean, cumulative: cumulative(round) }
    }

    /// The guesses as a table, from the deepest reasoning outward.
    pub(super) fn quantiles(&self) -> Quantiles {
        Quantiles::new(|probability| self.rules.bounded(self.number(probability)))
    }

    fn number(&self, probability: f64) -> f64 {
        let class = self.cumulative[1..CLASSES].partition_point(|&sum| sum <= probability);
        let (low, high) = (self.cumulative[class], self.cumulative[class + 1]);
        let within = (probability - low) / (high - low);
        if class == CLASSES - 1 {
            let distance = (self.mean - self.rules.limit(self.mean)).abs();
            let beyond = -BEYOND * log1p(-within) * distance;
            return self.mean + direction(self.rules, self.mean) * beyond;
        }
        let deepest = if class == 0 { DEPTH_MAX } else { DEPTHS[class - 1] };
        self.rules.reasoned(self.mean, deepest + within * (DEPTHS[class] - deepest))
    }
}
