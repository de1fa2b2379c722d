//! Agents of two runs, paired by their ids: who differs in which columns, and by how much on average.

use throng_data::{AGENT, Column, Table, Values};

/// Differing agents that are named; the rest are counted.
pub(crate) const AGENTS_NAMED_MAX: usize = 10;

/// How the recorded agents of a round differ.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct AgentsDiffer {
    /// Agents that both runs have and that differ in a column.
    pub(crate) count: u64,
    /// The first of them, each with the columns in which it differs.
    pub(crate) named: Vec<(i64, Vec<String>)>,
    /// The columns in which agents differ, each with how many do.
    pub(crate) columns: Vec<(String, u64)>,
    /// Agents that only one run has.
    pub(crate) agents_only: [u64; 2],
    /// Columns that only one run has.
    pub(crate) columns_only: [Vec<String>; 2],
}

/// The mean difference of a column over pairs of agents, `b` minus `a`.
#[derive(Debug, PartialEq)]
pub(crate) struct Paired {
    /// The column.
    pub(crate) column: String,
    /// Agents with a finite value in both runs.
    pub(crate) pairs: u64,
    /// The mean; `None` without a pair.
    pub(crate) mean: Option<f64>,
    /// The standard deviation of the differences over the root of their number; `None` below two pairs.
    pub(crate) standard_error: Option<f64>,
}

/// The rows of the same agent in both tables, by agent, and how many agents are in one table only.
struct Pairs {
    rows: Vec<(i64, usize, usize)>,
    only: [u64; 2],
}

impl Pairs {
    fn between(a: &Table, b: &Table) -> Self {
        let (a, b) = (by_agent(a), by_agent(b));
        let mut rows = Vec::with_capacity(a.len().min(b.len()));
        let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
        while let (Some(&&(agent, row)), Some(&&(other, other_row))) = (left.peek(), right.peek()) {
            if agent == other {
                rows.push((agent, row, other_row));
            }
            if agent <= other {
                left.next();
            }
            if other <= agent {
                right.next();
            }
        }
        let only = [a.len() - rows.len(), b.len() - rows.len()].map(|count| count as u64);
        Self { rows, only }
    }
}

fn by_agent(table: &Table) -> Vec<(i64, usize)> {
    let Some(ids) = table.column(AGENT) else { return Vec::new() };
    let id = |row| ids.values.integer(row).map(|id| (id, row));
    let mut agents: Vec<_> = (0..table.rows()).filter_map(id).collect();
    // Shards follow each other, so this is a single pass as a rule.
    agents.sort_unstable();
    agents.dedup_by_key(|(agent, _)| *agent);
    agents
}

impl AgentsDiffer {
    /// Compares all columns that both tables have, bit by bit.
    pub(crate) fn between(a: &Table, b: &Table) -> Self {
        let pairs = Pairs::between(a, b);
        let mut differs = vec![false; pairs.rows.len()];
        let mut columns = Vec::new();
        let shared: Vec<_> = a
            .columns()
            .iter()
            .filter_map(|column| Some((column, b.column(&column.name)?)))
            .collect();
        for (a, b) in &shared {
            let mut count = 0;
            for (differs, &(_, left, right)) in differs.iter_mut().zip(&pairs.rows) {
                if !same(a, left, b, right) {
                    *differs = true;
                    count += 1;
                }
            }
            if count > 0 {
                columns.push((a.name.clone(), count));
            }
        }
        let differing = || differs.iter().zip(&pairs.rows).filter(|(differs, _)| **differs);
        let name = |&(agent, left, right): &(i64, usize, usize)| {
            let columns = shared.iter().filter(|(a, b)| !same(a, left, b, right));
            (agent, columns.map(|(a, _)| a.name.clone()).collect())
        };
        Self {
            count: differing().count() as u64,
            named: differing().take(AGENTS_NAMED_MAX).map(|(_, pair)| name(pair)).collect(),
            columns,
            agents_only: pairs.only,
            columns_only: [names_without(a, b), names_without(b, a)],
        }
    }

    /// Whether nothing differs.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn names_without(table: &Table, other: &Table) -> Vec<String> {
    let names = table.columns().iter().map(|column| &column.name);
    names.filter(|name| other.column(name).is_none()).cloned().collect()
}

/// Whether two cells are the same, bit by bit.
fn same(a: &Column, left: usize, b: &Column, right: usize) -> bool {
    match (a.is_valid(left), b.is_valid(right)) {
        (true, true) => {}
        (a, b) => return a == b,
    }
    match (&a.values, &b.values) {
        (Values::F64(a), Values::F64(b)) => a[left].to_bits() == b[right].to_bits(),
        (Values::F32(a), Values::F32(b)) => a[left].to_bits() == b[right].to_bits(),
        (Values::Bool(a), Values::Bool(b)) => a[left] == b[right],
        (a, b) if a.kind() == b.kind() => {
            a.integer(left) == b.integer(right) && a.text(left) == b.text(right)
        }
        _ => false,
    }
}

impl Paired {
    /// Pairs the agents of two tables; `None` where the column is no number in one of them.
    pub(crate) fn between(a: &Table, b: &Table, column: &str) -> Option<Self> {
        let (left, right) = (a.column(column)?, b.column(column)?);
        let is_number =
            |column: &Column| column.values.is_empty() || column.values.number(0).is_some();
        if !is_number(left) || !is_number(right) {
            return None;
        }
        let value = |column: &Column, row| {
            column
                .is_valid(row)
                .then(|| column.values.number(row))
                .flatten()
                .filter(|v| v.is_finite())
        };
        let pairs = Pairs::between(a, b).rows;
        let difference =
            |&(_, a, b): &(i64, usize, usize)| Some(value(right, b)? - value(left, a)?);
        Some(Self::of(column, &pairs.iter().filter_map(difference).collect::<Vec<f64>>()))
    }

    /// The mean of differences and its standard error, s / √n with s² = Σ(d − mean)² / (n − 1), summed in
    /// the order of the agents.
    fn of(column: &str, differences: &[f64]) -> Self {
        let n = differences.len() as f64;
        let mean = (n > 0.0).then(|| differences.iter().sum::<f64>() / n);
        let standard_error = mean.filter(|_| n > 1.0).map(|mean| {
            let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
            (squares / (n - 1.0) / n).sqrt()
        });
        Self { column: column.to_owned(), pairs: differences.len() as u64, mean, standard_error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(first: i64, guesses: &[f64], valid: &[bool]) -> Table {
        let ids = Values::I64Sequence { first, rows: guesses.len() };
        let guesses = Values::F64(guesses.to_vec());
        let columns = vec![
            Column::new("agent", "Id.", ids),
            Column::new("guess", "Answer.", guesses).with_valid(valid.to_vec()),
        ];
        Table::new("agents", columns).unwrap()
    }

    #[test]
    fn a_paired_difference_of_the_runs_is_diffed_by_agent() {
        let a = table(0, &[1.0, 2.0, 3.0, 9.0], &[true, true, true, false]);
        let b = table(1, &[3.0, 6.0, 9.0, 5.0], &[true; 4]);
        let paired = Paired::between(&a, &b, "guess").unwrap();
        // Agents 1 and 2 have an answer in both: 3 − 2 and 6 − 3.
        assert_eq!((paired.pairs, paired.mean, paired.standard_error), (2, Some(2.0), Some(1.0)));
        let differ = AgentsDiffer::between(&a, &b);
        assert_eq!((differ.count, differ.agents_only), (3, [1, 1]));
        assert_eq!(differ.columns, [("guess".to_owned(), 3)]);
        assert_eq!(differ.named[0], (1, vec!["guess".to_owned()]));
        assert!(AgentsDiffer::between(&a, &a).is_none());
    }

    #[test]
    fn a_diff_of_one_pair_has_no_standard_error_and_of_none_no_mean() {
        let (one, other) = (table(0, &[1.0], &[true]), table(0, &[f64::NAN], &[true]));
        assert_eq!(Paired::between(&one, &one, "guess").unwrap().standard_error, None);
        assert_eq!(Paired::between(&one, &other, "guess").unwrap().mean, None);
        assert!(Paired::between(&one, &one, "other").is_none());
        let zero = |value| table(0, &[value], &[true]);
        assert_eq!(AgentsDiffer::between(&zero(0.0), &zero(-0.0)).count, 1, "bit by bit");
    }
}
