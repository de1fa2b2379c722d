//! People drawn from a plan: any range of agents, with exact counts over all of them.

mod rows;

use std::ops::Range;

use minijinja::Value;
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, BLOCK, POPULATION_MAX, Permutation, Pool};

use crate::groups::Groups;
use crate::names;
use crate::plan::plan;
use crate::problem::{Error, Problem, Result};
use crate::source::Source;
use crate::spec::Spec;
use crate::stage::{Cells, Conditional, Kind, Lookup, Number, Plan, Stage, combination};
use rows::Rows;

/// Times that a number is drawn again until the constraints hold.
pub const REDRAWS_MAX: u32 = 1_000;
/// Most counts that a conditional attribute may need over all blocks of agents.
pub const CENSUS_MAX: usize = 1 << 28;

/// The values of one attribute for a range of agents.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Places in the attribute's categories.
    Codes(Vec<u16>),
    /// Numbers.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
}

impl Values {
    fn empty() -> Self {
        Self::Codes(Vec::new())
    }

    /// The number of agents.
    pub fn len(&self) -> usize {
        match self {
            Self::Codes(codes) => codes.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Whether there is no agent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cut(&mut self, rows: Range<usize>) {
        match self {
            Self::Codes(codes) => *codes = codes[rows].to_vec(),
            Self::Numbers(numbers) => *numbers = numbers[rows].to_vec(),
            Self::Texts(texts) => *texts = texts[rows].to_vec(),
        }
    }

    fn extend(&mut self, more: Self) {
        match (self, more) {
            (Self::Codes(all), Self::Codes(more)) => all.extend(more),
            (Self::Numbers(all), Self::Numbers(more)) => all.extend(more),
            (Self::Texts(all), Self::Texts(more)) => all.extend(more),
            (all, more) => *all = more,
        }
    }
}

/// A range of agents with a column for each attribute, in the order of [`Sampler::columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The first agent.
    pub first: u64,
    /// The number of agents.
    pub rows: usize,
    /// A column for each attribute.
    pub columns: Vec<Values>,
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnInfo<'s> {
    /// Its name.
    pub name: &'s str,
    /// What it means.
    pub about: &'s str,
    /// The names of its categories, where it has any.
    pub categories: Option<&'s [String]>,
    /// Whether all its numbers are whole.
    pub integer: bool,
}

/// What a stage needs beside the plan, once size and seed are known.
#[derive(Debug)]
enum Prepared {
    Cells { order: Permutation, cuts: Vec<u64> },
    Conditional(Census),
    Number { order: Permutation },
    Plain,
}

/// Where the agents of each combination of a conditional attribute's parents stand.
#[derive(Debug)]
struct Census {
    combinations: usize,
    /// For each block of agents and combination, how many come before the block.
    before: Vec<u32>,
    orders: Vec<Option<Permutation>>,
    /// For each combination, where each category ends in the order.
    cuts: Vec<u32>,
}

/// A population of a size under a seed: who every agent is, without anyone being stored.
///
/// An attribute is a pure function of specification, size, seed and agent. Conditional attributes count their
/// parents over the whole population once, when the sampler is made.
#[derive(Debug)]
pub struct Sampler {
    pub(crate) plan: Plan,
    prepared: Vec<Prepared>,
    pub(crate) groups: Vec<Groups>,
    /// A value of the template language for each category of each attribute.
    pub(crate) words: Vec<Vec<Value>>,
    size: u64,
    seed: u64,
}

/// The purpose of the random numbers of one attribute.
pub(crate) fn purpose(use_: &str, key: &str) -> Purpose {
    Purpose::new(&format!("population {use_} {key}"))
}

impl Sampler {
    /// Prepares the population of a specification; `size` and `seed` replace its own.
    ///
    /// # Errors
    /// [`Error::Problems`] with everything that makes no sense.
    pub fn new(
        spec: &Spec,
        source: &Source,
        size: Option<u64>,
        seed: Option<u64>,
        pool: &Pool,
    ) -> Result<Self> {
        let (size, seed) = (size.unwrap_or(spec.size), seed.unwrap_or(spec.seed));
        let plan = plan(spec, source);
        if size == 0 || size > POPULATION_MAX {
            let problem = Problem::new(
                "size",
                format!("a population of {size}"),
                format!("give 1 to {POPULATION_MAX} people"),
            );
            let mut problems = vec![problem];
            if let Err(Error::Problems(more)) = plan {
                problems.extend(more);
            }
            return Err(Error::Problems(problems));
        }
        let plan = plan?;
        let groups = plan.groups.iter().map(|group| Groups::new(group, size, seed)).collect();
        let word = |name: &String| Value::from(name.as_str());
        let words = plan
            .attributes
            .iter()
            .map(|a| a.kind.names().unwrap_or_default().iter().map(word).collect())
            .collect();
        let mut sampler = Self { plan, prepared: Vec::new(), groups, words, size, seed };
        for stage in 0..sampler.plan.stages.len() {
            let prepared = sampler.prepare(stage, pool)?;
            sampler.prepared.push(prepared);
        }
        Ok(sampler)
    }

    /// The number of agents.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What the columns are, in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = ColumnInfo<'_>> {
        self.plan.attributes.iter().map(|attribute| ColumnInfo {
            name: &attribute.name,
            about: &attribute.about,
            categories: attribute.kind.names(),
            integer: attribute.kind == Kind::Number { integer: true },
        })
    }

    /// Whether a column says nothing about the agent as a person: the number of its group, or its model.
    pub(crate) fn is_bookkeeping(&self, column: &str) -> bool {
        column == "model" || self.plan.groups.iter().any(|group| group.name == column)
    }

    /// The agents `range`, in order, on all threads of the pool.
    ///
    /// # Errors
    /// [`Error::Agent`] where a constraint cannot be met or an expression fails for one of them.
    ///
    /// # Panics
    /// If the range does not lie within the population.
    pub fn sample(&self, range: Range<u64>, pool: &Pool) -> Result<Sample> {
        assert!(
            range.start <= range.end && range.end <= self.size,
            "agents {range:?} of {}",
            self.size
        );
        let block = BLOCK as u64;
        let blocks: Vec<u64> = (range.start / block..range.end.div_ceil(block)).collect();
        let blocks = if range.is_empty() { &[][..] } else { &blocks };
        let made = pool.split(blocks, 1, |blocks| {
            let some = blocks
                .first()
                .map(|block| self.block(*block, self.plan.stages.len(), Some(&range)));
            some.transpose()
        });
        let mut sample = Sample {
            first: range.start,
            rows: (range.end - range.start) as usize,
            columns: Vec::new(),
        };
        for columns in made {
            let Some(columns) = columns? else { continue };
            if sample.columns.is_empty() {
                sample.columns = columns;
            } else {
                sample.columns.iter_mut().zip(columns).for_each(|(all, more)| all.extend(more));
            }
        }
        sample.columns.resize_with(self.plan.attributes.len(), Values::empty);
        Ok(sample)
    }

    /// The first stages of a whole block of agents, cut to a range where one is given.
    fn block(&self, block: u64, stages: usize, range: Option<&Range<u64>>) -> Result<Vec<Values>> {
        let first = block * BLOCK as u64;
        let last = (first + BLOCK as u64).min(self.size);
        let mut rows = Rows {
            sampler: self,
            block: block as usize,
            first,
            agents: (last - first) as usize,
            columns: Vec::new(),
        };
        rows.columns.resize_with(self.plan.attributes.len(), Values::empty);
        for (stage, prepared) in self.plan.stages[..stages].iter().zip(&self.prepared) {
            rows.play(stage, prepared)?;
        }
        if let Some(range) = range {
            let start = range.start.saturating_sub(first) as usize;
            let end = (range.end.min(last) - first) as usize;
            if (start, end) != (0, rows.agents) {
                rows.columns.iter_mut().for_each(|column| column.cut(start..end));
            }
        }
        Ok(rows.columns)
    }

    /// How many agents or, for shared attributes, groups there are to give values to.
    pub(crate) fn units(&self, group: Option<usize>) -> u64 {
        group.map_or(self.size, |group| self.groups[group].count())
    }

    fn order(&self, key: &str, units: u64) -> Permutation {
        Permutation::new(units, &mut self.streams("order", key, 0).agent(AgentId(0)))
    }

    fn streams(&self, use_: &str, key: &str, round: u32) -> Streams {
        Streams::new(self.seed, purpose(use_, key), round)
    }

    fn prepare(&self, stage: usize, pool: &Pool) -> Result<Prepared> {
        Ok(match &self.plan.stages[stage] {
            Stage::Cells(cells) => {
                let units = self.units(cells.group);
                let start = self.streams("start", &cells.key, 0).agent(AgentId(0)).uniform();
                Prepared::Cells {
                    order: self.order(&cells.key, units),
                    cuts: cuts(&cells.cumulative, units, start),
                }
            }
            Stage::Number(number) => {
                Prepared::Number { order: self.order(&number.key, self.units(number.group)) }
            }
            Stage::Conditional(conditional) => {
                Prepared::Conditional(self.census(stage, conditional, pool)?)
            }
            _ => Prepared::Plain,
        })
    }

    fn census(&self, stage: usize, conditional: &Conditional, pool: &Pool) -> Result<Census> {
        let combinations: usize = conditional.sizes.iter().product();
        let blocks = self.size.div_ceil(BLOCK as u64);
        let counts = (combinations as u64).saturating_mul(blocks);
        if counts > CENSUS_MAX as u64 {
            let what = format!("the counts that `{}` needs of its conditions", conditional.key);
            return Err(Error::Limit { what, found: counts, limit: CENSUS_MAX as u64 });
        }
        let numbers: Vec<u64> = (0..blocks).collect();
        let counted = pool.split(numbers.as_slice(), 1, |blocks| {
            let mut counts = vec![0_u32; combinations];
            for block in blocks {
                let columns = self.block(*block, stage, None)?;
                let rows = (self.size - block * BLOCK as u64).min(BLOCK as u64) as usize;
                (0..rows).for_each(|row| counts[parents(conditional, &columns, row)] += 1);
            }
            Ok::<_, Error>(counts)
        });
        let mut before = Vec::with_capacity(counts as usize);
        let mut sums = vec![0_u32; combinations];
        for counts in counted {
            before.extend_from_slice(&sums);
            sums.iter_mut().zip(counts?).for_each(|(sum, count)| *sum += count);
        }
        Ok(self.census_orders(conditional, combinations, before, &sums))
    }

    fn census_orders(
        &self,
        conditional: &Conditional,
        combinations: usize,
        before: Vec<u32>,
        sums: &[u32],
    ) -> Census {
        let orders = self.streams("order", &conditional.key, 0);
        let starts = self.streams("start", &conditional.key, 0);
        let mut census = Census { combinations, before, orders: Vec::new(), cuts: Vec::new() };
        for (place, sum) in sums.iter().enumerate() {
            let agent = AgentId(place as u32);
            let order =
                (*sum > 0).then(|| Permutation::new(u64::from(*sum), &mut orders.agent(agent)));
            census.orders.push(order);
            let shares =
                &conditional.cumulative[place * conditional.categories..][..conditional.categories];
            let start = starts.agent(agent).uniform();
            census
                .cuts
                .extend(cuts(shares, u64::from(*sum), start).into_iter().map(|cut| cut as u32));
        }
        census
    }
}

fn parents(conditional: &Conditional, columns: &[Values], row: usize) -> usize {
    let code = |place: &usize| match &columns[*place] {
        Values::Codes(codes) => usize::from(codes[row]),
        Values::Numbers(_) | Values::Texts(_) => 0,
    };
    combination(conditional.parents.iter().map(code), &conditional.sizes)
}

/// Systematic integerisation: unit k stands at k + start on a line of `units`, and each cell takes those within
/// its share of the line. No count is off by one or more, and every sum of counts is exact in the mean.
pub(crate) fn cuts(cumulative: &[f64], units: u64, start: f64) -> Vec<u64> {
    let end = |sum: &f64| ((sum * units as f64 - start).ceil().max(0.0) as u64).min(units);
    let last = cumulative.partition_point(|sum| *sum < 1.0);
    cumulative
        .iter()
        .enumerate()
        .map(|(cell, sum)| if cell >= last { units } else { end(sum) })
        .collect()
}

impl Sampler {
    /// A value as the template language has it: whole numbers without a point.
    pub(crate) fn value(&self, attribute: usize, values: &Values, row: usize) -> Value {
        match values {
            Values::Codes(codes) => self.words[attribute][usize::from(codes[row])].clone(),
            Values::Numbers(numbers)
                if self.plan.attributes[attribute].kind == (Kind::Number { integer: true }) =>
            {
                Value::from(numbers[row] as i64)
            }
            Values::Numbers(numbers) => Value::from(numbers[row]),
            Values::Texts(texts) => Value::from(texts[row].as_str()),
        }
    }
}
