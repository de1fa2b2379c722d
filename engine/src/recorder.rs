//! Gathers the recorded components of all agents into one table, in agent order.

use bevy_ecs::prelude::*;

use crate::record::{Column, ColumnKind, ColumnSpec, Columns, Table, Values};
use crate::{AgentId, AgentRange, Round};

type Append = fn(&mut World, &mut [Column]);

/// The components that are recorded, in the order in which they were registered.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    parts: Vec<(Vec<ColumnSpec>, Append)>,
}

impl Recorder {
    pub(crate) fn record<C: Component + Columns>(&mut self) {
        self.parts.push((C::columns(), append::<C>));
    }

    /// The columns of the table: agent, round, then what was registered.
    pub(crate) fn columns(&self) -> Vec<ColumnSpec> {
        let mut columns = vec![
            ColumnSpec::new("agent", "Number of the agent, dense from 0.", ColumnKind::I64),
            ColumnSpec::new("round", "Number of the round, from 1.", ColumnKind::I32),
        ];
        columns.extend(self.parts.iter().flat_map(|(specs, _)| specs.iter().cloned()));
        columns
    }

    /// The table of all agents of a world, sorted by agent. The columns `agent` and `round` come first.
    pub(crate) fn table(&self, world: &mut World, range: AgentRange) -> Table {
        let round = world.resource::<Round>().0 as i32;
        let mut table = Table::new(self.columns(), range.len());
        let places = places(world, range);
        table.columns[0].values = Values::I64((range.start as i64..range.end as i64).collect());
        table.columns[1].values = Values::I32(vec![round; range.len()]);
        let mut first = 2;
        for (specs, append) in &self.parts {
            let columns = &mut table.columns[first..first + specs.len()];
            append(world, columns);
            if let Some(places) = &places {
                columns.iter_mut().for_each(|column| column.scatter(places));
            }
            first += specs.len();
        }
        table
    }
}

/// The place of each row in agent order, or nothing when rows are in agent order already.
fn places(world: &mut World, range: AgentRange) -> Option<Vec<u32>> {
    let mut agents = world.query::<&AgentId>();
    let mut rows = Vec::with_capacity(range.len());
    let mut sorted = true;
    for chunk in agents.contiguous_iter(world).expect("agent numbers lie in tables") {
        sorted &= chunk.iter().zip(rows.len()..).all(|(agent, row)| range.offset(*agent) == row);
        rows.extend(chunk.iter().map(|&agent| range.offset(agent) as u32));
    }
    (!sorted).then_some(rows)
}

fn append<C: Component + Columns>(world: &mut World, columns: &mut [Column]) {
    let mut rows = world.query_filtered::<&C, With<AgentId>>();
    for chunk in rows.contiguous_iter(world).expect("recorded components lie in tables") {
        C::extend(chunk.iter().map(Some), columns);
    }
}
