//! How two runs differ: what made them, the first round whose state differs, and its effect on the figures.

mod agents;

use std::collections::BTreeMap;

use serde_json::Value;
use throng_data::{
    AGENTS, CommitRecord, Error, Origin, PEOPLE, Projection, ROUND, ROUNDS, RunDir, Table,
};

use crate::figures::Row;
pub(crate) use agents::{AGENTS_NAMED_MAX, AgentsDiffer, Paired};

/// How the runs `a` and `b` differ.
#[derive(Debug)]
pub(crate) struct Difference {
    /// What differs in what made the runs; it alone does not make them different.
    pub(crate) origin: Vec<OriginDiffers>,
    /// The rounds that both have, round 0 included.
    pub(crate) rounds_shared: u32,
    /// The rounds that only one has.
    pub(crate) only: [Vec<u32>; 2],
    /// The first round whose state differs.
    pub(crate) first: Option<FirstRound>,
    /// Every round from 1 whose state differs, ascending.
    pub(crate) rounds: Vec<RoundDiffers>,
}

/// A field of what made the runs.
#[derive(Debug, PartialEq)]
pub(crate) struct OriginDiffers {
    /// Its name.
    pub(crate) field: String,
    /// In `a` and in `b`; null where it is missing.
    pub(crate) values: [Value; 2],
}

/// The first round whose state differs.
#[derive(Debug)]
pub(crate) struct FirstRound {
    /// The round; 0 is the population.
    pub(crate) round: u32,
    /// What is recorded of the agents there; `None` where one run has not recorded them.
    pub(crate) agents: Option<AgentsDiffer>,
}

/// A round whose state differs.
#[derive(Debug)]
pub(crate) struct RoundDiffers {
    /// The round.
    pub(crate) round: u32,
    /// The numbers in the reductions of each group.
    pub(crate) figures: Vec<Figure>,
    /// The difference of the agents' answers; `None` where the runs have no common column of answers.
    pub(crate) answer: Option<Paired>,
}

/// A number of a group.
#[derive(Debug, PartialEq)]
pub(crate) struct Figure {
    /// The group.
    pub(crate) group: String,
    /// The column.
    pub(crate) column: String,
    /// In `a` and in `b`; `None` where it is missing.
    pub(crate) values: [Option<f64>; 2],
}

impl Figure {
    /// `b` minus `a`.
    pub(crate) fn difference(&self) -> Option<f64> {
        let [a, b] = self.values;
        Some(b? - a?)
    }
}

impl Difference {
    /// Whether both have the same rounds with the same states.
    pub(crate) fn is_none(&self) -> bool {
        self.first.is_none() && self.only.iter().all(Vec::is_empty)
    }
}

/// Compares two runs: records first, and tables of only those rounds whose states differ, one at a time.
///
/// # Errors
/// What cannot be read.
pub(crate) fn compare(a: &RunDir, b: &RunDir) -> Result<Difference, Error> {
    let (runs, commits) = ([a, b], [a.commits()?, b.commits()?]);
    let [from, to] = [a.manifest()?.origin, b.manifest()?.origin];
    let shared = commits[0].len().min(commits[1].len());
    let only = commits
        .each_ref()
        .map(|commits| commits[shared..].iter().map(|record| record.round).collect::<Vec<_>>());
    let answer = answer_column(&from, &to);
    let (mut first, mut rounds) = (None, Vec::new());
    for (a, b) in commits[0].iter().zip(&commits[1]) {
        let State::Differs(agents) = state_differs(runs, a, b, first.is_none())? else { continue };
        let round = a.round;
        if first.is_none() {
            first = Some(FirstRound { round, agents });
        }
        if round > 0 {
            rounds.push(round_differs(runs, round, answer.as_deref())?);
        }
    }
    let rounds_shared = u32::try_from(shared).expect("rounds are numbered in 32 bits");
    Ok(Difference { origin: origin_differs(&from, &to), rounds_shared, only, first, rounds })
}

/// How the states of two runs after a round compare.
enum State {
    /// They are the same.
    Same,
    /// They differ; with how recorded agents do, where that was looked for and is recorded.
    Differs(Option<AgentsDiffer>),
}

/// Compares the states after a round, and its recorded agents where `look` asks for them.
///
/// A round whose record has no digest of its state is the same where its recorded agents are.
fn state_differs(
    runs: [&RunDir; 2],
    a: &CommitRecord,
    b: &CommitRecord,
    look: bool,
) -> Result<State, Error> {
    let known = a.state_hash.is_some() && b.state_hash.is_some();
    if known && a.state_hash == b.state_hash {
        return Ok(State::Same);
    }
    if known && !look {
        return Ok(State::Differs(None));
    }
    let name = if a.round == 0 { PEOPLE } else { AGENTS };
    let [left, right] = tables(runs, name, a.round, None)?;
    let agents = match (left, right) {
        (Some(left), Some(right)) => Some(AgentsDiffer::between(&left, &right)),
        _ => None,
    };
    let same = agents.as_ref().is_some_and(AgentsDiffer::is_none);
    Ok(if known || !same { State::Differs(agents) } else { State::Same })
}

fn round_differs(
    runs: [&RunDir; 2],
    round: u32,
    answer: Option<&str>,
) -> Result<RoundDiffers, Error> {
    let figures = match tables(runs, ROUNDS, round, None)? {
        [Some(a), Some(b)] => figures(&Row::of_run(&a), &Row::of_run(&b)),
        _ => Vec::new(),
    };
    let answer = match answer {
        Some(column) => match tables(runs, AGENTS, round, Some(column))? {
            [Some(a), Some(b)] => Paired::between(&a, &b, column),
            _ => None,
        },
        None => None,
    };
    Ok(RoundDiffers { round, figures, answer })
}

/// A table of both runs, whole or with the agents and one column; `None` where a run keeps none of that name.
fn tables(
    runs: [&RunDir; 2],
    table: &str,
    round: u32,
    column: Option<&str>,
) -> Result<[Option<Table>; 2], Error> {
    let names = [throng_data::AGENT, column.unwrap_or_default()];
    let projection = match column {
        Some(_) => Projection::Columns(&names),
        None => Projection::All,
    };
    let read = |run: &RunDir| match run.schemas()?.get(table) {
        None => Ok(None),
        Some(_) => run.read(table, round, projection).map(Some),
    };
    Ok([read(runs[0])?, read(runs[1])?])
}

/// Every number of every group that either run has.
fn figures(a: &[Row], b: &[Row]) -> Vec<Figure> {
    let mut places = BTreeMap::new();
    let mut figures: Vec<Figure> = Vec::new();
    for (side, rows) in [a, b].into_iter().enumerate() {
        for row in rows {
            for (column, value) in row.numbers().filter(|(column, _)| *column != ROUND) {
                let key = (row.group.as_str(), column);
                let place = *places.entry(key).or_insert_with(|| {
                    let (group, column) = (row.group.clone(), column.to_owned());
                    figures.push(Figure { group, column, values: [None; 2] });
                    figures.len() - 1
                });
                figures[place].values[side] = Some(value);
            }
        }
    }
    figures
}

/// The column of answers, where both runs have the same.
fn answer_column(a: &Origin, b: &Origin) -> Option<String> {
    let (a, b) = (a.answer.as_ref()?, b.answer.as_ref()?);
    (a.column == b.column).then(|| a.column.clone())
}

/// The fields that differ, the models one by one.
fn origin_differs(a: &Origin, b: &Origin) -> Vec<OriginDiffers> {
    let fields = |origin: &Origin| {
        let mut fields = BTreeMap::new();
        flatten("", serde_json::to_value(origin).expect("an origin is JSON"), &mut fields);
        fields
    };
    let (a, b) = (fields(a), fields(b));
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let value = |fields: &BTreeMap<String, Value>, name: &String| {
        fields.get(name).cloned().unwrap_or(Value::Null)
    };
    let both = names.into_iter().map(|name| OriginDiffers {
        field: name.clone(),
        values: [value(&a, name), value(&b, name)],
    });
    both.filter(|field| field.values[0] != field.values[1]).collect()
}

fn flatten(name: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, fields);
            }
        }
        value => {
            fields.insert(name.to_owned(), value);
        }
    }
}
