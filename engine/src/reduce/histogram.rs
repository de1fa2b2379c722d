//! Counts of floating-point numbers in bins of equal width.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};

/// Counts in `bins` equal bins over [low, high], the last one closed; what lies outside is counted apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
    below: u64,
    above: u64,
    not_finite: u64,
}

impl Histogram {
    /// An empty histogram.
    ///
    /// # Panics
    /// If there are no bins or the bounds are not finite and ascending.
    pub fn new(low: f64, high: f64, bins: usize) -> Self {
        assert!(bins > 0, "a histogram has at least one bin");
        assert!(low.is_finite() && high.is_finite() && low < high, "the bounds must ascend");
        Self { low, high, counts: vec![0; bins], below: 0, above: 0, not_finite: 0 }
    }

    /// Takes in a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
        } else if value < self.low {
            self.below += 1;
        } else if value > self.high {
            self.above += 1;
        } else {
            let place = (value - self.low) / (self.high - self.low) * self.counts.len() as f64;
            let bin = (place as usize).min(self.counts.len() - 1);
            self.counts[bin] += 1;
        }
    }

    /// Counts per bin.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Counts below the first bin, above the last, and of numbers that are not finite.
    pub const fn outside(&self) -> (u64, u64, u64) {
        (self.below, self.above, self.not_finite)
    }

    /// The width of a bin, which bounds the error of [`Self::quantile`].
    pub fn bin_width(&self) -> f64 {
        (self.high - self.low) / self.counts.len() as f64
    }

    /// The quantile `p` in [0, 1] of the numbers inside the bounds: off by at most one bin's width.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let n: u64 = self.counts.iter().sum();
        if n == 0 {
            return None;
        }
        let rank = ((n - 1) as f64 * p.clamp(0.0, 1.0)) as u64;
        let mut seen = 0;
        let bin = self.counts.iter().position(|&count| {
            seen += count;
            seen > rank
        })?;
        Some(self.low + self.bin_width() * (bin as f64 + 0.5))
    }
}

impl Reduction for Histogram {
    fn merge(&mut self, later: &Self) {
        assert_eq!(self.counts.len(), later.counts.len(), "partials have the same bins");
        for (count, other) in self.counts.iter_mut().zip(&later.counts) {
            *count += other;
        }
        self.below += later.below;
        self.above += later.above;
        self.not_finite += later.not_finite;
    }
}

impl OrderFree for Histogram {}
