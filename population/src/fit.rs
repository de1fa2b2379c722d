//! Iterative proportional fitting: weights of cells scaled until they have given margins.
//!
//! W. E. Deming and F. F. Stephan, "On a least squares adjustment of a sampled frequency table when the
//! expected marginal totals are known", Annals of Mathematical Statistics 11(4), 1940. The cells may be those
//! of a joint table or the rows of a survey; what the margins leave open stays as the first weights have it.

/// Most sweeps over all margins.
pub const SWEEPS_MAX: usize = 2_000;
/// The fit is done when no share misses its target by more.
pub const TOLERANCE: f64 = 1e-10;
/// Margins that end this close fit: published tables are rounded. Further off they contradict each other.
pub const MISS_MAX: f64 = 1e-6;

/// A margin: the class of each cell and the share that each class must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Margin {
    /// For each cell, a place in `shares`.
    pub classes: Vec<u32>,
    /// Shares that sum to 1.
    pub shares: Vec<f64>,
}

/// Why the margins cannot be had; `margin` and `class` say where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Misfit {
    /// The class has a share, and all its cells weigh nothing.
    Empty {
        /// The margin.
        margin: usize,
        /// The class.
        class: usize,
    },
    /// The margins contradict each other: this class is the furthest off after all sweeps.
    Unsettled {
        /// The margin.
        margin: usize,
        /// The class.
        class: usize,
        /// The share that it must have.
        target: f64,
        /// The share that it has.
        found: f64,
    },
}

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted {
    /// Sweeps over all margins.
    pub sweeps: usize,
    /// The largest difference between a share and its target.
    pub miss: f64,
}

/// Scales `weights` until they sum to 1 and have all margins.
///
/// # Errors
/// [`Misfit`] names the class that cannot have its share.
pub fn fit(weights: &mut [f64], margins: &[Margin]) -> Result<Fitted, Misfit> {
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= total);
    }
    let mut last = Fitted { sweeps: 0, miss: f64::INFINITY };
    while last.sweeps < SWEEPS_MAX {
        last.sweeps += 1;
        for (place, margin) in margins.iter().enumerate() {
            scale(weights, margin).map_err(|class| Misfit::Empty { margin: place, class })?;
        }
        last.miss =
            worst(weights, margins).map_or(0.0, |(_, _, target, found)| (target - found).abs());
        if last.miss <= TOLERANCE {
            return Ok(last);
        }
    }
    match worst(weights, margins) {
        Some((margin, class, target, found)) if last.miss > MISS_MAX => {
            Err(Misfit::Unsettled { margin, class, target, found })
        }
        _ => Ok(last),
    }
}

/// Gives one margin its shares; the error is a class that has a share and no weight.
fn scale(weights: &mut [f64], margin: &Margin) -> Result<(), usize> {
    let mut factors = sums(weights, margin);
    for (class, factor) in factors.iter_mut().enumerate() {
        let share = margin.shares[class];
        if *factor > 0.0 {
            *factor = share / *factor;
        } else if share > 0.0 {
            return Err(class);
        }
    }
    for (weight, class) in weights.iter_mut().zip(&margin.classes) {
        *weight *= factors[*class as usize];
    }
    Ok(())
}

fn sums(weights: &[f64], margin: &Margin) -> Vec<f64> {
    let mut sums = vec![0.0; margin.shares.len()];
    for (weight, class) in weights.iter().zip(&margin.classes) {
        sums[*class as usize] += weight;
    }
    sums
}

/// The class furthest from its share, as (margin, class, target, found).
fn worst(weights: &[f64], margins: &[Margin]) -> Option<(usize, usize, f64, f64)> {
    let mut worst: Option<(usize, usize, f64, f64)> = None;
    for (place, margin) in margins.iter().enumerate() {
        for (class, found) in sums(weights, margin).into_iter().enumerate() {
            let target = margin.shares[class];
            if worst.is_none_or(|(_, _, old, seen)| (target - found).abs() > (old - seen).abs()) {
                worst = Some((place, class, target, found));
            }
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows_and_columns(rows: &[f64], columns: &[f64]) -> [Margin; 2] {
        let total: f64 = rows.iter().sum();
        let cells = 0..(rows.len() * columns.len());
        let width = columns.len();
        let share = |counts: &[f64]| counts.iter().map(|count| count / total).collect();
        [
            Margin {
                classes: cells.clone().map(|cell| (cell / width) as u32).collect(),
                shares: share(rows),
            },
            Margin {
                classes: cells.map(|cell| (cell % width) as u32).collect(),
                shares: share(columns),
            },
        ]
    }

    /// The worked example of "Iterative proportional fitting", Wikipedia, section "Example": a 4 x 4 seed,
    /// with the fitted table printed there to two decimals.
    #[test]
    fn a_published_four_by_four_table() {
        #[rustfmt::skip]
        let mut weights = [
            40.0, 30.0, 20.0, 10.0,
            35.0, 50.0, 100.0, 75.0,
            30.0, 80.0, 70.0, 120.0,
            20.0, 30.0, 40.0, 50.0,
        ];
        let margins =
            rows_and_columns(&[150.0, 300.0, 400.0, 150.0], &[200.0, 300.0, 400.0, 100.0]);
        fit(&mut weights, &margins).unwrap();
        #[rustfmt::skip]
        let published = [
            64.61, 46.28, 35.42, 3.83,
            49.95, 68.15, 156.49, 25.37,
            56.70, 144.40, 145.06, 53.76,
            28.74, 41.18, 63.03, 17.03,
        ];
        for (cell, expected) in published.iter().enumerate() {
            // The page prints the table after three sweeps.
            assert!(
                (weights[cell] * 1000.0 - expected).abs() < 0.1,
                "cell {cell}: {}",
                weights[cell]
            );
        }
    }

    /// With two by two cells the odds ratio of the seed and the margins settle the table, by a quadratic.
    #[test]
    fn a_two_by_two_table_in_closed_form() {
        let mut weights = [4.0, 1.0, 1.0, 1.0];
        let margins = rows_and_columns(&[60.0, 40.0], &[50.0, 50.0]);
        fit(&mut weights, &margins).unwrap();
        // x (x - 0.1) = 4 (0.6 - x) (0.5 - x), so 3 x^2 - 4.3 x + 1.2 = 0.
        let expected = (4.3 - libm::sqrt(4.3 * 4.3 - 14.4)) / 6.0;
        assert!((weights[0] - expected).abs() < 1e-9, "{}", weights[0]);
    }

    #[test]
    fn a_class_without_cells_is_named() {
        let margins = rows_and_columns(&[0.5, 0.5], &[0.5, 0.5]);
        let misfit = fit(&mut [1.0, 1.0, 0.0, 0.0], &margins).unwrap_err();
        assert_eq!(misfit, Misfit::Empty { margin: 0, class: 1 });
    }

    #[test]
    fn margins_that_contradict_each_other_are_named() {
        let margins = [
            Margin { classes: vec![0, 1], shares: vec![0.5, 0.5] },
            Margin { classes: vec![0, 1], shares: vec![0.4, 0.6] },
        ];
        assert!(matches!(fit(&mut [1.0, 1.0], &margins), Err(Misfit::Unsettled { margin: 0, .. })));
    }

    proptest! {
        #[test]
        fn positive_seeds_reach_any_margins(
            seed in prop::collection::vec(0.1..10.0_f64, 12),
            rows in prop::collection::vec(1.0..10.0_f64, 3),
            columns in prop::collection::vec(1.0..10.0_f64, 4),
        ) {
            let (sum, other): (f64, f64) = (rows.iter().sum(), columns.iter().sum());
            let columns: Vec<f64> = columns.iter().map(|count| count * sum / other).collect();
            let mut weights = seed;
            let fitted = fit(&mut weights, &rows_and_columns(&rows, &columns)).unwrap();
            prop_assert!(fitted.miss <= TOLERANCE);
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
