//! What is said at a moment, and what the moment comes to.

use throng_systems::mail::{Mail, Outbox};
use throng_systems::prelude::*;
use throng_systems::timeline::Clock;

use super::day::Visits;
use super::policy::{Company, Words};

/// A moment's result.
#[derive(Columns, Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// The simulated time.
    pub time: String,
    /// People who were spoken to.
    pub said: i64,
    /// Letters that were lost since a mailbox was full.
    pub lost: i64,
    /// People who have come to a park since midnight.
    pub park_visits: i64,
}

/// What was said and lost in this round's exchanges.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    said: u64,
    lost: u64,
}

/// Whoever says something writes a letter, which the other finds in the next exchange.
pub(super) fn talk(mut people: Query<(&Reply<Words>, &mut Company, &mut Outbox<Words>)>) {
    for (reply, mut company, mut outbox) in &mut people {
        match (reply, company.other) {
            (Reply::Answered(words), Some(other)) if !words.is_silence() => {
                outbox.send(other, words.clone());
                company.remember(other);
            }
            (Reply::Answered(_) | Reply::Failed(_) | Reply::NotAsked, _) => (),
        }
    }
}

/// A moment is over when nobody has said anything.
pub(super) fn listen(
    (mesh, mail): (Res<Mesh>, Res<Mail<Words>>),
    (mut heard, mut exchanges): (ResMut<Heard>, ResMut<Exchanges>),
    people: Query<(&Reply<Words>, &Company)>,
) -> Result<(), BevyError> {
    if exchanges.current() == 0 {
        *heard = Heard::default();
    }
    let speaks = |(reply, company): &(&Reply<Words>, &Company)| {
        company.other.is_some() && reply.answer().is_some_and(|words| !words.is_silence())
    };
    let said: u64 = mesh.gather(people.iter().filter(speaks).count() as u64)?.into_iter().sum();
    heard.said += said;
    heard.lost += mail.counts().overflowed;
    if said == 0 {
        exchanges.end();
    }
    Ok(())
}

pub(super) fn resolve(
    (clock, heard, parks): (Res<Clock>, Res<Heard>, Query<&Visits>),
    mut summaries: ResMut<Summaries>,
) {
    let Heard { said, lost } = *heard;
    let park_visits = parks.iter().map(|visits| visits.0).sum();
    let time = clock.now().to_string();
    summaries.add(&Scene { time, said: said as i64, lost: lost as i64, park_visits });
}
