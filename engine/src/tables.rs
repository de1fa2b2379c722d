//! Further tables of a round: what happened besides the agents' own rows, such as the letters they wrote.

use std::any::TypeId;

use bevy_ecs::prelude::*;

use crate::record::{Column, ColumnKind, ColumnSpec, Columns, Table, Values};

/// Tables by name; a world holds the rows that its own agents caused.
#[derive(Resource, Debug, Default)]
pub struct Tables {
    tables: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: &'static str,
    kind: TypeId,
    specs: Vec<ColumnSpec>,
    table: Table,
}

impl Kept {
    fn empty(specs: &[ColumnSpec]) -> Table {
        Table::new(specs.to_vec(), 0)
    }
}

impl Tables {
    pub(crate) fn declare<C: Columns + 'static>(&mut self, name: &'static str) {
        assert!(self.find(name).is_none(), "the table {name} is kept once");
        let mut specs =
            vec![ColumnSpec::new("round", "Number of the round, from 1.", ColumnKind::I32)];
        specs.extend(C::columns());
        let table = Kept::empty(&specs);
        self.tables.push(Kept { name, kind: TypeId::of::<C>(), specs, table });
    }

    /// Adds rows to a table.
    ///
    /// # Panics
    /// If a table of this name and type was not declared with [`crate::Simulation::keeps`].
    pub fn extend<C: Columns + 'static>(&mut self, name: &str, round: crate::Round, rows: &[C]) {
        let kept = self.find(name).expect("the table was declared");
        assert_eq!(kept.kind, TypeId::of::<C>(), "rows of a table have the declared type");
        let (rounds, columns): (&mut Column, &mut [Column]) =
            kept.table.columns.split_first_mut().expect("a kept table has columns");
        let Values::I32(rounds) = &mut rounds.values else {
            unreachable!("the first column of a kept table is the round")
        };
        rounds.extend(std::iter::repeat_n(round.0 as i32, rows.len()));
        C::extend(rows.iter().map(Some), columns);
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
        self.tables.iter_mut().for_each(|kept| kept.table = Kept::empty(&kept.specs));
    }

    pub(crate) fn take(&mut self) -> Vec<(String, Table)> {
        let take = |kept: &mut Kept| {
            let table = std::mem::replace(&mut kept.table, Kept::empty(&kept.specs));
            (kept.name.to_owned(), table)
        };
        self.tables.iter_mut().map(take).collect()
    }

    fn find(&mut self, name: &str) -> Option<&mut Kept> {
        self.tables.iter_mut().find(|kept| kept.name == name)
    }
}
