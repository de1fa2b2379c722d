//! A day in town: where people are at which time, when they set out, and whom they meet there.

use throng_systems::environment::{EnvironmentId, Within};
use throng_systems::mail::{Mail, Sender};
use throng_systems::prelude::*;
use throng_systems::timeline::{Clock, DAY, HOUR, MINUTE, Moment, WakeAt, Weekday};
use throng_systems::{Awake, Shown};

use super::{Company, Town};

const HABITS: Purpose = Purpose::new("town habits");
const PARTNER: Purpose = Purpose::new("town partner");

/// The places of the town: homes, then workplaces, then parks.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    household: u32,
    staff: u32,
    homes: u32,
    workplaces: u32,
    parks: u32,
}

impl Places {
    pub(super) fn new(town: &Town, population: u64) -> Self {
        let n = population as u32;
        let Town { household, staff, parks, .. } = *town;
        Self {
            household,
            staff,
            homes: n.div_ceil(household),
            workplaces: n.div_ceil(staff),
            parks,
        }
    }

    /// All places.
    pub const fn count(&self) -> u32 {
        self.homes + self.workplaces + self.parks
    }

    fn home(&self, agent: AgentId) -> u32 {
        agent.0 / self.household
    }

    /// Workplaces mix people of different homes.
    fn work(&self, agent: AgentId) -> u32 {
        self.homes + agent.0 % self.workplaces
    }

    fn park(&self, number: u32) -> u32 {
        self.homes + self.workplaces + number % self.parks
    }

    /// What kind of place it is.
    pub const fn kind(&self, place: u32) -> u8 {
        if place < self.homes {
            0
        } else if place < self.homes + self.workplaces {
            1
        } else {
            2
        }
    }
}

/// When a person sets out, in seconds since midnight, and to which park it goes.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Itinerary {
    work: i64,
    park: i64,
    home: i64,
    favourite: u32,
}

impl Itinerary {
    /// Where the person is from now on, and until when.
    fn at(&self, now: Moment, places: &Places, agent: AgentId) -> (u32, Moment) {
        let (midnight, time) = (now.midnight(), now.time_of_day());
        let works = Weekday::WORKING.contains(&now.weekday());
        let (home, work) = (places.home(agent), places.work(agent));
        let morning = if works { self.work } else { self.park };
        if time < morning {
            (home, midnight + morning)
        } else if time < self.park {
            (work, midnight + self.park)
        } else if time < self.home {
            (places.park(self.favourite), midnight + self.home)
        } else {
            let tomorrow = midnight + DAY;
            let works = Weekday::WORKING.contains(&tomorrow.weekday());
            (home, tomorrow + if works { self.work } else { self.park })
        }
    }
}

/// Habits are drawn once, in quarters of an hour, and everyone begins at home.
pub(super) fn plan(
    (seed, places, clock): (Res<Seed>, Res<Places>, Res<Clock>),
    mut people: Query<(&AgentId, &mut Itinerary, &mut Within, &mut WakeAt)>,
) {
    let streams = seed.streams(HABITS, Round(0));
    for (agent, mut itinerary, mut within, mut wake) in &mut people {
        let mut stream = streams.agent(*agent);
        let mut quarters = |count: u32| i64::from(stream.below(count)) * 15 * MINUTE;
        let (work, park, home) =
            (7 * HOUR + quarters(8), 16 * HOUR + quarters(8), 19 * HOUR + quarters(8));
        *itinerary = Itinerary { work, park, home, favourite: stream.below(u32::MAX) };
        let (place, until) = itinerary.at(clock.now(), &places, *agent);
        (within.0, wake.0) = (EnvironmentId(place), until);
    }
}

/// Whoever sets out goes to the next place and sleeps until it leaves that one.
pub(super) fn go(
    (places, clock): (Res<Places>, Res<Clock>),
    mut people: Query<(&AgentId, &Awake, &Itinerary, &mut Within, &mut WakeAt)>,
) {
    for (agent, awake, itinerary, mut within, mut wake) in &mut people {
        if awake.0 {
            let (place, until) = itinerary.at(clock.now(), &places, *agent);
            (within.0, wake.0) = (EnvironmentId(place), until);
        }
    }
}

/// Whoever is awake meets one of those who are at the same place, and hears who has spoken to it since.
pub(super) fn meet(
    (seed, round, places): (Res<Seed>, Res<Round>, Res<Places>),
    (shown, mail): (Res<Shown<Within>>, Res<Mail<u32>>),
    mut people: Query<(&AgentId, &Awake, &Within, &mut Company)>,
) {
    let (starts, present) = by_place(&places, shown.values());
    let streams = seed.streams(PARTNER, *round);
    for (agent, awake, within, mut company) in &mut people {
        for letter in mail.mailbox(*agent) {
            if let Sender::Agent(from) = letter.from {
                company.remember(from);
                company.greeted = true;
            }
        }
        if !awake.0 {
            continue;
        }
        let place = within.0.0 as usize;
        let here = &present[starts[place] as usize..starts[place + 1] as usize];
        company.place = places.kind(within.0.0);
        company.other = (here.len() > 1).then(|| {
            let own = here.partition_point(|other| other < agent) as u32;
            let count = here.len() as u32;
            here[((own + 1 + streams.agent(*agent).below(count - 1)) % count) as usize]
        });
    }
}

/// Agents by place, by a counting pass: where each place's begin, and all of them, ascending within a place.
fn by_place(places: &Places, within: &[Within]) -> (Vec<u32>, Vec<AgentId>) {
    let mut starts = vec![0_u32; places.count() as usize + 2];
    within.iter().for_each(|place| starts[place.0.0 as usize + 2] += 1);
    for place in 2..starts.len() {
        starts[place] += starts[place - 1];
    }
    let mut present = vec![AgentId(0); within.len()];
    for (place, agent) in within.iter().zip(0..) {
        let next = &mut starts[place.0.0 as usize + 1];
        present[*next as usize] = AgentId(agent);
        *next += 1;
    }
    (starts, present)
}
