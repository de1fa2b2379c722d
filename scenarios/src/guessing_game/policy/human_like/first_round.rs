//! The first round: a mixture of uniform guesses and of guesses near each depth of reasoning.

use libm::{erfc, log, sqrt};

use crate::guessing_game::policy::quantiles::Quantiles;
use crate::guessing_game::rules::{Ratio, Rules};

/// Components with a bell shape: one, two and three steps from the midpoint, and the midpoint itself.
pub(super) const BELLS: usize = 4;

/// Standard deviations of the bells, as shares of the range's width.
///
/// Fitted to the histogram of the first round at ratio 2/3 in Nagel (1995), figure 2B.
pub(super) const SPREADS: [f64; BELLS] = [0.028, 0.022, 0.038, 0.039];

/// The weights of uniform guesses and of each bell in an experiment.
pub(super) struct Treatment {
    /// The ratio of the experiment.
    pub(super) ratio: f64,
    /// The weight of uniform guesses, then those of the bells.
    pub(super) weights: [f64; BELLS + 1],
}

/// The experiments of Nagel (1995).
///
/// At 2/3 the weights fit the histogram. At 1/2 and 4/3 they are those nearest to 2/3's (least squares) with
/// which the mixture has the published mean and median, rounded to three decimals.
pub(super) const TREATMENTS: [Treatment; 3] = [
    Treatment { ratio: 1.0 / 2.0, weights: [0.284, 0.206, 0.356, 0.103, 0.051] },
    Treatment { ratio: 2.0 / 3.0, weights: [0.31, 0.29, 0.27, 0.02, 0.11] },
    Treatment { ratio: 4.0 / 3.0, weights: [0.544, 0.330, 0.119, 0.0, 0.007] },
];

/// The weights at a ratio: linear in its logarithm between experiments, those of the nearest one outside.
fn weights(ratio: Ratio) -> [f64; BELLS + 1] {
    let ratio = ratio.to_f64();
    let above = TREATMENTS.partition_point(|treatment| treatment.ratio < ratio);
    let high = &TREATMENTS[above.min(TREATMENTS.len() - 1)];
    let low = &TREATMENTS[above.saturating_sub(1)];
    if low.ratio >= high.ratio {
        return high.weights;
    }
    let share = (log(ratio) - log(low.ratio)) / (log(high.ratio) - log(low.ratio));
    std::array::from_fn(|index| {
        low.weights[index] + share * (high.weights[index] - low.weights[index])
    })
}

/// A normal distribution cut to [0, 1].
struct Bell {
    centre: f64,
    spread: f64,
    /// The mass of the whole normal distribution below 0, and that within [0, 1].
    below: f64,
    mass: f64,
}

impl Bell {
    fn new(centre: f64, spread: f64) -> Self {
        let below = normal_cumulative((0.0 - centre) / spread);
        let mass = normal_cumulative((1.0 - centre) / spread) - below;
        Self { centre, spread, below, mass }
    }

    fn cumulative(&self, place: f64) -> f64 {
        (normal_cumulative((place - self.centre) / self.spread) - self.below) / self.mass
    }
}

fn normal_cumulative(deviations: f64) -> f64 {
    0.5 * erfc(-deviations / sqrt(2.0))
}

/// The distribution of first guesses under some rules.
pub(super) struct FirstRound {
    low: f64,
    width: f64,
    weights: [f64; BELLS + 1],
    bells: [Bell; BELLS],
}

/// Points at which the distribution function is worked out; between them it is linear.
const GRID: usize = 4096;

impl FirstRound {
    /// The mixture for these rules: depths of reasoning start at the midpoint, spreads scale with the range.
    pub(super) fn new(rules: &Rules) -> Self {
        let (low, width) = (rules.min.to_f64(), rules.width());
        let step = |number: f64| rules.bounded(rules.response(number));
        let middle = rules.midpoint();
        let (one, two) = (step(middle), step(step(middle)));
        let centres = [one, two, step(two), middle];
        let bells =
            std::array::from_fn(|index| Bell::new((centres[index] - low) / width, SPREADS[index]));
        Self { low, width, weights: weights(rules.ratio), bells }
    }

    /// The share of guesses up to `number`.
    pub(super) fn cumulative(&self, number: f64) -> f64 {
        self.cumulative_at(((number - self.low) / self.width).clamp(0.0, 1.0))
    }

    fn cumulative_at(&self, place: f64) -> f64 {
        let bells = self.bells.iter().zip(&self.weights[1..]);
        bells.fold(self.weights[0] * place, |sum, (bell, weight)| {
            sum + weight * bell.cumulative(place)
        })
    }

    /// The guesses as a table.
    pub(super) fn quantiles(&self) -> Quantiles {
        let place = |index: usize| index as f64 / GRID as f64;
        let cumulative: Vec<f64> =
            (0..=GRID).map(|index| self.cumulative_at(place(index))).collect();
        Quantiles::new(|probability| {
            let above = cumulative.partition_point(|&sum| sum < probability).clamp(1, GRID);
            let (low, high) = (cumulative[above - 1], cumulative[above]);
            // Uniform guesses have a positive weight in every experiment, so that the function rises.
            let within = ((probability - low) / (high - low)).clamp(0.0, 1.0);
            self.low + self.width * (place(above - 1) + within / GRID as f64)
        })
    }
}
