//! An axis: its ends, and round numbers between them.

/// Round numbers that an axis aims at.
const GRADUATIONS: f64 = 8.0;
/// Round numbers that an axis has at most.
const GRADUATIONS_MAX: usize = 24;

/// A range of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether only whole numbers are marked.
    whole: bool,
}

impl Axis {
    /// From one value to another; a range without width gets one.
    pub(super) fn new(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, whole: false }
    }

    /// From 0 to a value, with a little room above.
    pub(super) fn from_zero(high: f64) -> Self {
        Self::new(0.0, high * 1.05)
    }

    /// Marked at whole numbers only.
    pub(super) fn whole(low: f64, high: f64) -> Self {
        Self { whole: true, ..Self::new(low, high) }
    }

    /// All of these values, with a little room on both sides.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return Self::new(0.0, 1.0);
        }
        let room = (high - low) * 0.05;
        Self::new(low - room, high + room)
    }

    /// Where a value lies between 0 and 1; what is outside is moved to the nearer end.
    pub(super) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Multiples of 1, 2 or 5 times a power of ten that lie on the axis.
    pub(super) fn graduations(&self) -> Vec<f64> {
        let mut unit = round_unit((self.high - self.low) / GRADUATIONS);
        if self.whole {
            unit = unit.max(1.0);
        }
        let first = (self.low / unit).ceil();
        let last = (self.high / unit).floor();
        let mut marks = Vec::new();
        let mut mark = first;
        while mark <= last && marks.len() < GRADUATIONS_MAX {
            marks.push(mark * unit);
            mark += 1.0;
        }
        marks
    }
}

/// The least of 1, 2 or 5 times a power of ten that is not below `least`.
fn round_unit(least: f64) -> f64 {
    let mut power = 1.0;
    while power > least {
        power /= 10.0;
    }
    while power * 10.0 <= least {
        power *= 10.0;
    }
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| power * factor >= least);
    power * factor.unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graduations_are_round_and_few() {
        assert_eq!(Axis::new(0.0, 100.0).graduations(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(Axis::whole(1.0, 3.0).graduations(), [1.0, 2.0, 3.0]);
        let fine = Axis::new(0.0, 0.01).graduations();
        assert!((5..=11).contains(&fine.len()), "{fine:?}");
        assert!(Axis::new(-1e9, 1e9).graduations().len() <= GRADUATIONS_MAX);
    }

    #[test]
    fn an_axis_always_has_a_width() {
        for axis in [
            Axis::new(5.0, 5.0),
            Axis::around(std::iter::empty()),
            Axis::around([f64::NAN].into_iter()),
        ] {
            assert!(axis.high > axis.low);
            assert!(!axis.graduations().is_empty());
        }
        assert!((Axis::new(0.0, 10.0).place(20.0) - 1.0).abs() < 1e-12);
    }
}
