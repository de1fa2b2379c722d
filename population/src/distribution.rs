//! Distributions of numbers by inversion: one uniform number in (0, 1) gives one value.

use libm::{exp, log};
use throng_engine::inverse_normal;

use crate::problem::Problem;
use crate::source::Source;
use crate::spec::{Distribution, Empirical};

/// Largest mean of a Poisson distribution; its table of probabilities stays small.
pub const POISSON_MEAN_MAX: f64 = 10_000.0;

/// A distribution that was checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Quantiles {
    Uniform {
        min: f64,
        max: f64,
    },
    /// Normal with mean and deviation between two probabilities, exponentiated or not.
    Normal {
        mean: f64,
        sd: f64,
        low: f64,
        high: f64,
        exponent: bool,
        min: f64,
        max: f64,
    },
    /// Values with the probability of all up to each.
    Steps {
        values: Vec<f64>,
        cumulative: Vec<f64>,
    },
}

impl Quantiles {
    /// The value at probability `u` in (0, 1).
    pub(crate) fn at(&self, u: f64, integer: bool) -> f64 {
        match self {
            Self::Uniform { min, max } if integer => {
                (min + (max - min + 1.0) * u).floor().min(*max)
            }
            Self::Uniform { min, max } => min + (max - min) * u,
            Self::Normal { mean, sd, low, high, exponent, min, max } => {
                let value = mean + sd * inverse_normal(low + (high - low) * u);
                let value = if *exponent { exp(value) } else { value };
                let value = if integer { value.round_ties_even() } else { value };
                value.clamp(*min, *max)
            }
            Self::Steps { values, cumulative } => {
                let place = cumulative.partition_point(|sum| *sum <= u).min(values.len() - 1);
                if integer { values[place].round_ties_even() } else { values[place] }
            }
        }
    }

    /// Mean of the values at `points` evenly spread probabilities.
    pub(crate) fn mean(&self, integer: bool) -> f64 {
        const POINTS: u32 = 4_096;
        let at = |point| self.at((f64::from(point) + 0.5) / f64::from(POINTS), integer);
        (0..POINTS).map(at).sum::<f64>() / f64::from(POINTS)
    }
}

/// Checks a distribution; problems go under `key`.
pub(crate) fn quantiles(
    given: &Distribution,
    key: &str,
    integer: bool,
    source: &Source,
    problems: &mut Vec<Problem>,
) -> Option<Quantiles> {
    let mut found = Vec::new();
    if let Some(uniform) = &given.uniform {
        found.push(uniform_quantiles(uniform.min, uniform.max, &format!("{key}.uniform"), integer));
    }
    if let Some(normal) = &given.normal {
        let bounds = (normal.min, normal.max);
        found.push(truncated(normal.mean, normal.sd, bounds, false, &format!("{key}.normal")));
    }
    if let Some(lognormal) = &given.lognormal {
        let bounds = (lognormal.min, lognormal.max);
        let mean = log(lognormal.median);
        found.push(truncated(mean, lognormal.sigma, bounds, true, &format!("{key}.lognormal")));
    }
    if let Some(poisson) = &given.poisson {
        found.push(poisson_steps(poisson.mean, &format!("{key}.poisson.mean")));
    }
    if let Some(empirical) = &given.empirical {
        found.push(empirical_steps(empirical, &format!("{key}.empirical"), source));
    }
    if found.len() != 1 {
        let message = format!("{} distributions are given", found.len());
        found = vec![Err(Problem::new(key, message, "give exactly one"))];
    }
    match found.remove(0) {
        Ok(quantiles) => Some(quantiles),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn uniform_quantiles(min: f64, max: f64, key: &str, integer: bool) -> Result<Quantiles, Problem> {
    if !(min.is_finite() && max.is_finite() && min <= max) {
        let message = format!("there is no number between {min} and {max}");
        return Err(Problem::new(key, message, "give `min` and `max`, the smaller first"));
    }
    let whole = min.round_ties_even().to_bits() == min.to_bits()
        && max.round_ties_even().to_bits() == max.to_bits();
    if integer && !whole {
        return Err(Problem::new(key, "the bounds of integers are no integers", "round them"));
    }
    Ok(Quantiles::Uniform { min, max })
}

fn truncated(
    mean: f64,
    sd: f64,
    (min, max): (Option<f64>, Option<f64>),
    exponent: bool,
    key: &str,
) -> Result<Quantiles, Problem> {
    if !(mean.is_finite() && sd.is_finite() && sd > 0.0) {
        let message = "its centre or its width is not a number that it can have";
        return Err(Problem::new(key, message, "the width is above 0, a median too"));
    }
    let least = if exponent { 0.0 } else { f64::NEG_INFINITY };
    let (min, max) = (min.unwrap_or(least), max.unwrap_or(f64::INFINITY));
    let scaled = |bound: f64| (if exponent { log(bound) } else { bound } - mean) / sd;
    let (low, high) = (probability(scaled(min.max(least))), probability(scaled(max)));
    // Twelve digits of the uniform number must remain.
    if min.is_nan() || max.is_nan() || high - low < 1e-6 {
        let message = format!("hardly anything lies between {min} and {max}");
        return Err(Problem::new(key, message, "widen the bounds or move the centre"));
    }
    Ok(Quantiles::Normal { mean, sd, low, high, exponent, min, max })
}

/// The standard normal distribution function.
fn probability(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

fn poisson_steps(mean: f64, key: &str) -> Result<Quantiles, Problem> {
    if !(mean.is_finite() && mean > 0.0 && mean <= POISSON_MEAN_MAX) {
        let message = format!("a mean of {mean}");
        return Err(Problem::new(key, message, "it lies above 0 and at most at 10,000"));
    }
    let last = (mean + 12.0 * libm::sqrt(mean) + 30.0) as u32;
    let logarithm = |count: f64| count * log(mean) - mean - libm::lgamma(count + 1.0);
    let weights = (0..=last).map(|count| exp(logarithm(f64::from(count)))).collect::<Vec<_>>();
    Ok(steps((0..=last).map(f64::from).collect(), &weights))
}

fn steps(values: Vec<f64>, weights: &[f64]) -> Quantiles {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let cumulative = weights.iter().map(|weight| {
        sum += weight;
        sum / total
    });
    Quantiles::Steps { values, cumulative: cumulative.collect() }
}

fn empirical_steps(given: &Empirical, key: &str, source: &Source) -> Result<Quantiles, Problem> {
    let (values, mut weights) = match &given.file {
        Some(file) => read_empirical(given, file, key, source)?,
        None => (given.values.clone(), given.weights.clone()),
    };
    if weights.is_empty() {
        weights = vec![1.0; values.len()];
    }
    let counted = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
    let total: f64 = weights.iter().sum();
    if values.is_empty() || values.len() != weights.len() || !counted || total <= 0.0 {
        let message = format!("{} values with {} weights", values.len(), weights.len());
        return Err(Problem::new(
            key,
            message,
            "give a weight of 0 or more for each value, not all 0",
        ));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Problem::new(key, "a value is not finite", "leave it out"));
    }
    Ok(steps(values, &weights))
}

fn read_empirical(
    given: &Empirical,
    file: &str,
    key: &str,
    source: &Source,
) -> Result<(Vec<f64>, Vec<f64>), Problem> {
    let key = format!("{key}.file");
    let table = source.table(file, &key)?;
    let value = given.value.as_deref().unwrap_or("value");
    let values = table.numbers(value, &key)?;
    let weights = given.weight.as_deref().map(|weight| table.numbers(weight, &key));
    Ok((values, weights.transpose()?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Lognormal, Normal, Poisson, Uniform};

    fn read(given: Distribution, integer: bool) -> Result<Quantiles, Problem> {
        let mut problems = Vec::new();
        let source = Source::new(".");
        quantiles(&given, "attribute.0", integer, &source, &mut problems)
            .ok_or_else(|| problems.remove(0))
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        let uniform = Distribution {
            uniform: Some(Uniform { min: 1.0, max: 6.0 }),
            ..Distribution::default()
        };
        assert!((read(uniform, true).unwrap().mean(true) - 3.5).abs() < 0.01);
        let normal = Normal { mean: 10.0, sd: 2.0, min: None, max: None };
        let normal = Distribution { normal: Some(normal), ..Distribution::default() };
        assert!((read(normal, false).unwrap().mean(false) - 10.0).abs() < 1e-6);
        let lognormal = Lognormal { median: 1.0, sigma: 0.5, min: None, max: None };
        let lognormal = Distribution { lognormal: Some(lognormal), ..Distribution::default() };
        assert!((read(lognormal, false).unwrap().mean(false) - exp(0.125)).abs() < 0.01);
        let poisson =
            Distribution { poisson: Some(Poisson { mean: 3.0 }), ..Distribution::default() };
        assert!((read(poisson, false).unwrap().mean(false) - 3.0).abs() < 0.01);
    }

    #[test]
    fn a_truncated_normal_stays_in_its_bounds() {
        let normal = Normal { mean: 0.0, sd: 10.0, min: Some(18.0), max: Some(30.0) };
        let quantiles =
            read(Distribution { normal: Some(normal), ..Distribution::default() }, true).unwrap();
        for point in 0..1000 {
            let value = quantiles.at((f64::from(point) + 0.5) / 1000.0, true);
            assert!((18.0..=30.0).contains(&value), "{value}");
        }
    }

    #[test]
    fn numbers_that_make_no_distribution_are_refused() {
        let uniform = |min, max| Distribution {
            uniform: Some(Uniform { min, max }),
            ..Distribution::default()
        };
        assert!(read(uniform(2.0, 1.0), false).is_err());
        assert!(read(uniform(f64::NAN, 1.0), false).is_err());
        assert!(read(uniform(0.5, 1.0), true).is_err());
        assert!(read(Distribution::default(), true).is_err());
        let poisson =
            Distribution { poisson: Some(Poisson { mean: 1e9 }), ..Distribution::default() };
        assert!(read(poisson, true).is_err());
        let empirical =
            Empirical { values: vec![1.0], weights: vec![-1.0], ..Empirical::default() };
        assert!(
            read(Distribution { empirical: Some(empirical), ..Distribution::default() }, true)
                .is_err()
        );
    }
}
