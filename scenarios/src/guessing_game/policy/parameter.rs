//! Parameters of policies: declared once, with default and range, then read, checked and listed from there.

use toml::{Table, Value};

use crate::guessing_game::rules::Problem;

/// What a list of policies says about one of them.
#[derive(Debug)]
pub struct PolicyInfo {
    /// The name by which configurations call it.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
}

impl PolicyInfo {
    /// Refuses the first key that is not a parameter.
    pub(super) fn refuse_unknown(&self, table: &Table) -> Result<(), Problem> {
        let known = |key: &String| self.parameters.iter().any(|parameter| parameter.name() == key);
        let Some(key) = table.keys().find(|key| !known(key)) else {
            return Ok(());
        };
        let names: Vec<&str> = self.parameters.iter().map(Parameter::name).collect();
        let hint = match names.as_slice() {
            [] => "remove it: this policy takes none".to_owned(),
            names => format!("write one of {}", names.join(", ")),
        };
        Err(Problem::new(key, format!("`{}` has no parameter `{key}`", self.name), hint))
    }
}

/// A parameter of any kind.
#[derive(Clone, Copy, Debug)]
pub enum Parameter {
    /// A number.
    Number(Number),
    /// A whole number.
    Whole(Whole),
    /// Shares that add up to 1.
    Shares(Shares),
}

/// A number from `low` to `high`.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The key.
    pub name: &'static str,
    /// What it sets, in one sentence.
    pub meaning: &'static str,
    /// The value where the key is left out.
    pub default: f64,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

/// A whole number from 0 to `high`.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    /// The key.
    pub name: &'static str,
    /// What it sets, in one sentence.
    pub meaning: &'static str,
    /// The value where the key is left out.
    pub default: u32,
    /// The largest value.
    pub high: u32,
}

/// A list of at most `most` numbers from 0 to 1 that add up to 1; none where the key is left out.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// The key.
    pub name: &'static str,
    /// What it sets, in one sentence.
    pub meaning: &'static str,
    /// The longest list.
    pub most: usize,
}

/// How far shares may miss 1: a third written with seven digits passes.
const SHARES_TOLERANCE: f64 = 1e-6;

impl Parameter {
    /// The key.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Number(number) => number.name,
            Self::Whole(whole) => whole.name,
            Self::Shares(shares) => shares.name,
        }
    }

    /// What it sets, in one sentence.
    pub const fn meaning(&self) -> &'static str {
        match self {
            Self::Number(number) => number.meaning,
            Self::Whole(whole) => whole.meaning,
            Self::Shares(shares) => shares.meaning,
        }
    }

    /// The value where the key is left out, as text.
    pub fn default(&self) -> String {
        match self {
            Self::Number(number) => number.default.to_string(),
            Self::Whole(whole) => whole.default.to_string(),
            Self::Shares(_) => "none".to_owned(),
        }
    }

    /// The values that are taken, as text.
    pub fn range(&self) -> String {
        match self {
            Self::Number(number) => format!("{} to {}", number.low, number.high),
            Self::Whole(whole) => format!("0 to {}", whole.high),
            Self::Shares(shares) => {
                format!("up to {} numbers from 0 to 1 that add up to 1", shares.most)
            }
        }
    }
}

impl Number {
    /// The value in force.
    pub(super) fn read(&self, table: &Table) -> Result<f64, Problem> {
        let Some(value) = table.get(self.name) else {
            return Ok(self.default);
        };
        number(value)
            .filter(|number| (self.low..=self.high).contains(number))
            .ok_or_else(|| refused(Parameter::Number(*self), value))
    }
}

impl Whole {
    /// The value in force.
    pub(super) fn read(&self, table: &Table) -> Result<u32, Problem> {
        let Some(value) = table.get(self.name) else {
            return Ok(self.default);
        };
        let whole = value.as_integer().and_then(|whole| u32::try_from(whole).ok());
        whole
            .filter(|&whole| whole <= self.high)
            .ok_or_else(|| refused(Parameter::Whole(*self), value))
    }
}

impl Shares {
    /// The shares, if any are written.
    pub(super) fn read(&self, table: &Table) -> Result<Option<Vec<f64>>, Problem> {
        let Some(value) = table.get(self.name) else {
            return Ok(None);
        };
        let shares: Option<Vec<f64>> =
            value.as_array().and_then(|list| list.iter().map(number).collect());
        let shares = shares
            .filter(|list| (1..=self.most).contains(&list.len()))
            .filter(|list| list.iter().all(|share| (0.0..=1.0).contains(share)))
            .ok_or_else(|| refused(Parameter::Shares(*self), value))?;
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() <= SHARES_TOLERANCE {
            return Ok(Some(shares));
        }
        Err(Problem::new(
            self.name,
            format!("the shares add up to {sum}, not 1"),
            "change one of them",
        ))
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

fn refused(parameter: Parameter, value: &Value) -> Problem {
    let message = format!("`{value}` is not a value of `{}`", parameter.name());
    Problem::new(parameter.name(), message, format!("write {}", parameter.range()))
}
