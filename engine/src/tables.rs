//! Further tables of a round: what happened besides the agents' own rows, such as the letters they wrote.

use std::any::TypeId;

use bevy_ecs::prelude::*;

use crate::record::{ColumnSpec, Columns, Table};
use crate::{AgentId, Round};

/// Tables by name, with a row for each thing that happened to an agent or was done by it. A world holds the rows
/// of its own agents, so that the worlds' tables in rank order are the table of the run.
#[derive(Resource, Debug, Default)]
pub struct Tables {
    tables: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: &'static str,
    kind: TypeId,
    specs: Vec<ColumnSpec>,
    /// The columns after round and agent.
    table: Table,
    /// The round and the agent of each row.
    rows: Vec<(Round, AgentId)>,
}

impl Kept {
    fn clear(&mut self) -> (Vec<(Round, AgentId)>, Table) {
        let empty = Table::new(self.specs[LEADING..].to_vec(), 0);
        (std::mem::take(&mut self.rows), std::mem::replace(&mut self.table, empty))
    }

    /// The rows by agent, those of an agent in the order in which they came.
    fn take(&mut self) -> Table {
        let (rows, table) = self.clear();
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|&row| rows[row as usize].1);
        let mut places = vec![0; rows.len()];
        order.iter().zip(0..).for_each(|(&row, place)| places[row as usize] = place);
        let mut all = Table::new(self.specs[..LEADING].to_vec(), rows.len());
        let rounds: Vec<i32> = rows.iter().map(|(round, _)| round.0 as i32).collect();
        all.columns[0].extend(rounds.iter().map(Some));
        all.columns[1].extend(rows.iter().map(|(_, agent)| Some(agent)));
        all.columns.extend(table.columns);
        all.columns.iter_mut().for_each(|column| column.scatter(&places));
        all
    }
}

/// The columns that every kept table begins with: round and agent.
const LEADING: usize = 2;

impl Tables {
    pub(crate) fn declare<C: Columns + 'static>(&mut self, name: &'static str) {
        assert!(self.find(name).is_none(), "the table {name} is kept once");
        let mut specs = vec![
            ColumnSpec::of::<i32>("round", "Number of the round, from 1."),
            ColumnSpec::of::<AgentId>("agent", "Number of the agent that the row is of."),
        ];
        specs.extend(C::columns());
        let table = Table::new(specs[LEADING..].to_vec(), 0);
        self.tables.push(Kept { name, kind: TypeId::of::<C>(), specs, table, rows: Vec::new() });
    }

    /// Adds rows to a table, each with the agent of this world that it is of.
    ///
    /// # Panics
    /// If a table of this name and type was not declared with [`crate::Simulation::keeps`].
    pub fn extend<C: Columns + 'static>(
        &mut self,
        name: &str,
        round: Round,
        rows: &[(AgentId, C)],
    ) {
        let kept = self.find(name).expect("the table was declared");
        assert_eq!(kept.kind, TypeId::of::<C>(), "rows of a table have the declared type");
        kept.rows.extend(rows.iter().map(|(agent, _)| (round, *agent)));
        C::extend(rows.iter().map(|(_, row)| Some(row)), &mut kept.table.columns);
    }

    /// Whether a table of this name is kept.
    pub fn keeps(&self, name: &str) -> bool {
        self.tables.iter().any(|kept| kept.name == name)
    }

    /// The columns of each table, by name.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&'static str, &[ColumnSpec])> {
        self.tables.iter().map(|kept| (kept.name, kept.specs.as_slice()))
    }

    pub(crate) fn clear(&mut self) {
        self.tables.iter_mut().for_each(|kept| drop(kept.clear()));
    }

    pub(crate) fn take(&mut self) -> Vec<(String, Table)> {
        self.tables.iter_mut().map(|kept| (kept.name.to_owned(), kept.take())).collect()
    }

    fn find(&mut self, name: &str) -> Option<&mut Kept> {
        self.tables.iter_mut().find(|kept| kept.name == name)
    }
}
