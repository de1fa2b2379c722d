//! Count, mean and variance of decimals, exact until the last rounding.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};
use crate::Decimal;

/// Count, sum and sum of squares of decimals as integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moments {
    n: u64,
    sum: i64,
    squares: u128,
}

impl Moments {
    /// Takes in one number.
    #[inline]
    pub fn add(&mut self, value: Decimal) {
        self.add_times(value, 1);
    }

    /// Takes in the same number `times` times.
    #[inline]
    pub fn add_times(&mut self, value: Decimal, times: u32) {
        let units = i64::from(value.units());
        self.n += u64::from(times);
        self.sum += units * i64::from(times);
        self.squares += u128::from((units * units).unsigned_abs()) * u128::from(times);
    }

    /// Numbers taken in.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The sum in units of [`Decimal`].
    pub const fn sum_units(&self) -> i64 {
        self.sum
    }

    /// The mean, or nothing without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / (self.n as f64 * f64::from(Decimal::SCALE)))
    }

    /// The sample variance (divisor n - 1), or nothing for fewer than two numbers.
    ///
    /// The numerator n Σx² - (Σx)² is formed in integers; it needs at most 2 * 32 + 62 + 2 bits.
    pub fn variance(&self) -> Option<f64> {
        if self.n < 2 {
            return None;
        }
        let n = u128::from(self.n);
        let sum = u128::from(self.sum.unsigned_abs());
        let numerator = n * self.squares - sum * sum;
        let divisor = self.n as f64 * (self.n - 1) as f64;
        Some(numerator as f64 / divisor / (f64::from(Decimal::SCALE) * f64::from(Decimal::SCALE)))
    }

    /// The sample standard deviation, or nothing for fewer than two numbers.
    pub fn sd(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }
}

impl Reduction for Moments {
    fn merge(&mut self, later: &Self) {
        self.n += later.n;
        self.sum += later.sum;
        self.squares += later.squares;
    }
}

impl OrderFree for Moments {}
