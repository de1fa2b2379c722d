//! How far opinions are apart, and how far the rumour has come.

use throng_systems::engine::reduce::{Cells, Reduction, reduce};
use throng_systems::mail::Board;
use throng_systems::prelude::*;

use super::posts::Rumour;
use super::seen::Opinion;
use super::{Society, Words};

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct OpinionRound {
    /// Mean opinion.
    pub mean: Option<f64>,
    /// Standard deviation of opinions.
    pub sd: Option<f64>,
    /// Variance of opinions as a share of the largest possible one: 1 when half are fully against and half fully for.
    pub polarisation: Option<f64>,
    /// Groups of opinions that are further than the confidence from every other one.
    pub clusters: i64,
    /// The share of people in the largest of them.
    pub largest: f64,
    /// People who know the rumour.
    pub informed: i64,
    /// Posts that could be read this round.
    pub posts: i64,
}

/// The variance when half are at either end of 0 to 1.
const VARIANCE_MAX: f64 = 0.25;

pub(super) fn resolve(
    (pool, mesh, society): (Res<Pool>, Res<Mesh>, Res<Society>),
    (board, mut summaries): (Res<Board<Words>>, ResMut<Summaries>),
    people: Query<(&Opinion, &Rumour)>,
) -> Result<(), BevyError> {
    let empty = Cells::new(Decimal::from_units(0), Decimal::from_units(10_000), 4);
    let (mut all, mut informed) = (empty.clone(), 0);
    for (opinions, rumours) in people.contiguous_iter()? {
        all.merge(&reduce(&pool, opinions, &empty, |cells, opinions| {
            opinions.iter().for_each(|opinion| cells.add(opinion.0));
        }));
        informed += rumours.iter().filter(|rumour| rumour.informed).count() as u64;
    }
    let all = mesh.total(all)?;
    let informed: u64 = mesh.gather(informed)?.into_iter().sum();
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
    // With the divisor n, unlike the standard deviation's n - 1.
    let spread = |sd: f64| sd * sd * (n - 1) as f64 / n as f64 / VARIANCE_MAX;
    summaries.add(&OpinionRound {
        mean: moments.mean(),
        sd: moments.sd(),
        polarisation: moments.sd().map(spread),
        clusters,
        largest: largest as f64 / n as f64,
        informed: informed as i64,
        posts: board.posts().len() as i64,
    });
    Ok(())
}
