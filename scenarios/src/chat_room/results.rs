//! How many members were there and how much was said.

use throng_systems::mail::Board;
use throng_systems::prelude::*;

use super::policy::{Present, Words};

/// What was said in this round's exchanges so far.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub(super) struct Said {
    lines: i64,
    lost: i64,
}

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct ChatRound {
    /// Members in a room.
    pub present: i64,
    /// Things said in all exchanges.
    pub said: i64,
    /// Things said that could not be posted, since their author had said too many.
    pub lost: i64,
}

/// Counts what is said in an exchange, and what the one before has lost.
pub(super) fn count(
    (mesh, board, exchanges): (Res<Mesh>, Res<Board<Words>>, Res<Exchanges>),
    mut said: ResMut<Said>,
    members: Query<&Reply<Words>>,
) -> Result<(), BevyError> {
    if exchanges.current() == 0 {
        *said = Said::default();
    }
    let speaks = |reply: &&Reply<Words>| reply.answer().is_some_and(|words| !words.is_silence());
    let own = members.iter().filter(speaks).count() as i64;
    said.lines += mesh.gather(own)?.into_iter().sum::<i64>();
    said.lost += board.lost() as i64;
    Ok(())
}

pub(super) fn resolve(
    (mesh, said): (Res<Mesh>, Res<Said>),
    mut summaries: ResMut<Summaries>,
    members: Query<&Present>,
) -> Result<(), BevyError> {
    let own = members.iter().filter(|present| present.inside).count() as i64;
    let present = mesh.gather(own)?.into_iter().sum();
    summaries.add(&ChatRound { present, said: said.lines, lost: said.lost });
    Ok(())
}
