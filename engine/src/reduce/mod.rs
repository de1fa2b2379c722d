//! Exact reductions over a population: the same bits for any number of threads, ranges or hosts.
//!
//! A reduction folds rows into a partial and merges partials. Most are *order-free*: they hold integers, so
//! that any split and any order of merging gives the same bits. For the others, [`by_blocks`] makes one
//! partial for each block of [`BLOCK`] agent numbers and merges them in block order.

mod cells;
mod exact_sum;
mod extremes;
mod groups;
mod histogram;
mod moments;
mod top_two;

pub use cells::Cells;
pub use exact_sum::ExactSum;
pub use extremes::{ArgMax, ArgMin};
pub use groups::Groups;
pub use histogram::Histogram;
pub use moments::Moments;
pub use top_two::TopTwo;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AgentId, BLOCK, Mesh, MeshError, Pool, Rows};

/// A partial result that can be merged with the partial of later agents.
pub trait Reduction: Clone + Send + 'static {
    /// Takes in the partial of agents that come after these.
    fn merge(&mut self, later: &Self);
}

/// A reduction whose result does not depend on how rows are split or in which order partials are merged.
pub trait OrderFree: Reduction {}

/// Folds all `rows` on the pool, starting from `empty` in every chunk.
pub fn reduce<S, R>(pool: &Pool, rows: S, empty: &R, fold: impl Fn(&mut R, S) + Sync) -> R
where
    S: Rows + Send,
    R: OrderFree + Sync,
{
    let partials = pool.chunks(rows, |chunk| {
        let mut partial = empty.clone();
        fold(&mut partial, chunk);
        partial
    });
    merge_all(empty, &partials)
}

/// Folds the rows of all tables of a world, and merges the partials of all worlds.
///
/// # Errors
/// When another world has ended.
pub fn reduce_all<S, R>(
    (pool, mesh): (&Pool, &Mesh),
    tables: impl IntoIterator<Item = S>,
    empty: &R,
    fold: impl Fn(&mut R, S) + Sync,
) -> Result<R, MeshError>
where
    S: Rows + Send,
    R: OrderFree + Sync + Serialize + DeserializeOwned,
{
    let mut own = empty.clone();
    tables.into_iter().for_each(|rows| own.merge(&reduce(pool, rows, empty, &fold)));
    mesh.total(own)
}

/// Makes a struct of whole numbers a reduction that adds up each of its fields.
///
/// ```
/// #[derive(Clone, Default)]
/// struct Votes {
///     yes: i64,
///     no: i64,
/// }
/// throng_engine::sums!(Votes { yes, no });
/// ```
#[macro_export]
macro_rules! sums {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::reduce::Reduction for $name {
            fn merge(&mut self, later: &Self) {
                // Naming them all keeps a field that is added later from being forgotten.
                let Self { $($field),+ } = later;
                $(self.$field += *$field;)+
            }
        }

        impl $crate::reduce::OrderFree for $name {}
    };
}

/// One partial for each block of [`BLOCK`] agent numbers that occurs, with the block's number, in order.
///
/// Agents may come in any order; each block is folded in agent order, so partials from several ranges merge
/// into the bits that one range gives, as long as ranges are cut at multiples of [`BLOCK`].
pub fn by_blocks<T, R>(
    agents: &[AgentId],
    values: &[T],
    empty: &R,
    fold: impl Fn(&mut R, AgentId, &T),
) -> Vec<(u32, R)>
where
    R: Reduction,
{
    let mut order: Vec<u32> = (0..agents.len() as u32).collect();
    if !agents.is_sorted() {
        order.sort_unstable_by_key(|&row| agents[row as usize]);
    }
    let mut blocks: Vec<(u32, R)> = Vec::new();
    for row in order {
        let agent = agents[row as usize];
        let block = agent.0 / BLOCK as u32;
        if blocks.last().is_none_or(|(last, _)| *last != block) {
            blocks.push((block, empty.clone()));
        }
        let (_, partial) = blocks.last_mut().expect("a block was just pushed");
        fold(partial, agent, &values[row as usize]);
    }
    blocks
}

/// The merge of partials in the given order.
pub fn merge_all<'a, R: Reduction>(empty: &R, partials: impl IntoIterator<Item = &'a R>) -> R {
    let mut total = empty.clone();
    for partial in partials {
        total.merge(partial);
    }
    total
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact results are compared as they are")]
mod tests;
