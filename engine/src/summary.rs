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
        let column = |name, doc| ColumnSpec::new(name, doc, ColumnKind::Text);
        self.kind = Some(TypeId::of::<C>());
        self.specs = vec![
            column("group_by", "Attribute that makes the group; \"all\" for everyone."),
            column("group", "Value of the attribute in this group; \"all\" for everyone."),
        ];
        self.specs.extend(C::columns());
        self.clear();
    }

    /// Adds the row of everyone.
    ///
    /// # Panics
    /// If rows of this type were not declared with [`crate::Simulation::summarises`].
    pub fn add<C: Columns + 'static>(&mut self, row: &C) {
        self.add_group(EVERYONE, EVERYONE, row);
    }

    /// Adds the row of the agents whose attribute `group_by` (a column of people, or a recorded one) is `group`.
    ///
    /// # Panics
    /// If rows of this type were not declared with [`crate::Simulation::summarises`].
    pub fn add_group<C: Columns + 'static>(&mut self, group_by: &str, group: &str, row: &C) {
        assert_eq!(self.kind, Some(TypeId::of::<C>()), "rows of a summary have the declared type");
        let (names, columns) = self.table.columns.split_at_mut(2);
        for (column, name) in names.iter_mut().zip([group_by, group]) {
            let Values::Text(texts) = &mut column.values else {
                unreachable!("the first columns of a summary are texts")
            };
            texts.push(name.to_owned());
        }
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
