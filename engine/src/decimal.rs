//! Fixed-point numbers with four decimals in 32 bits: exact sums, exact comparisons, exact text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with four decimals, from -214748.3647 to 214748.3647.
///
/// Reported numbers are decimal, and so are the numbers shown in prompts; stored this way they add up
/// exactly in any order and print the same everywhere.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Decimal(i32);

impl Decimal {
    /// Units in one.
    pub const SCALE: i32 = 10_000;
    /// Decimals kept.
    pub const PLACES: u8 = 4;
    /// The largest number.
    pub const MAX: Self = Self(i32::MAX);
    /// The smallest number.
    pub const MIN: Self = Self(-i32::MAX);

    /// The number of this many units of 0.0001.
    pub const fn from_units(units: i32) -> Self {
        Self(units)
    }

    /// The number in units of 0.0001.
    #[inline]
    pub const fn units(self) -> i32 {
        self.0
    }

    /// The nearest number with at most `places` decimals (0 to 4; ties to even), or nothing when `value` is
    /// not finite or out of range.
    pub fn nearest(value: f64, places: u8) -> Option<Self> {
        let cell = Self::cell(places);
        let cells = (value * f64::from(Self::SCALE / cell)).round_ties_even() * f64::from(cell);
        (cells.abs() <= f64::from(i32::MAX)).then_some(Self(cells as i32))
    }

    /// Units between two numbers of `places` decimals.
    pub const fn cell(places: u8) -> i32 {
        match places {
            0 => 10_000,
            1 => 1_000,
            2 => 100,
            3 => 10,
            _ => 1,
        }
    }

    /// The number as the nearest floating-point number.
    #[inline]
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::SCALE)
    }
}

impl fmt::Display for Decimal {
    /// The shortest decimal text: no trailing zeros, no point for an integer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let (whole, mut rest) = (units / 10_000, units % 10_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let mut width = 4;
        while rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        write!(f, "{sign}{whole}.{rest:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn text_is_the_shortest_exact_one() {
        for (units, text) in [
            (0, "0"),
            (333_300, "33.33"),
            (-5, "-0.0005"),
            (120_000, "12"),
            (-15_000, "-1.5"),
            (1_010, "0.101"),
        ] {
            assert_eq!(Decimal::from_units(units).to_string(), text);
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_with_ties_to_even() {
        for (value, places, units) in [
            (33.333_333, 2, 333_300),
            (0.5, 0, 0),
            (1.5, 0, 20_000),
            (-2.25, 1, -22_000),
            (1e-9, 4, 0),
        ] {
            assert_eq!(
                Decimal::nearest(value, places),
                Some(Decimal::from_units(units)),
                "{value}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        for value in [f64::NAN, f64::INFINITY, 1e9, -1e300] {
            assert_eq!(Decimal::nearest(value, 2), None);
        }
    }
}
