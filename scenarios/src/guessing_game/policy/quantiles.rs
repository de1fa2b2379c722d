//! Quantile functions as tables: random numbers of any distribution for the price of a look-up.

use std::sync::LazyLock;

use throng_engine::inverse_normal;

/// Bits of a random word that choose the cell of the table.
const CELL_BITS: u32 = 11;
/// Cells of equal probability; the nodes take 16 KiB, half of a first-level cache.
const CELLS: usize = 1 << CELL_BITS;
/// Bits of a random word that place the number within its cell.
const WITHIN_BITS: u32 = u32::BITS - CELL_BITS;

/// A quantile function at 2049 equally spaced probabilities, linear between them.
#[derive(Clone, Debug)]
pub struct Quantiles {
    nodes: Box<[f64; CELLS + 1]>,
}

/// The standard normal distribution, cut at 3.5 standard deviations.
static NORMAL: LazyLock<Quantiles> = LazyLock::new(|| Quantiles::new(inverse_normal));

impl Quantiles {
    /// The table of a quantile function, which is asked at probabilities from half a cell above 0 to half a
    /// cell below 1, so that infinite ends do no harm.
    pub fn new(mut quantile: impl FnMut(f64) -> f64) -> Self {
        let margin = 0.5 / CELLS as f64;
        let node = |index| {
            let probability: f64 = index as f64 / CELLS as f64;
            quantile(probability.clamp(margin, 1.0 - margin))
        };
        let nodes: Box<[f64]> = (0..=CELLS).map(node).collect();
        let nodes = nodes.try_into().expect("there is one node more than cells");
        Self { nodes }
    }

    /// The standard normal distribution.
    pub fn normal() -> &'static Self {
        &NORMAL
    }

    /// The quantile at `word` / 2^32.
    #[inline]
    pub fn at(&self, word: u32) -> f64 {
        let cell = (word >> WITHIN_BITS) as usize;
        let within =
            f64::from(word & ((1 << WITHIN_BITS) - 1)) * (1.0 / f64::from(1 << WITHIN_BITS));
        let (low, high) = (self.nodes[cell], self.nodes[cell + 1]);
        low + within * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::Quantiles;

    #[test]
    fn a_line_is_reproduced_but_for_its_ends() {
        let table = Quantiles::new(|p| 10.0 * p);
        for word in [1 << 21, 1 << 31, (1 << 31) + 12_345, u32::MAX - (1 << 21)] {
            let expected = 10.0 * f64::from(word) / 4_294_967_296.0;
            assert!((table.at(word) - expected).abs() < 1e-9);
        }
        assert!(table.at(0) > 0.0 && table.at(u32::MAX) < 10.0);
    }

    #[test]
    fn the_normal_table_has_mean_zero_and_unit_variance() {
        let table = Quantiles::normal();
        let (mut sum, mut squares) = (0.0, 0.0);
        let n = 1 << 16;
        for index in 0..n {
            let value = table.at(index * (1 << 16) + (1 << 15));
            sum += value;
            squares += value * value;
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 1e-9 && (squares / n - 1.0).abs() < 0.01, "{}", squares / n);
    }
}
