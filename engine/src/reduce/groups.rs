//! A reduction for each group of agents.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};

/// One partial per group, groups numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups<R> {
    groups: Vec<R>,
}

impl<R: Reduction> Groups<R> {
    /// `count` groups, each starting from `empty`.
    pub fn new(count: usize, empty: &R) -> Self {
        Self { groups: vec![empty.clone(); count] }
    }

    /// The partial of a group, to be added to.
    ///
    /// # Panics
    /// If there is no such group.
    #[inline]
    pub fn group(&mut self, group: usize) -> &mut R {
        &mut self.groups[group]
    }

    /// The groups in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &R> {
        self.groups.iter()
    }
}

impl<R: Reduction> Reduction for Groups<R> {
    fn merge(&mut self, later: &Self) {
        assert_eq!(self.groups.len(), later.groups.len(), "partials have the same groups");
        for (group, other) in self.groups.iter_mut().zip(&later.groups) {
            group.merge(other);
        }
    }
}

impl<R: OrderFree> OrderFree for Groups<R> {}
