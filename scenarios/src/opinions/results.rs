//! How far opinions are apart.

use throng_systems::engine::reduce::{Cells, Reduction, reduce};
use throng_systems::prelude::*;

use super::Society;
use super::policy::Opinion;

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct OpinionRound {
    /// Mean opinion.
    pub mean: Option<f64>,
    /// Standard deviation of opinions: polarisation at its simplest.
    pub sd: Option<f64>,
    /// Groups of opinions that are further than the confidence from every other one.
    pub clusters: i64,
    /// The share of people in the largest of them.
    pub largest: f64,
}

pub(super) fn resolve(
    (pool, mesh, society): (Res<Pool>, Res<Mesh>, Res<Society>),
    mut summaries: ResMut<Summaries>,
    people: Query<&Opinion>,
) -> Result<(), BevyError> {
    let empty = Cells::new(Decimal::from_units(0), Decimal::from_units(10_000), 4);
    let mut all = empty.clone();
    for opinions in people.contiguous_iter()? {
        all.merge(&reduce(&pool, opinions, &empty, |cells, opinions| {
            opinions.iter().for_each(|opinion| cells.add(opinion.0));
        }));
    }
    let all = mesh.total(all)?;
    let (mut clusters, mut size, mut largest, mut last) = (0, 0, 0, None::<f64>);
    for (opinion, count) in all.iter() {
        let opinion = opinion.to_f64();
        let apart = last.is_none_or(|last| opinion - last > society.confidence);
        (clusters, size) = if apart {
            (clusters + 1, u64::from(count))
        } else {
            (clusters, size + u64::from(count))
        };
        (largest, last) = (largest.max(size), Some(opinion));
    }
    let (moments, n) = (all.moments(), all.n());
    let largest = largest as f64 / n as f64;
    summaries.add(&OpinionRound { mean: moments.mean(), sd: moments.sd(), clusters, largest });
    Ok(())
}
