//! Counts and reductions of a round, derived again from the agents' rows.

use super::{Check, Report};
use crate::manifest::AnswerColumn;
use crate::rules::{ANSWERED, FAILED_PREFIX, GROUP, GROUP_BY, NOT_ASKED, STATUS, WHOLE_POPULATION};
use crate::table::{Column, Table};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Relative error that two orders of summing floats may differ by.
const SUM_ERROR: f64 = 1e-12;

/// Compares every row of `rounds` with what the rows of `agents` give.
pub(super) fn check_reductions(
    name: &str,
    rounds: &Table,
    agents: &Table,
    people: Option<&Table>,
    answer: Option<&AnswerColumn>,
    report: &mut Report,
) {
    let source = Source { agents, people, answer };
    let mut by_attribute: BTreeMap<String, BTreeMap<String, Group>> = BTreeMap::new();
    for row in 0..rounds.rows() {
        let (group_by, group) = group_of(rounds, row);
        if !by_attribute.contains_key(&group_by) {
            match source.groups(&group_by) {
                Ok(groups) => drop(by_attribute.insert(group_by.clone(), groups)),
                Err(problem) => {
                    report.add(name, Check::Reduction, "a group that can be formed", problem);
                    continue;
                }
            }
        }
        let empty = Group::default();
        let derived = by_attribute.get(&group_by).and_then(|groups| groups.get(&group));
        let check = RowCheck { name, rounds, row, label: format!("{group_by} `{group}`") };
        check.run(derived.unwrap_or(&empty), answer, report);
    }
}

/// The attributes by which the rows of `rounds` group agents.
pub(super) fn attributes(rounds: &Table) -> BTreeSet<String> {
    (0..rounds.rows()).map(|row| group_of(rounds, row).0).collect()
}

/// What a row of `rounds` is about; a table without groups is about the whole population.
fn group_of(rounds: &Table, row: usize) -> (String, String) {
    let text = |name: &str| {
        let column = rounds.column(name).filter(|column| column.is_valid(row));
        column.and_then(|column| column.values.text(row)).unwrap_or(WHOLE_POPULATION).to_owned()
    };
    (text(GROUP_BY), text(GROUP))
}

/// The agents of a group: what became of their questions, and their answers in ascending order.
#[derive(Debug, Default)]
struct Group {
    agents: u64,
    by_status: BTreeMap<String, u64>,
    answers: Vec<f64>,
}

struct Source<'a> {
    agents: &'a Table,
    people: Option<&'a Table>,
    answer: Option<&'a AnswerColumn>,
}

impl Source<'_> {
    /// The groups of agents by an attribute of `people` or a column of `agents`, or the one group of all.
    fn groups(&self, attribute: &str) -> Result<BTreeMap<String, Group>, String> {
        let attribute = self.attribute(attribute)?;
        let status = self.agents.column(STATUS).ok_or("there is no column of statuses")?;
        let answers = match self.answer {
            None => None,
            Some(answer) => {
                let missing = || format!("there is no column `{}`", answer.column);
                Some(self.agents.column(&answer.column).ok_or_else(missing)?)
            }
        };
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for row in 0..self.agents.rows() {
            let name = attribute.map_or(WHOLE_POPULATION.into(), |column| group_name(column, row));
            if !groups.contains_key(&*name) {
                groups.insert(name.to_string(), Group::default());
            }
            let group = groups.get_mut(&*name).expect("inserted above where it was missing");
            group.add(status.values.text(row).unwrap_or_default(), answers, row);
        }
        for group in groups.values_mut() {
            group.answers.sort_by(f64::total_cmp);
        }
        Ok(groups)
    }

    fn attribute(&self, name: &str) -> Result<Option<&Column>, String> {
        if name == WHOLE_POPULATION {
            return Ok(None);
        }
        let people = self.people.ok_or("the table `people` cannot be read")?;
        if people.rows() != self.agents.rows() {
            return Err("`people` and `agents` have different numbers of rows".to_owned());
        }
        // What an agent is does not change; the groups that it joins and leaves are columns of `agents`.
        let column = people.column(name).or_else(|| self.agents.column(name));
        let column =
            column.ok_or_else(|| format!("neither `people` nor `agents` has a column `{name}`"))?;
        // Floats have no one spelling, so that only texts, categories and integers name groups.
        let values = &column.values;
        let names = people.rows() == 0 || values.text(0).is_some() || values.integer(0).is_some();
        names.then_some(Some(column)).ok_or_else(|| format!("`{name}` is neither text nor integer"))
    }
}

/// The name of the group that a row is in; empty where the attribute is missing.
fn group_name(column: &Column, row: usize) -> Cow<'_, str> {
    if !column.is_valid(row) {
        return "".into();
    }
    let integer = || column.values.integer(row).map(|number| number.to_string().into());
    column.values.text(row).map(Cow::from).or_else(integer).unwrap_or_default()
}

impl Group {
    fn add(&mut self, status: &str, answers: Option<&Column>, row: usize) {
        self.agents += 1;
        match self.by_status.get_mut(status) {
            Some(count) => *count += 1,
            None => drop(self.by_status.insert(status.to_owned(), 1)),
        }
        let answer = answers.filter(|column| status == ANSWERED && column.is_valid(row));
        self.answers.extend(answer.and_then(|column| column.values.number(row)));
    }

    fn count(&self, status: &str) -> u64 {
        self.by_status.get(status).copied().unwrap_or(0)
    }

    fn failed(&self) -> u64 {
        let failures = self.by_status.iter().filter(|(name, _)| name.starts_with(FAILED_PREFIX));
        failures.map(|(_, count)| count).sum()
    }

    /// The mean, summed with compensation so that its own error is below what is compared.
    fn mean(&self) -> Option<f64> {
        let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
        for &value in &self.answers {
            let next = sum + value;
            lost += if sum.abs() >= value.abs() { sum - next + value } else { value - next + sum };
            sum = next;
        }
        (!self.answers.is_empty()).then(|| (sum + lost) / self.answers.len() as f64)
    }

    /// The middle answer, or the mean of the two middle ones.
    fn median(&self) -> Option<f64> {
        let middle = self.answers.len() / 2;
        let upper = *self.answers.get(middle)?;
        if self.answers.len() % 2 == 1 {
            return Some(upper);
        }
        Some(f64::midpoint(self.answers[middle - 1], upper))
    }

    /// The largest magnitude, to which rounding errors are relative.
    fn scale(&self) -> f64 {
        let ends = [self.answers.first(), self.answers.last()];
        ends.into_iter().flatten().fold(0.0, |scale: f64, end| scale.max(end.abs()))
    }
}

/// One row of `rounds` under comparison.
struct RowCheck<'a> {
    name: &'a str,
    rounds: &'a Table,
    row: usize,
    label: String,
}

impl RowCheck<'_> {
    fn run(&self, group: &Group, answer: Option<&AnswerColumn>, report: &mut Report) {
        self.count("n", group.agents, report);
        self.count(ANSWERED, group.count(ANSWERED), report);
        self.count(NOT_ASKED, group.count(NOT_ASKED), report);
        self.count("failed", group.failed(), report);
        for column in self.rounds.columns() {
            if column.name.starts_with(FAILED_PREFIX) {
                self.count(&column.name, group.count(&column.name), report);
            }
        }
        let Some(AnswerColumn { column, quantile_error }) = answer else { return };
        let rounding = SUM_ERROR * group.scale();
        self.number(column, "min", group.answers.first().copied(), 0.0, report);
        self.number(column, "max", group.answers.last().copied(), 0.0, report);
        self.number(column, "mean", group.mean(), rounding, report);
        self.number(column, "median", group.median(), quantile_error + rounding, report);
    }

    fn count(&self, name: &str, expected: u64, report: &mut Report) {
        let Some(column) = self.rounds.column(name) else { return };
        // Everyone is always counted; a scenario need not count its groups.
        if !column.is_valid(self.row) && group_of(self.rounds, self.row).0 != WHOLE_POPULATION {
            return;
        }
        let found = column.values.integer(self.row).filter(|_| column.is_valid(self.row));
        if found.and_then(|found| u64::try_from(found).ok()) != Some(expected) {
            let found = found.map_or("no integer".to_owned(), |found| found.to_string());
            self.report(name, expected.to_string(), &found, report);
        }
    }

    /// A reduction is named `mean`, or `guess_mean` where several answers are reduced.
    fn number(
        &self,
        answer: &str,
        reduction: &str,
        expected: Option<f64>,
        error: f64,
        report: &mut Report,
    ) {
        let long = format!("{answer}_{reduction}");
        let Some(column) = self.rounds.column(&long).or_else(|| self.rounds.column(reduction))
        else {
            return;
        };
        let found = column.values.number(self.row).filter(|_| column.is_valid(self.row));
        let same = match (expected, found) {
            (Some(expected), Some(found)) => {
                (expected - found).abs() <= error || expected.to_bits() == found.to_bits()
            }
            (None, None) => true,
            _ => false,
        };
        if !same {
            let words = |value: Option<f64>| value.map_or("none".to_owned(), |v| v.to_string());
            self.report(&column.name, words(expected), &words(found), report);
        }
    }

    fn report(&self, column: &str, expected: String, found: &str, report: &mut Report) {
        let found = format!("{found} in `{column}` of {}", self.label);
        report.add(self.name, Check::Reduction, expected, found);
    }
}
