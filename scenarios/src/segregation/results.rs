//! How segregated the town is, and whether anyone still wants to move.

use serde::{Deserialize, Serialize};
use throng_systems::engine::reduce::{OrderFree, Reduction, reduce};
use throng_systems::prelude::*;

use super::policy::{Choice, Neighbours};

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DistrictRound {
    /// People who wanted to move.
    pub movers: i64,
    /// Pairs of neighbours, each seen from both sides.
    pub neighbours: i64,
    /// Pairs alike, each seen from both sides.
    pub alike: i64,
}

impl Reduction for DistrictRound {
    fn merge(&mut self, later: &Self) {
        self.movers += later.movers;
        self.neighbours += later.neighbours;
        self.alike += later.alike;
    }
}

impl OrderFree for DistrictRound {}

pub(super) fn resolve(
    (pool, mesh): (Res<Pool>, Res<Mesh>),
    (mut summaries, mut ending): (ResMut<Summaries>, ResMut<Ending>),
    people: Query<(&Neighbours, &Reply<Choice>)>,
) -> Result<(), BevyError> {
    let mut town = DistrictRound::default();
    for rows in people.contiguous_iter()? {
        town.merge(&reduce(&pool, rows, &DistrictRound::default(), |sum, (seen, replies)| {
            for (seen, reply) in seen.iter().zip(replies) {
                sum.movers += i64::from(reply.answer() == Some(&Choice::Move));
                sum.neighbours += i64::from(seen.neighbours);
                sum.alike += i64::from(seen.alike);
            }
        }));
    }
    let town = mesh.total(town)?;
    summaries.add(&town);
    if town.movers == 0 {
        ending.end("nobody wants to move");
    }
    Ok(())
}
