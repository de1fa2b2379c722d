//! How far opinions are apart, and how far the rumour has come.

use throng_systems::engine::reduce::Cells;
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
    (mesh, society, board): (Res<Mesh>, Res<Society>, Res<Board<Words>>),
    mut census: Census,
    people: Query<(&Opinion, &Rumour)>,
) -> Result<(), BevyError> {
    let empty = Cells::new(Decimal::from_units(0), Decimal::from_units(10_000), 4);
    let all = census.total(people.contiguous_iter()?, &empty, |cells, (opinions, _)| {
        opinions.iter().for_each(|opinion| cells.add(opinion.0));
    })?;
    let knowing = people.iter().filter(|(_, rumour)| rumour.informed).count();
    let informed: usize = mesh.gather(knowing)?.into_iter().sum();
    let (moments, n, clusters) = (all.moments(), all.n(), all.clusters(society.confidence));
    let largest = clusters.iter().copied().max().unwrap_or_default();
    // With the divisor n, unlike the standard deviation's n - 1.
    let spread = |sd: f64| sd * sd * (n - 1) as f64 / n as f64 / VARIANCE_MAX;
    census.write(&OpinionRound {
        mean: moments.mean(),
        sd: moments.sd(),
        polarisation: moments.sd().map(spread),
        clusters: clusters.len() as i64,
        largest: largest as f64 / n as f64,
        informed: informed as i64,
        posts: board.posts().len() as i64,
    });
    Ok(())
}
