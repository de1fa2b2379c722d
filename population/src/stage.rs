//! What has to be done, in order, to make the attributes of a block of agents.

use crate::distribution::Quantiles;
use crate::expression::Formula;

/// Most categories of one attribute.
pub const CATEGORIES_MAX: usize = 65_536;
/// Most cells of attributes that are drawn together.
pub const CELLS_MAX: usize = 1 << 22;

/// A column of the population.
#[derive(Debug)]
pub(crate) struct Planned {
    pub name: String,
    pub about: String,
    pub kind: Kind,
    /// The group whose members share the value.
    pub group: Option<usize>,
}

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// One of these names.
    Category(Vec<String>),
    /// A number, whole or not.
    Number { integer: bool },
    /// Any text.
    Text,
}

impl Kind {
    pub(crate) fn names(&self) -> Option<&[String]> {
        match self {
            Self::Category(names) => Some(names),
            _ => None,
        }
    }
}

/// Values by cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    Codes(Vec<u16>),
    Numbers(Vec<f64>),
}

/// Attributes that are drawn together from weighted cells, with exact counts.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Names the random order; not the place among other attributes, so that those do not move this one.
    pub key: String,
    pub attributes: Vec<usize>,
    /// For each attribute, its value in each cell.
    pub columns: Vec<Lookup>,
    /// The weight of all cells up to each, the last one 1.
    pub cumulative: Vec<f64>,
    pub group: Option<usize>,
}

/// One attribute whose shares depend on others, with exact counts for each combination of these.
#[derive(Debug)]
pub(crate) struct Conditional {
    pub key: String,
    pub attribute: usize,
    pub parents: Vec<usize>,
    pub sizes: Vec<usize>,
    pub categories: usize,
    /// For each combination of the parents, the share of all categories up to each.
    pub cumulative: Vec<f64>,
}

/// A drawn number.
#[derive(Debug)]
pub(crate) struct Number {
    pub key: String,
    pub attribute: usize,
    pub integer: bool,
    /// The attribute whose category chooses among the distributions; without it there is one.
    pub given: Option<usize>,
    pub cases: Vec<Quantiles>,
    pub group: Option<usize>,
    /// Constraints that the number must keep, as places in the plan's list.
    pub constraints: Vec<usize>,
}

/// How first names go with a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstNames {
    Female,
    Male,
    Either,
}

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Stage {
    Cells(Cells),
    Conditional(Conditional),
    Number(Number),
    /// A value for each combination of categories.
    Lookup {
        attribute: usize,
        inputs: Vec<usize>,
        sizes: Vec<usize>,
        values: Lookup,
    },
    Bands {
        attribute: usize,
        of: usize,
        cuts: Vec<f64>,
    },
    Derived {
        attribute: usize,
        formula: Formula,
        inputs: Vec<usize>,
    },
    Person {
        key: String,
        attribute: usize,
        by: Option<usize>,
        kinds: Vec<FirstNames>,
    },
    GroupNumber {
        attribute: usize,
        group: usize,
    },
}

impl Stage {
    /// The attributes that it makes.
    pub(crate) fn makes(&self) -> &[usize] {
        match self {
            Self::Cells(cells) => &cells.attributes,
            Self::Conditional(stage) => std::slice::from_ref(&stage.attribute),
            Self::Number(stage) => std::slice::from_ref(&stage.attribute),
            Self::Lookup { attribute, .. }
            | Self::Bands { attribute, .. }
            | Self::Derived { attribute, .. }
            | Self::Person { attribute, .. }
            | Self::GroupNumber { attribute, .. } => std::slice::from_ref(attribute),
        }
    }
}

/// Something that must hold.
#[derive(Debug)]
pub(crate) struct Rule {
    pub source: String,
    pub formula: Formula,
    /// The attributes that the formula names.
    pub inputs: Vec<usize>,
}

/// Groups of agents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupPlan {
    pub name: String,
    /// (members, share of groups)
    pub sizes: Vec<(u32, f64)>,
}

/// Shares that the population was asked to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub attributes: Vec<usize>,
    pub sizes: Vec<usize>,
    /// How many leading attributes are the condition.
    pub given: usize,
    /// Shares by cell, of the whole or, under a condition, of its combination. Without shares a pair is shown
    /// against what independent attributes would give.
    pub shares: Option<Vec<f64>>,
}

/// Everything that does not depend on size and seed.
#[derive(Debug)]
pub(crate) struct Plan {
    pub attributes: Vec<Planned>,
    pub stages: Vec<Stage>,
    pub rules: Vec<Rule>,
    pub groups: Vec<GroupPlan>,
    pub targets: Vec<Target>,
}

/// The number of a combination of categories, the last attribute fastest.
pub(crate) fn combination(codes: impl Iterator<Item = usize>, sizes: &[usize]) -> usize {
    codes.zip(sizes).fold(0, |sum, (code, size)| sum * size + code)
}

/// The categories of a combination.
pub(crate) fn categories(mut combination: usize, sizes: &[usize]) -> Vec<usize> {
    let mut codes = vec![0; sizes.len()];
    for (code, size) in codes.iter_mut().zip(sizes).rev() {
        *code = combination % size;
        combination /= size;
    }
    codes
}

/// Running sums relative to the total, the last one 1.
pub(crate) fn cumulative(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let sums = weights.iter().map(|weight| {
        sum += weight;
        sum / total
    });
    sums.collect()
}
