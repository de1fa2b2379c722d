//! The compute pool: splits rows of the population over threads and gives results back in row order.

use std::fmt;

use bevy_ecs::prelude::Resource;
use bevy_tasks::{ComputeTaskPool, TaskPool, TaskPoolBuilder};

use crate::BLOCK;

/// Chunks per thread, so that an uneven chunk does not keep the others waiting.
const CHUNKS_PER_THREAD: usize = 4;

/// Threads that work on the rows of a world together.
///
/// Results never depend on how many there are: chunks are cut at multiples of [`BLOCK`] rows and their results
/// come back in row order.
#[derive(Resource)]
pub struct Pool {
    /// Workers beside the calling thread; none for a single thread.
    workers: Option<TaskPool>,
    threads: usize,
}

impl Pool {
    /// A pool of this many threads, the calling one included; zero takes one per core.
    pub fn new(threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        // Systems that use bevy's own parallel iterators need its global pool.
        ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(threads).build());
        let workers = (threads > 1).then(|| {
            let name = "throng compute".to_owned();
            TaskPoolBuilder::new().num_threads(threads - 1).thread_name(name).build()
        });
        Self { workers, threads }
    }

    /// Number of threads, the calling one included.
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Works on chunks of `rows` and returns the results in row order.
    ///
    /// `rows` is a slice or a tuple of slices of one length; a chunk has the same form.
    pub fn chunks<S, R>(&self, rows: S, work: impl Fn(S) -> R + Sync) -> Vec<R>
    where
        S: Rows + Send,
        R: Send + 'static,
    {
        let blocks = rows.rows().div_ceil(BLOCK).div_ceil(self.threads * CHUNKS_PER_THREAD);
        self.split(rows, blocks.max(1) * BLOCK, work)
    }

    /// Works on chunks of exactly `size` rows (the last may be shorter) and returns the results in row order.
    pub fn split<S, R>(&self, rows: S, size: usize, work: impl Fn(S) -> R + Sync) -> Vec<R>
    where
        S: Rows + Send,
        R: Send + 'static,
    {
        let chunks = cut(rows, size);
        match &self.workers {
            Some(workers) if chunks.len() > 1 => {
                let work = &work;
                workers.scope(|scope| {
                    for chunk in chunks {
                        scope.spawn(async move { work(chunk) });
                    }
                })
            }
            _ => chunks.into_iter().map(work).collect(),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads).finish_non_exhaustive()
    }
}

fn cut<S: Rows>(rows: S, size: usize) -> Vec<S> {
    assert!(size > 0, "a chunk holds at least one row");
    let mut chunks = Vec::with_capacity(rows.rows().div_ceil(size));
    let mut rest = rows;
    while rest.rows() > size {
        let (chunk, after) = rest.cut(size);
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

/// Columns of one length that can be cut into chunks of rows: a slice, or a tuple of such.
pub trait Rows: Sized {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// The first `at` rows and the others.
    fn cut(self, at: usize) -> (Self, Self);
}

impl<T> Rows for &[T] {
    fn rows(&self) -> usize {
        self.len()
    }
    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

impl<T> Rows for &mut [T] {
    fn rows(&self) -> usize {
        self.len()
    }
    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

macro_rules! rows_of_tuples {
    ($(($first:ident $(, $other:ident)+)),+ $(,)?) => {$(
        impl<$first: Rows, $($other: Rows),+> Rows for ($first, $($other),+) {
            fn rows(&self) -> usize {
                #[expect(non_snake_case, reason = "one name serves as type and as variable")]
                let ($first, $($other),+) = self;
                $(assert_eq!($first.rows(), $other.rows(), "columns of one world have one length");)+
                $first.rows()
            }
            fn cut(self, at: usize) -> (Self, Self) {
                #[expect(non_snake_case, reason = "one name serves as type and as variable")]
                let ($first, $($other),+) = self;
                #[expect(non_snake_case, reason = "one name serves as type and as variable")]
                let ($first, $($other),+) = ($first.cut(at), $($other.cut(at)),+);
                (($first.0, $($other.0),+), ($first.1, $($other.1),+))
            }
        }
    )+};
}
rows_of_tuples!((A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_row_order_for_any_number_of_threads() {
        let rows: Vec<u32> = (0..50_000).collect();
        let expected: Vec<u64> = rows.chunks(BLOCK).map(sum).collect();
        for threads in [1, 2, 7] {
            assert_eq!(Pool::new(threads).split(rows.as_slice(), BLOCK, sum), expected);
        }
    }

    #[test]
    fn tuples_are_cut_together() {
        let numbers: Vec<u32> = (0..20_000).collect();
        let mut doubled = vec![0; numbers.len()];
        Pool::new(3).chunks((numbers.as_slice(), doubled.as_mut_slice()), |(numbers, doubled)| {
            for (number, double) in numbers.iter().zip(doubled) {
                *double = number * 2;
            }
        });
        assert!(doubled.iter().zip(&numbers).all(|(double, number)| *double == number * 2));
    }

    #[test]
    fn no_rows_make_one_empty_chunk() {
        let none: &[u32] = &[];
        assert_eq!(Pool::new(2).chunks(none, <[u32]>::len), vec![0]);
    }

    fn sum(rows: &[u32]) -> u64 {
        rows.iter().copied().map(u64::from).sum()
    }
}
