//! What the tables of a round must agree on before a byte of them is written.

use crate::commit::Accounting;
use crate::error::{Error, Result};
use crate::layout::{AGENTS, PEOPLE};
use crate::run_write::RoundOutput;
use crate::schema::Kind;
use crate::table::{Column, Table, Values};
use std::collections::{BTreeMap, BTreeSet};

/// The column of agents' ids: `i64`, ascending by one.
pub const AGENT: &str = "agent";
/// The column of the round: `i32`.
pub const ROUND: &str = "round";
/// The column that says what became of an agent's question.
pub const STATUS: &str = "status";
/// The status of an agent that answered.
pub const ANSWERED: &str = "answered";
/// The status of an agent that was not asked.
pub const NOT_ASKED: &str = "not_asked";
/// How the status of a failure begins; its cause follows.
pub const FAILED_PREFIX: &str = "failed_";
/// The column of `rounds` that names the attribute of `people` or the column of `agents` by which agents are grouped.
pub const GROUP_BY: &str = "group_by";
/// The column of `rounds` that names the group.
pub const GROUP: &str = "group";
/// What [`GROUP_BY`] and [`GROUP`] say of a row about everyone.
pub const WHOLE_POPULATION: &str = "all";

/// Checks a round's tables against each other and against its accounts.
pub(crate) fn check_output(output: &RoundOutput) -> Result<()> {
    output.accounting.check(output.round)?;
    check_state_hash(output)?;
    let mut names = BTreeSet::new();
    for table in &output.tables {
        if !names.insert(table.name()) {
            return Err(table_error(table, "it was handed over twice for one round"));
        }
        if (table.name() == PEOPLE) != (output.round == 0) {
            let rule = "round 0 brings `people` and nothing else; later rounds bring the others";
            return Err(table_error(table, rule));
        }
        check_table(table, output.round)?;
        if matches!(table.name(), AGENTS | PEOPLE) {
            check_population(table, &output.accounting, output.round)?;
        }
    }
    Ok(())
}

fn check_state_hash(output: &RoundOutput) -> Result<()> {
    let hex =
        |hash: &String| hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match &output.state_hash {
        Some(hash) if hash.is_empty() || !hex(hash) => Err(Error::Accounting {
            round: output.round,
            problem: format!("the state hash `{hash}` is not lower-case hexadecimal"),
        }),
        _ => Ok(()),
    }
}

fn check_table(table: &Table, round: u32) -> Result<()> {
    if table.name() != PEOPLE {
        let column = required(table, ROUND, Kind::I32)?;
        if let Some((row, found)) = other_round(&column.values, round) {
            return Err(column_error(table, ROUND, format!("row {row} is of round {found}")));
        }
    }
    if matches!(table.name(), AGENTS | PEOPLE) {
        check_dense(table, required(table, AGENT, Kind::I64)?)?;
    }
    if table.name() == AGENTS {
        required(table, STATUS, Kind::Category)?;
    }
    Ok(())
}

/// The first row that is of another round.
fn other_round(values: &Values, round: u32) -> Option<(usize, i32)> {
    let round = i32::try_from(round).ok()?;
    match values {
        Values::I32(rounds) => {
            let row = rounds.iter().position(|&found| found != round)?;
            Some((row, rounds[row]))
        }
        Values::I32Repeat { value, rows } => (*rows > 0 && *value != round).then_some((0, *value)),
        _ => None,
    }
}

fn required<'a>(table: &'a Table, name: &str, kind: Kind) -> Result<&'a Column> {
    let rule = || format!("it must be there, of type {}, with a value in every row", kind.word());
    table
        .column(name)
        .filter(|column| column.values.kind() == kind && column.valid.is_none())
        .ok_or_else(|| column_error(table, name, rule()))
}

/// Agents of a file are `first`, `first + 1`, …: readers find one without an index.
fn check_dense(table: &Table, agents: &Column) -> Result<()> {
    if let Values::I64(ids) = &agents.values {
        let gap = ids.array_windows().find(|[id, next]| id.checked_add(1) != Some(*next));
        if let Some(&[id, next]) = gap {
            let problem = format!("{next} follows {id}; ids must ascend by one");
            return Err(column_error(table, AGENT, problem));
        }
    }
    match (0..table.rows().min(1)).find_map(|row| agents.values.integer(row)) {
        Some(first) if first < 0 => {
            Err(column_error(table, AGENT, format!("{first} is not an agent")))
        }
        _ => Ok(()),
    }
}

fn check_population(table: &Table, accounting: &Accounting, round: u32) -> Result<()> {
    let rows = table.rows() as u64;
    let problem = if rows != accounting.agents {
        Some(format!("`{}` has {rows} rows for {} agents", table.name(), accounting.agents))
    } else if table.name() == AGENTS {
        accounts_of(table)?.difference(accounting)
    } else {
        None
    };
    problem.map_or(Ok(()), |problem| Err(Error::Accounting { round, problem }))
}

/// Counts what became of each agent's question, from the column [`STATUS`].
///
/// # Errors
/// [`Error::Column`] where the table has no such column or a status means nothing.
pub(crate) fn accounts_of(table: &Table) -> Result<Accounting> {
    let mut accounts = Accounting { agents: table.rows() as u64, ..Accounting::default() };
    for (status, count) in status_counts(table)? {
        match status.strip_prefix(FAILED_PREFIX) {
            Some(cause) if !cause.is_empty() => {
                accounts.failed.insert(cause.to_owned(), count);
            }
            _ if status == ANSWERED => accounts.answered = count,
            _ if status == NOT_ASKED => accounts.not_asked = count,
            _ => {
                let problem = format!(
                    "`{status}` is none of `{ANSWERED}`, `{NOT_ASKED}` and `{FAILED_PREFIX}<cause>`"
                );
                return Err(column_error(table, STATUS, problem));
            }
        }
    }
    Ok(accounts)
}

/// The number of rows of each status that occurs.
fn status_counts(table: &Table) -> Result<BTreeMap<&str, u64>> {
    let missing = || column_error(table, STATUS, "it is not a category".to_owned());
    let column = table.column(STATUS).ok_or_else(missing)?;
    let (counts, names) = match &column.values {
        Values::Category { codes, names } => (count(codes.iter().map(|&c| c.into()), names), names),
        Values::Category16 { codes, names } => {
            (count(codes.iter().map(|&c| c.into()), names), names)
        }
        _ => return Err(missing()),
    };
    let counted = names.iter().map(String::as_str).zip(counts);
    Ok(counted.filter(|&(_, count)| count > 0).collect())
}

fn count(codes: impl Iterator<Item = usize>, names: &[String]) -> Vec<u64> {
    let mut counts = vec![0; names.len()];
    codes.for_each(|code| counts[code] += 1);
    counts
}

impl Accounting {
    /// How accounts counted from a table differ from accounts that were claimed.
    pub(crate) fn difference(&self, claimed: &Self) -> Option<String> {
        let says = |what: &str, counted: u64, claimed: u64| {
            (counted != claimed).then(|| {
                format!("the table `agents` has {counted} {what}, the accounts say {claimed}")
            })
        };
        let causes: BTreeSet<&String> = self.failed.keys().chain(claimed.failed.keys()).collect();
        let of = |accounts: &Self, cause| accounts.failed.get(cause).copied().unwrap_or(0);
        says("agents", self.agents, claimed.agents)
            .or_else(|| says("answered", self.answered, claimed.answered))
            .or_else(|| says("not asked", self.not_asked, claimed.not_asked))
            .or_else(|| {
                causes.into_iter().find_map(|cause| {
                    says(&format!("failed by `{cause}`"), of(self, cause), of(claimed, cause))
                })
            })
    }
}

fn table_error(table: &Table, problem: &str) -> Error {
    Error::Table { table: table.name().to_owned(), problem: problem.to_owned() }
}

fn column_error(table: &Table, column: &str, problem: String) -> Error {
    Error::Column { table: table.name().to_owned(), column: column.to_owned(), problem }
}
