//! Gathers the recorded components of all agents into one table, in agent order.

use bevy_ecs::prelude::*;

use crate::record::{Column, ColumnSpec, Columns, Table};
use crate::{AgentId, AgentRange};

type Append = fn(&mut World, &mut [Column]);

/// The components that are recorded, in the order in which they were registered.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    parts: Vec<(Vec<ColumnSpec>, Append)>,
}

impl Recorder {
    pub(crate) fn record<C: Component + Columns>(&mut self) {
        self.record_by::<C>(append_rows::<C>);
    }

    pub(crate) fn record_by<C: Columns>(&mut self, append: Append) {
        self.parts.push((C::columns(), append));
    }

    /// The columns of the table, in the order in which they were registered.
    pub(crate) fn columns(&self) -> Vec<ColumnSpec> {
        self.parts.iter().flat_map(|(specs, _)| specs.iter().cloned()).collect()
    }

    /// The table of all agents of a world, sorted by agent.
    pub(crate) fn table(&self, world: &mut World, range: AgentRange) -> Table {
        let mut table = Table::new(self.columns(), range.len());
        let places = places(world, range);
        let mut rest = table.columns.as_mut_slice();
        for (specs, append) in &self.parts {
            let (columns, others) = rest.split_at_mut(specs.len());
            append(world, columns);
            if let Some(places) = &places {
                for column in columns.iter_mut() {
                    column.scatter(places);
                }
            }
            rest = others;
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

/// Appends a component's columns for all agents of a world, in the order of its rows.
pub fn append_rows<C: Component + Columns>(world: &mut World, columns: &mut [Column]) {
    let mut rows = world.query_filtered::<&C, With<AgentId>>();
    for chunk in rows.contiguous_iter(world).expect("recorded components lie in tables") {
        C::extend(chunk.iter().map(Some), columns);
    }
}
