//! The accounts of a round as columns of `rounds` and, where a round has several exchanges, as a table of them.

use serde::{Deserialize, Serialize};
use throng_data::{Column, Table, Values};
use throng_systems::Accounting;
use throng_systems::engine::EVERYONE;
use throng_systems::engine::record::{self, ColumnSpec, Columns as _};
use throng_systems::engine::reduce::Reduction as _;

use super::PlayError;

/// The column of a summary that says that the scenario counts by itself.
const COUNTED: &str = "n";

/// The columns that every summary begins with: `group_by` and `group`.
const LEADING: usize = 2;

/// What became of the questions of a round, over all worlds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RoundAccounts {
    /// What came of the round for each agent; nobody where the scenario asks nothing.
    pub(super) whole: Accounting,
    /// The replies of each exchange, where rounds may have several.
    pub(super) exchanges: Option<Vec<Accounting>>,
}

impl RoundAccounts {
    /// Adds those of the next world, which has played the same exchanges.
    pub(super) fn merge(&mut self, later: &Self) {
        self.whole.merge(&later.whole);
        for (own, later) in
            self.exchanges.iter_mut().flatten().zip(later.exchanges.iter().flatten())
        {
            own.merge(later);
        }
    }

    /// Puts the counts of everyone before the scenario's own columns, unless it counts by itself; the rows of
    /// groups do not have them.
    pub(super) fn count_in(&self, agents: u64, summary: &mut record::Table) {
        if summary.columns.is_empty() {
            *summary = of_everyone();
        }
        let everyone: Vec<bool> = match &summary.columns[0].values {
            record::Values::Text(groups) => groups.iter().map(|by| by == EVERYONE).collect(),
            other => unreachable!("a summary names its groups in words, not as {other:?}"),
        };
        let mut columns = Vec::new();
        if summary.column(COUNTED).is_none() {
            let mut counts = record::Table::new(Accounting::columns(), everyone.len());
            counts.extend(&vec![complete(self.whole, agents); everyone.len()]);
            columns.extend(counts.columns);
        }
        columns.extend(self.exchanges.iter().flat_map(|list| totals(list, everyone.len())));
        for column in &mut columns {
            column.spec.nullable = true;
            column.valid = Some(everyone.clone());
        }
        summary.columns.splice(LEADING..LEADING, columns);
    }

    /// A row for each exchange of the round.
    pub(super) fn table(&self, round: u32, agents: u64) -> Result<Option<Table>, PlayError> {
        let Some(exchanges) = &self.exchanges else { return Ok(None) };
        let rows = exchanges.len();
        let value = Values::I32Repeat { value: round as i32, rows };
        let mut columns = vec![Column::new("round", "Number of the round, from 1.", value)];
        let number = Values::I32((0..rows as i32).collect());
        columns.push(Column::new(
            "exchange",
            "Number of the exchange in its round, from 0.",
            number,
        ));
        let mut counts = record::Table::new(Accounting::columns(), rows);
        let complete = |counts: &Accounting| complete(*counts, agents);
        counts.extend(&exchanges.iter().map(complete).collect::<Vec<_>>());
        columns.extend(counts.columns.into_iter().map(super::columns::column));
        Ok(Some(Table::new("exchanges", columns)?))
    }
}

/// The counts with those whom a scenario that asks nothing has not counted.
fn complete(mut counts: Accounting, agents: u64) -> Accounting {
    counts.leave(agents - counts.total());
    counts
}

/// A summary of everyone without any figure.
fn of_everyone() -> record::Table {
    let spec = |name, doc| ColumnSpec::new(name, doc, record::ColumnKind::Text);
    let specs = vec![
        spec("group_by", "Attribute that makes the group; \"all\" for everyone."),
        spec("group", "Value of the attribute in this group; \"all\" for everyone."),
    ];
    let mut table = record::Table::new(specs, 1);
    for column in &mut table.columns {
        column.values = record::Values::Text(vec![EVERYONE.to_owned()]);
    }
    table
}

/// How many exchanges there were and what was asked in all of them.
fn totals(exchanges: &[Accounting], rows: usize) -> Vec<record::Column> {
    let failed: u64 = exchanges.iter().map(Accounting::failed).sum();
    let answered: u64 = exchanges.iter().map(Accounting::answered).sum();
    let column = |name, doc, value: u64| {
        let mut column = record::Column::new(ColumnSpec::of::<i64>(name, doc), rows);
        column.values = record::Values::I64(vec![value as i64; rows]);
        column
    };
    vec![
        column("exchanges", "Exchanges of the round.", exchanges.len() as u64),
        column("asks", "Questions asked in all exchanges of the round.", answered + failed),
        column("asks_failed", "Those of them that have no valid answer.", failed),
    ]
}

#[cfg(test)]
mod tests {
    use throng_systems::{Cause, Reply};

    use super::*;

    fn counts(answered: usize, failed: usize, not_asked: usize) -> Accounting {
        let mut replies = vec![Reply::Answered(()); answered];
        replies.extend(vec![Reply::Failed(Cause::Timeout); failed]);
        replies.extend(vec![Reply::NotAsked; not_asked]);
        let mut counts = Accounting::default();
        counts.add(&replies);
        counts
    }

    fn whole(table: &record::Table, name: &str) -> (Vec<i64>, Option<Vec<bool>>) {
        let column = table.column(name).unwrap_or_else(|| panic!("there is no column {name}"));
        match &column.values {
            record::Values::I64(values) => (values.clone(), column.valid.clone()),
            other => panic!("{name} holds {other:?}"),
        }
    }

    #[test]
    fn everyone_is_counted_over_all_exchanges_and_groups_are_not() {
        let exchanges = Some(vec![counts(2, 1, 0), counts(1, 0, 2)]);
        let accounts = RoundAccounts { whole: counts(2, 1, 0), exchanges };
        let mut summary = of_everyone();
        for column in &mut summary.columns {
            column.values = record::Values::Text(vec!["all".to_owned(), "group".to_owned()]);
        }
        accounts.count_in(3, &mut summary);
        assert_eq!(whole(&summary, "asks"), (vec![4, 4], Some(vec![true, false])));
        assert_eq!(whole(&summary, "asks_failed").0[0], 1);
        assert_eq!(whole(&summary, "failed_timeout").0[0], 1);
        let table = accounts.table(7, 3).unwrap().unwrap();
        let column = |name: &str| table.column(name).unwrap().values.integer(1);
        let row = ["round", "exchange", "n", "answered", "not_asked", "failed"].map(column);
        assert_eq!(row, [7, 1, 3, 1, 2, 0].map(Some));
    }

    #[test]
    fn a_scenario_without_questions_and_summary_has_a_row_of_those_not_asked() {
        let mut summary = record::Table::default();
        RoundAccounts::default().count_in(5, &mut summary);
        assert_eq!(whole(&summary, "n").0, [5]);
        assert_eq!(whole(&summary, "not_asked").0, [5]);
        assert!(summary.column("asks").is_none());
    }
}
