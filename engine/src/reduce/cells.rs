//! The exact distribution of decimals: a count for every number that can occur.

use serde::{Deserialize, Serialize};

use super::{Moments, OrderFree, Reduction};
use crate::Decimal;

/// Counts of decimals in [low, high] that are whole multiples of a cell above `low`.
///
/// Everything about the distribution follows exactly: moments, quantiles, histograms, the numbers nearest to
/// a target. Memory: 4 bytes per possible number and chunk, so at most [`Cells::CELLS_MAX`] are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    low: i32,
    cell: i32,
    counts: Vec<u32>,
}

impl Cells {
    /// The largest number of possible numbers.
    pub const CELLS_MAX: u64 = 1 << 22;

    /// How many numbers with `places` decimals lie in [low, high].
    pub fn count(low: Decimal, high: Decimal, places: u8) -> u64 {
        let width = i64::from(high.units()) - i64::from(low.units());
        (width / i64::from(Decimal::cell(places))).unsigned_abs() + 1
    }

    /// Empty counts for the numbers with `places` decimals in [low, high].
    ///
    /// # Panics
    /// If the bounds descend or there are more than [`Cells::CELLS_MAX`] numbers.
    pub fn new(low: Decimal, high: Decimal, places: u8) -> Self {
        assert!(low <= high, "the bounds must ascend");
        let count = Self::count(low, high, places);
        assert!(
            count <= Self::CELLS_MAX,
            "{count} possible numbers are too many to count one by one"
        );
        Self { low: low.units(), cell: Decimal::cell(places), counts: vec![0; count as usize] }
    }

    /// Takes in a number.
    ///
    /// # Panics
    /// If the number is outside the bounds.
    #[inline]
    pub fn add(&mut self, value: Decimal) {
        let offset = value.units().wrapping_sub(self.low) as u32;
        self.counts[cell_of(offset, self.cell) as usize] += 1;
    }

    /// The numbers that occur, ascending, with their counts.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Decimal, u32)> {
        let occupied = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        occupied.map(|(index, &count)| (self.number(index), count))
    }

    /// Numbers taken in.
    pub fn n(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// Count, sum and sum of squares.
    pub fn moments(&self) -> Moments {
        let mut moments = Moments::default();
        for (value, count) in self.iter() {
            moments.add_times(value, count);
        }
        moments
    }

    /// How often a number occurs.
    pub fn count_of(&self, value: Decimal) -> u64 {
        let offset = i64::from(value.units()) - i64::from(self.low);
        let (index, rest) = (offset / i64::from(self.cell), offset % i64::from(self.cell));
        if rest != 0 || index < 0 {
            return 0;
        }
        self.counts.get(index as usize).copied().map_or(0, u64::from)
    }

    /// The largest number at most `target` and the smallest above it.
    pub fn around(&self, target: f64) -> (Option<Decimal>, Option<Decimal>) {
        let below =
            self.iter().rev().map(|(value, _)| value).find(|value| value.to_f64() <= target);
        let above = self.iter().map(|(value, _)| value).find(|value| value.to_f64() > target);
        (below, above)
    }

    /// The quantile at `p` in [0, 1], interpolated between neighbours as numpy, R (type 7) and DuckDB's
    /// `quantile_cont` do; nothing without numbers.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let n = self.n();
        let last = n.checked_sub(1)?;
        let place = last as f64 * p.clamp(0.0, 1.0);
        let rank = place as u64;
        let (lower, upper) = (self.ranked(rank)?, self.ranked((rank + 1).min(last))?);
        let (lower, upper) = (lower.to_f64(), upper.to_f64());
        Some(lower + (upper - lower) * (place - rank as f64))
    }

    /// Counts in `bins` equal bins over the bounds, the last one closed.
    pub fn histogram(&self, bins: usize) -> Vec<u64> {
        let mut counts = vec![0; bins];
        let cells = self.counts.len() as u64;
        let width = (cells - 1).max(1);
        for (index, &count) in self.counts.iter().enumerate() {
            let bin = (index as u64 * bins as u64 / width).min(bins as u64 - 1);
            counts[bin as usize] += u64::from(count);
        }
        counts
    }

    /// How many numbers are in each group of those that are not further than `gap` from the next one, ascending.
    pub fn clusters(&self, gap: f64) -> Vec<u64> {
        let mut sizes: Vec<u64> = Vec::new();
        let mut last = None;
        for (number, count) in self.iter() {
            let number = number.to_f64();
            match sizes.last_mut() {
                Some(size) if last.is_some_and(|last| number - last <= gap) => {
                    *size += u64::from(count);
                }
                _ => sizes.push(count.into()),
            }
            last = Some(number);
        }
        sizes
    }

    /// The number with this rank, ascending from 0.
    fn ranked(&self, rank: u64) -> Option<Decimal> {
        let mut seen = 0;
        let index = self.counts.iter().position(|&count| {
            seen += u64::from(count);
            seen > rank
        })?;
        Some(self.number(index))
    }

    fn number(&self, index: usize) -> Decimal {
        Decimal::from_units(self.low + self.cell * index as i32)
    }
}

/// The cell at this offset; division by a constant is several times faster than by a variable.
#[inline]
const fn cell_of(offset: u32, cell: i32) -> u32 {
    match cell {
        1 => offset,
        10 => offset / 10,
        100 => offset / 100,
        1_000 => offset / 1_000,
        _ => offset / 10_000,
    }
}

impl Reduction for Cells {
    fn merge(&mut self, later: &Self) {
        assert_eq!(self.counts.len(), later.counts.len(), "partials have the same cells");
        for (count, other) in self.counts.iter_mut().zip(&later.counts) {
            *count += other;
        }
    }
}

impl OrderFree for Cells {}
