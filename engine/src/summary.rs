//! Summaries of a round: a row for each group, of a type that the scenario declares.

use std::any::TypeId;

use bevy_ecs::prelude::*;

use crate::record::{ColumnKind, ColumnSpec, Columns, Table, Values};

/// The group of all agents.
pub const EVERYONE: &str = "all";

/// The rows that the systems of this round have written.
#[derive(Resource, Debug, Default)]
pub struct Summaries {
    kind: Option<TypeId>,
    specs: Vec<ColumnSpec>,
    table: Table,
}

impl Summaries {
    /// Declares the type of the rows of this run.
    pub(crate) fn declare<C: Columns + 'static>(&mut self) {
        let doc = "Group of agents; \"all\" is everyone.";
        self.kind = Some(TypeId::of::<C>());
        self.specs = vec![ColumnSpec::new("group", doc, ColumnKind::Text)];
        self.specs.extend(C::columns());
        self.clear();
    }

    /// Adds the row of a group.
    ///
    /// # Panics
    /// If rows of this type were not declared with [`crate::Simulation::summarises`].
    pub fn add<C: Columns + 'static>(&mut self, group: &str, row: &C) {
        assert_eq!(self.kind, Some(TypeId::of::<C>()), "rows of a summary have the declared type");
        let (groups, columns) =
            self.table.columns.split_first_mut().expect("a declared summary has columns");
        let Values::Text(groups) = &mut groups.values else {
            unreachable!("the first column of a summary is text")
        };
        groups.push(group.to_owned());
        C::extend(std::iter::once(Some(row)), columns);
    }

    /// The columns of the rows.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.specs
    }

    /// Forgets the rows.
    pub(crate) fn clear(&mut self) {
        self.table = Table::new(self.specs.clone(), 1);
    }

    /// The rows of this round.
    pub(crate) fn take(&mut self) -> Table {
        std::mem::replace(&mut self.table, Table::new(self.specs.clone(), 1))
    }
}
