//! Whom people meet: those of the same place who are a few metres away, and whoever speaks to them.

use throng_systems::environment::Within;
use throng_systems::mail::{Mail, Sender};
use throng_systems::prelude::*;
use throng_systems::space::{Plane, Position, SpatialIndex};
use throng_systems::{Awake, Shown};

use super::policy::{Company, Words};

const PARTNER: Purpose = Purpose::new("town partner");

/// People talk to those who are this near, in metres.
pub(super) const TALK_M: f64 = 5.0;

/// Whoever arrives meets one of those who are near; later in the round, whoever is spoken to.
pub(super) fn meet(
    (seed, round, exchanges): (Res<Seed>, Res<Round>, Res<Exchanges>),
    (plane, index, places, mail): (
        Res<Plane>,
        Res<SpatialIndex>,
        Res<Shown<Within>>,
        Res<Mail<Words>>,
    ),
    mut people: Query<(&AgentId, &Position, &Within, &mut Company, &mut Awake)>,
) {
    let (streams, begins) = (seed.streams(PARTNER, *round), exchanges.current() == 0);
    for (agent, at, within, mut company, mut awake) in &mut people {
        let speakers = mail.mailbox(*agent).filter_map(|letter| match letter.from {
            Sender::Agent(from) => Some(from),
            Sender::World => None,
        });
        company.spoken_to = None;
        for speaker in speakers {
            company.remember(speaker);
            company.spoken_to = company.spoken_to.or(Some(speaker));
        }
        if !begins {
            company.other = company.spoken_to.or(company.other);
            awake.0 = company.spoken_to.is_some();
            continue;
        }
        // What was said when the last round was over is heard, and too late to be answered.
        company.spoken_to = None;
        let is_here = |other: AgentId| *places.of(other) == *within && other != *agent;
        let mut anyone =
            || index.near(&plane).any_within(*at, TALK_M, &mut streams.agent(*agent), is_here);
        company.other = company.arrives.then(&mut anyone).flatten();
        awake.0 = company.other.is_some();
    }
}
