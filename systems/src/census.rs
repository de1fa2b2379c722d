//! A census: figures of everyone and of each group of the population, over all threads and worlds.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use serde::Serialize;
use serde::de::DeserializeOwned;
use throng_engine::record::Columns;
use throng_engine::reduce::{Groups, OrderFree, reduce_all};
use throng_engine::{AgentId, Mesh, MeshError, Pool, Rows, Summaries};

use crate::{Grouping, Groupings};

/// What a system of Resolve sums up with, and the rows that it writes.
#[derive(SystemParam, Debug)]
pub struct Census<'w> {
    pool: Res<'w, Pool>,
    mesh: Res<'w, Mesh>,
    groupings: Option<Res<'w, Groupings>>,
    summaries: ResMut<'w, Summaries>,
}

impl Census<'_> {
    /// Folds the rows of everyone.
    ///
    /// # Errors
    /// When another world has ended.
    pub fn total<S, R>(
        &self,
        tables: impl IntoIterator<Item = S>,
        empty: &R,
        fold: impl Fn(&mut R, S) + Sync,
    ) -> Result<R, MeshError>
    where
        S: Rows + Send,
        R: OrderFree + Sync + Serialize + DeserializeOwned,
    {
        reduce_all((&self.pool, &self.mesh), tables, empty, fold)
    }

    /// Writes the row of everyone.
    pub fn write<R: Columns + 'static>(&mut self, row: &R) {
        self.summaries.add(row);
    }

    /// Writes the row of everyone and one for each group of the population, and returns that of everyone.
    ///
    /// # Errors
    /// When another world has ended.
    pub fn write_groups<'a, T, R>(
        &mut self,
        tables: impl IntoIterator<Item = (&'a [AgentId], &'a [T])>,
        add: impl Fn(&mut R, &T) + Sync,
    ) -> Result<R, MeshError>
    where
        T: Sync + 'a,
        R: Columns + OrderFree + Default + Sync + Serialize + DeserializeOwned,
    {
        let known = self.groupings.as_deref();
        let groupings: Vec<&Grouping> = known.into_iter().flat_map(Groupings::iter).collect();
        let count: usize = groupings.iter().map(|grouping| grouping.names.len()).sum();
        // The first group is everyone; those of each grouping follow.
        let empty = Groups::new(1 + count, &R::default());
        let rows = self.total(tables, &empty, |rows, (ids, values)| {
            for (agent, value) in ids.iter().zip(values) {
                add(rows.group(0), value);
                let mut first = 1;
                for grouping in &groupings {
                    let own = known.map_or(0, |known| known.group_of(grouping, *agent));
                    add(rows.group(first + own), value);
                    first += grouping.names.len();
                }
            }
        })?;
        let everyone = rows.iter().next().expect("everyone is a group").clone();
        self.summaries.add(&everyone);
        let mut groups = rows.iter().skip(1);
        for grouping in &groupings {
            for (name, row) in grouping.names.iter().zip(groups.by_ref()) {
                self.summaries.add_group(&grouping.by, name, row);
            }
        }
        Ok(everyone)
    }
}
