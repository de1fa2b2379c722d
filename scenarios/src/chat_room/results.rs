//! How many members were there and how much was said.

use throng_systems::prelude::*;

use super::policy::{Present, Words};

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct ChatRound {
    /// Members in a room.
    pub present: i64,
    /// Things said in the last exchange.
    pub said: i64,
}

pub(super) fn resolve(
    mesh: Res<Mesh>,
    mut summaries: ResMut<Summaries>,
    members: Query<(&Present, &Reply<Words>)>,
) -> Result<(), BevyError> {
    let mut own = ChatRound::default();
    for (present, reply) in &members {
        own.present += i64::from(present.inside);
        own.said += i64::from(reply.answer().is_some_and(|words| !words.0.trim().is_empty()));
    }
    let mut all = ChatRound::default();
    for (present, said) in mesh.gather((own.present, own.said))? {
        all = ChatRound { present: all.present + present, said: all.said + said };
    }
    summaries.add(&all);
    Ok(())
}
