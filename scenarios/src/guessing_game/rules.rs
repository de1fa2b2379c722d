//! The rules of the game: what may be answered, what is aimed at, who wins, and what theory says.

mod decimals;
mod exact;
mod ratio;
#[cfg(test)]
pub(super) mod tests;
mod wording;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use throng_systems::Problem;
use throng_systems::Settings;
use throng_systems::engine::Decimal;
use throng_systems::prelude::Resource;

pub use ratio::{Ratio, RatioProblem};
pub use wording::{Note, Thinking};

/// The largest number of possible answers: exact medians and winners count each of them.
pub const CELLS_MAX: u64 = 4_194_304;

/// The rules: every player answers a number in [min, max], and the target is offset + ratio × mean.
#[derive(Resource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// What the mean is multiplied by, as a fraction or a decimal: "2/3", "0.67", 0.5.
    #[schemars(with = "RatioText")]
    pub ratio: Ratio,
    /// What is added to the product.
    #[serde(with = "decimals")]
    #[schemars(with = "f64")]
    pub offset: Decimal,
    /// The smallest answer.
    #[serde(with = "decimals")]
    #[schemars(with = "f64")]
    pub min: Decimal,
    /// The largest answer.
    #[serde(with = "decimals")]
    #[schemars(with = "f64")]
    pub max: Decimal,
    /// Decimals of an answer, 0 to 4.
    pub decimals: u8,
    /// Whether models that read reason before they answer.
    pub thinking: Thinking,
    /// What models that read are told about the other players.
    pub note: Note,
}

/// How a configuration writes a ratio.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum RatioText {
    Fraction(String),
    Decimal(f64),
}

impl Default for Rules {
    /// Two thirds of the mean of numbers from 0 to 100 with two decimals.
    fn default() -> Self {
        Self {
            ratio: Ratio::TWO_THIRDS,
            offset: Decimal::from_units(0),
            min: Decimal::from_units(0),
            max: Decimal::from_units(100 * Decimal::SCALE),
            decimals: 2,
            thinking: Thinking::Direct,
            note: Note::None,
        }
    }
}

impl Settings for Rules {
    /// Everything that is wrong with the rules; empty when they can be played.
    fn problems(&self) -> Vec<Problem> {
        let problems: Vec<Problem> =
            self.decimals_problem().into_iter().chain(self.range_problem()).collect();
        if !problems.is_empty() {
            return problems;
        }
        // Cells are counted only where decimals and range make sense.
        let ends = [("min", self.min), ("max", self.max)].into_iter();
        ends.filter_map(|(key, end)| self.end_problem(key, end))
            .chain(self.cells_problem())
            .collect()
    }

    /// What a number may be is fixed: it decides the tables' columns.
    fn changeable() -> &'static [&'static str] {
        &["ratio", "offset", "note"]
    }
}

impl Rules {
    fn decimals_problem(&self) -> Option<Problem> {
        (self.decimals > Decimal::PLACES).then(|| {
            Problem::new(
                "decimals",
                format!("{} decimals are more than an answer keeps", self.decimals),
                format!("write 0 to {}", Decimal::PLACES),
            )
        })
    }

    fn range_problem(&self) -> Option<Problem> {
        (self.min >= self.max).then(|| {
            Problem::new(
                "min",
                format!(
                    "the smallest answer {} is not below the largest answer {}",
                    self.min, self.max
                ),
                "write a range such as min = 0, max = 100",
            )
        })
    }

    fn end_problem(&self, key: &str, end: Decimal) -> Option<Problem> {
        (end.units() % Decimal::cell(self.decimals) != 0).then(|| {
            Problem::new(
                key,
                format!("{end} cannot be answered with {} decimals", self.decimals),
                "round it, or allow more decimals",
            )
        })
    }

    fn cells_problem(&self) -> Option<Problem> {
        (self.cells() > CELLS_MAX).then(|| {
            Problem::new(
                "decimals",
                format!(
                    "{} to {} with {} decimals are {} possible answers, more than {CELLS_MAX}",
                    self.min,
                    self.max,
                    self.decimals,
                    self.cells()
                ),
                "allow fewer decimals or a narrower range",
            )
        })
    }

    /// Possible answers: the cells from `min` to `max`.
    pub fn cells(&self) -> u64 {
        let units = i64::from(self.max.units()) - i64::from(self.min.units());
        units.unsigned_abs() / u64::from(Decimal::cell(self.decimals).unsigned_abs()) + 1
    }

    /// The possible answers; made once for many guesses to settle on.
    pub fn grid(&self) -> Grid {
        let cell = Decimal::cell(self.decimals);
        Grid {
            low: self.min.to_f64(),
            high: self.max.to_f64(),
            cells_per_one: f64::from(Decimal::SCALE / cell),
            cell,
        }
    }

    /// The possible answer nearest to `value`, as [`Grid::settle`] finds it.
    pub fn settle(&self, value: f64) -> Decimal {
        self.grid().settle(value)
    }

    /// The number nearest to `value` that lies within [min, max].
    pub fn bounded(&self, value: f64) -> f64 {
        value.max(self.min.to_f64()).min(self.max.to_f64())
    }
}

/// The possible answers: multiples of a cell within the range.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    low: f64,
    high: f64,
    cells_per_one: f64,
    /// Units of 0.0001 between neighbours.
    cell: i32,
}

impl Grid {
    /// The possible answer nearest to `value` (ties to even); what is not a number settles at the smallest.
    #[inline]
    pub fn settle(&self, value: f64) -> Decimal {
        // Adding this aligns the last bit with one: the sum is rounded to an integer, ties to even, and its
        // low 32 bits are that integer. The processor's own rounding is a call on most targets.
        const ALIGN: f64 = 6_755_399_441_055_744.0;
        let aligned = value.max(self.low).min(self.high) * self.cells_per_one + ALIGN;
        #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are the integer")]
        let cells = aligned.to_bits() as i32;
        Decimal::from_units(cells * self.cell)
    }
}

/// The exact part: integers in units of 0.0001 over a common denominator.
impl Rules {
    /// offset + ratio × mean of `n` answers that add up to `sum_units` of 0.0001, rounded once.
    ///
    /// # Panics
    /// If `n` is zero or above 2^32: nobody answered, so there is nothing to aim at.
    pub fn target(&self, sum_units: i128, n: u64) -> f64 {
        let (numerator, denominator) = self.target_units(sum_units, n);
        exact::quotient(
            numerator,
            denominator.unsigned_abs() * u128::from(Decimal::SCALE.unsigned_abs()),
        )
    }

    /// The target in units of 0.0001 as an exact fraction.
    fn target_units(&self, sum_units: i128, n: u64) -> (i128, i128) {
        assert!(0 < n && n <= throng_engine::POPULATION_MAX, "the answers of {n} agents");
        let denominator = i128::from(self.ratio.denominator()) * i128::from(n);
        let offset = i128::from(self.offset.units()) * denominator;
        (offset + i128::from(self.ratio.numerator()) * sum_units, denominator)
    }

    /// The winning numbers, lowest first, among the nearest answers at or `below` and at or `above` the
    /// target; both when they are equally near. The comparison is exact.
    ///
    /// # Panics
    /// If `n` is zero or above 2^32.
    pub fn winning(
        &self,
        below: Option<Decimal>,
        above: Option<Decimal>,
        sum_units: i128,
        n: u64,
    ) -> [Option<Decimal>; 2] {
        let (Some(low), Some(high)) = (below, above) else {
            return [below.or(above), None];
        };
        let (target, denominator) = self.target_units(sum_units, n);
        let distance = |answer: Decimal| (i128::from(answer.units()) * denominator - target).abs();
        match distance(low).cmp(&distance(high)) {
            std::cmp::Ordering::Less => [below, None],
            std::cmp::Ordering::Greater => [above, None],
            std::cmp::Ordering::Equal if low == high => [below, None],
            std::cmp::Ordering::Equal => [below, above],
        }
    }
}

/// The theory of the game, in floating-point numbers.
impl Rules {
    /// The middle of the range: what a uniform player answers on average.
    pub fn midpoint(&self) -> f64 {
        f64::midpoint(self.min.to_f64(), self.max.to_f64())
    }

    /// The width of the range.
    pub fn width(&self) -> f64 {
        self.max.to_f64() - self.min.to_f64()
    }

    /// The target when the mean is `mean`: offset + ratio × mean, which may lie outside the range.
    pub fn response(&self, mean: f64) -> f64 {
        self.offset.to_f64() + self.ratio.to_f64() * mean
    }

    /// The number after `depth` steps of reasoning from `mean`, unbounded; fractions of a step interpolate
    /// geometrically, so that with offset 0 it is mean × ratio^depth.
    pub fn reasoned(&self, mean: f64, depth: f64) -> f64 {
        let ratio = self.ratio.to_f64();
        let steps = if self.ratio.is_one() {
            depth
        } else {
            libm::expm1(depth * libm::log(ratio)) / (ratio - 1.0)
        };
        mean + steps * (self.response(mean) - mean)
    }

    /// Where endless steps of reasoning from `mean` end within the range: at offset / (1 - ratio), bounded, when
    /// the ratio is below 1, and otherwise at the end of the range to which the first step leads.
    pub fn limit(&self, mean: f64) -> f64 {
        let ratio = self.ratio.to_f64();
        let response = self.response(mean);
        if ratio < 1.0 {
            self.bounded(self.offset.to_f64() / (1.0 - ratio))
        } else if response > mean {
            self.max.to_f64()
        } else if response < mean {
            self.min.to_f64()
        } else {
            mean
        }
    }

    /// The equilibrium of a large population that reasoning from the midpoint selects.
    ///
    /// Below ratio 1 it is the only one, offset / (1 - ratio) bounded to the range. From ratio 1 on there can be
    /// several (both ends; every number when the ratio is 1 and the offset 0), and the stable one on the
    /// midpoint's side is taken.
    pub fn fixed_point(&self) -> f64 {
        self.limit(self.midpoint())
    }
}
