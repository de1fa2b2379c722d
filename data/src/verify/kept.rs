//! Further tables of a round: a row for each exchange adds up, and rows about agents are about agents of the run.

use super::{Check, Report};
use crate::commit::CommitRecord;
use crate::rules::{AGENT, ANSWERED, FAILED_PREFIX, NOT_ASKED, ROUND};
use crate::table::Table;

/// The table of a round's exchanges.
pub(super) const EXCHANGES: &str = "exchanges";
/// The number of an exchange, or that in which something happened.
const EXCHANGE: &str = "exchange";
/// Columns of further tables that name an agent.
const NAMING: [&str; 2] = [AGENT, "from"];

/// In every exchange everyone is answered, failed or not asked, and the exchanges lead to the round's accounts.
pub(super) fn check_exchanges(
    name: &str,
    exchanges: &Table,
    record: &CommitRecord,
    report: &mut Report,
) {
    let agents = record.accounting.agents as i64;
    let (mut failed_most, mut failed_sum, mut asked_most) = (0, 0, 0);
    for row in 0..exchanges.rows() {
        let count = |column: &str| {
            exchanges.column(column).and_then(|column| column.values.integer(row)).unwrap_or(-1)
        };
        let causes = exchanges.columns().iter().filter(|c| c.name.starts_with(FAILED_PREFIX));
        let by_cause: i64 = causes.map(|column| count(&column.name)).sum();
        let (answered, failed, not_asked) = (count(ANSWERED), count("failed"), count(NOT_ASKED));
        if count(EXCHANGE) != row as i64 {
            report.add(name, Check::Listing, format!("exchange {row}"), count(EXCHANGE));
        }
        let sum = answered + failed + not_asked;
        if sum != agents || count("n") != agents || by_cause != failed {
            let found = format!(
                "{} of exchange {row}: {answered} answered, {failed} failed ({by_cause} by cause), \
                 {not_asked} not asked",
                count("n")
            );
            report.add(name, Check::Accounting, format!("{agents} agents"), found);
        }
        failed_most = failed_most.max(failed);
        failed_sum += failed;
        asked_most = asked_most.max(answered + failed);
    }
    let (failed, not_asked) =
        (record.accounting.failed_total() as i64, record.accounting.not_asked as i64);
    if !(failed_most..=failed_sum).contains(&failed) {
        let expected = format!("{failed_most} to {failed_sum} agents that failed in the round");
        report.add(name, Check::Accounting, expected, failed);
    }
    if agents - not_asked < asked_most {
        let expected = format!("at least {asked_most} agents that were asked in the round");
        report.add(name, Check::Accounting, expected, agents - not_asked);
    }
}

/// Rows ascend by agent, name agents of the run, and are of the round.
pub(super) fn check_rows(name: &str, rows: &Table, record: &CommitRecord, report: &mut Report) {
    let agents = record.accounting.agents;
    for column in NAMING.iter().filter_map(|column| rows.column(column)) {
        let known = |row: usize| {
            let agent = column.values.integer(row);
            !column.is_valid(row)
                || agent.is_some_and(|agent| u64::try_from(agent).is_ok_and(|id| id < agents))
        };
        if let Some(row) = (0..rows.rows()).find(|&row| !known(row)) {
            let found = column.values.integer(row).map_or("none".to_owned(), |id| id.to_string());
            let found = format!("{found} in `{}` of row {row}", column.name);
            report.add(name, Check::Agents, format!("agents below {agents}"), found);
        }
    }
    if let Some(agent) = rows.column(AGENT) {
        let descends = |row: &usize| agent.values.integer(*row) < agent.values.integer(row - 1);
        if let Some(row) = (1..rows.rows()).find(descends) {
            let expected = "rows in the order of their agents";
            report.add(name, Check::Agents, expected, format!("a smaller agent in row {row}"));
        }
    }
    if let Some(round) = rows.column(ROUND) {
        let wrong = |row: &usize| round.values.integer(*row) != Some(i64::from(record.round));
        if let Some(row) = (0..rows.rows()).find(wrong) {
            let found = format!("{:?} in row {row}", round.values.integer(row));
            report.add(name, Check::Listing, format!("round {}", record.round), found);
        }
    }
}
