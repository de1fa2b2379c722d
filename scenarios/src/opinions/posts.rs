//! What people write to their followers, how a rumour travels in it, and whom people stop following.

use serde::{Deserialize, Serialize};
use throng_systems::Shown;
use throng_systems::mail::{Audience, Board, Posting};
use throng_systems::network::{Network, TieRequests};
use throng_systems::prelude::*;

use super::policy::Statement;
use super::seen::Opinion;
use super::{Society, is_near};

const FIRST_TOLD: Purpose = Purpose::new("opinions first told");
const UNFOLLOW: Purpose = Purpose::new("opinions unfollow");

/// A post.
#[derive(Columns, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// What it says.
    pub words: String,
    /// Whether its author knows the rumour, which readers then know too.
    pub rumour: bool,
}

/// What a person has to do with the rumour.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rumour {
    /// Whether it knows the rumour.
    pub informed: bool,
    /// Whether it has written since it heard it.
    #[column(skip)]
    pub told: bool,
}

/// Some know the rumour from the beginning.
pub(super) fn tell_first(
    (seed, society): (Res<Seed>, Res<Society>),
    mut people: Query<(&AgentId, &mut Rumour)>,
) {
    let streams = seed.streams(FIRST_TOLD, Round(0));
    for (agent, mut rumour) in &mut people {
        rumour.informed = streams.agent(*agent).uniform() < society.first_told;
    }
}

/// Whoever follows someone who knows the rumour and writes hears it, unless their opinions are too far apart.
pub(super) fn read(
    (pool, society, network): (Res<Pool>, Res<Society>, Res<Network>),
    (board, shown): (Res<Board<Words>>, Res<Shown<Opinion>>),
    mut people: Query<(&AgentId, &mut Rumour)>,
) -> Result<(), BevyError> {
    if board.posts().is_empty() {
        return Ok(());
    }
    let near = is_near(&society, &shown);
    for (ids, mut rumours) in people.contiguous_iter_mut()? {
        pool.chunks((ids, rumours.bypass_change_detection()), |(ids, rumours)| {
            for (agent, rumour) in ids.iter().zip(rumours) {
                let told = || board.followed(&network, *agent).filter(|post| post.body.rumour);
                rumour.informed = rumour.informed || told().any(|post| near(*agent, post.from));
            }
        });
    }
    Ok(())
}

/// People write what they answered; whoever has no answer writes nothing.
pub(super) fn write(mut people: Query<(&Reply<Statement>, &mut Rumour, &mut Posting<Words>)>) {
    for (reply, mut rumour, mut posting) in &mut people {
        if let Reply::Answered(Statement { post, .. }) = reply
            && !post.trim().is_empty()
        {
            let words = Words { words: post.clone(), rumour: rumour.informed };
            posting.write(Audience::Followers, words);
            rumour.told = rumour.informed;
        }
    }
}

/// Now and then somebody replaces a contact whose opinion is too far away by anyone else.
pub(super) fn unfollow(
    (seed, round, population): (Res<Seed>, Res<Round>, Res<Population>),
    (society, network, shown): (Res<Society>, Res<Network>, Res<Shown<Opinion>>),
    mut people: Query<(&AgentId, &mut TieRequests)>,
) {
    if society.unfollow <= 0.0 {
        return;
    }
    let streams = seed.streams(UNFOLLOW, *round);
    let near = is_near(&society, &shown);
    for (agent, mut ties) in &mut people {
        let mut stream = streams.agent(*agent);
        if stream.uniform() >= society.unfollow {
            continue;
        }
        let contacts = network.contacts(*agent).iter().copied();
        let far: Vec<AgentId> = contacts.filter(|other| !near(*agent, *other)).collect();
        let Some(count) = u32::try_from(far.len()).ok().filter(|count| *count > 0) else {
            continue;
        };
        let lost = far[stream.below(count) as usize];
        ties.cut(lost);
        let found = AgentId(stream.below(population.size as u32));
        if found != *agent && found != lost {
            ties.connect(found);
        }
    }
}
