//! How segregated the town is, and whether anyone still wants to move.

use serde::{Deserialize, Serialize};
use throng_systems::engine::sums;
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

sums!(DistrictRound { movers, neighbours, alike });

pub(super) fn resolve(
    (mut census, mut ending): (Census, ResMut<Ending>),
    people: Query<(&Neighbours, &Reply<Choice>)>,
) -> Result<(), BevyError> {
    let (tables, empty) = (people.contiguous_iter()?, DistrictRound::default());
    let town = census.total(tables, &empty, |sum, (seen, replies)| {
        for (seen, reply) in seen.iter().zip(replies) {
            sum.movers += i64::from(reply.answer() == Some(&Choice::Move));
            sum.neighbours += i64::from(seen.neighbours);
            sum.alike += i64::from(seen.alike);
        }
    })?;
    census.write(&town);
    if town.movers == 0 {
        ending.end("nobody wants to move");
    }
    Ok(())
}
