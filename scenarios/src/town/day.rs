//! A day in town: people set out and arrive by the clock, while parks are open.

use serde::{Deserialize, Serialize};
use throng_systems::environment::{Attribute, Happening, Request, Sum, Within};
use throng_systems::prelude::*;
use throng_systems::space::{Plane, Position};
use throng_systems::timeline::{Clock, DAY, Hours, MINUTE, Moment, WakeAt, Weekday};

use super::map::{HOMES, Habits, Map, STREETS, WORKPLACES, park_environment};
use super::policy::Company;

const BENCH: Purpose = Purpose::new("town bench");

/// Nobody leaves a place sooner than this, in seconds, unless it closes.
const STAY_S: i64 = 15 * MINUTE;

/// Parks reach this far from their middle, in metres.
const PARK_M: f64 = 30.0;

/// Where a person is in its day.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whereabouts {
    /// At home.
    #[default]
    Home,
    /// On the way to work.
    ToWork,
    /// At work.
    Work,
    /// On the way to the park.
    ToPark,
    /// In the park.
    Park,
    /// On the way home.
    ToHome,
}

/// How many people have come to a park since midnight.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits(pub i64);

impl Attribute for Visits {
    const NAME: &'static str = "visits";
    type Rule = Sum;
    fn apply(&mut self, merged: &Sum) {
        self.0 += merged.0;
    }
}

/// At midnight a listener begins to count anew.
pub(super) fn new_day(_: In<Happening>, mut parks: Query<&mut Visits>) {
    parks.iter_mut().for_each(|mut visits| visits.0 = 0);
}

/// When parks are open.
#[derive(Resource, Clone, Debug)]
pub(super) struct ParkHours(pub(super) Hours);

impl Habits {
    /// When the person sets out next from home, after this moment: to work, or to the park at weekends.
    pub(super) fn morning(&self, now: Moment) -> Moment {
        let of = |day: Moment| {
            let works = Weekday::WORKING.contains(&day.weekday());
            day + if works { self.to_work } else { self.from_work }
        };
        let today = of(now.midnight());
        if today > now { today } else { of(now.midnight() + DAY) }
    }

    /// What comes after this, and until when it lasts.
    fn next(&self, now: Moment, hours: &Hours, from: Whereabouts) -> (Whereabouts, Moment) {
        let at = |time: i64| (now.midnight() + time).max(now + STAY_S);
        let (home, park) = (
            (Whereabouts::ToHome, now + self.way_home_s),
            (Whereabouts::ToPark, now + self.way_to_park_s),
        );
        let is_open = hours.is_open(now + self.way_to_park_s);
        match from {
            Whereabouts::Home if Weekday::WORKING.contains(&now.weekday()) => {
                (Whereabouts::ToWork, now + self.way_to_work_s)
            }
            Whereabouts::Home | Whereabouts::Work if is_open => park,
            Whereabouts::ToWork => (Whereabouts::Work, at(self.from_work)),
            Whereabouts::ToPark => {
                (Whereabouts::Park, hours.closes(now).unwrap_or(now).min(at(self.from_park)))
            }
            Whereabouts::Home | Whereabouts::ToHome => (Whereabouts::Home, self.morning(now)),
            Whereabouts::Work | Whereabouts::Park => home,
        }
    }
}

/// Whoever's time has come sets out or arrives.
pub(super) fn go(
    (seed, round, clock): (Res<Seed>, Res<Round>, Res<Clock>),
    (map, plane, hours): (Res<Map>, Res<Plane>, Res<ParkHours>),
    mut people: Query<(
        &AgentId,
        &Habits,
        &mut Whereabouts,
        &mut Within,
        &mut Position,
        &mut WakeAt,
        &mut Company,
        &mut Request<Visits>,
    )>,
) {
    let (streams, now) = (seed.streams(BENCH, *round), clock.now());
    for (agent, habits, mut own, mut within, mut at, mut wake, mut company, mut visit) in
        &mut people
    {
        company.arrives = wake.0 <= now;
        if !company.arrives {
            continue;
        }
        (*own, wake.0) = habits.next(now, &hours.0, *own);
        within.0 = match *own {
            Whereabouts::Home => HOMES,
            Whereabouts::Work => WORKPLACES,
            Whereabouts::Park => park_environment(habits.park),
            Whereabouts::ToWork | Whereabouts::ToPark | Whereabouts::ToHome => STREETS,
        };
        match *own {
            Whereabouts::Home => *at = map.home(*agent),
            Whereabouts::Work => *at = map.workplace(*agent),
            Whereabouts::Park => {
                let (mut stream, middle) = (streams.agent(*agent), map.park(habits.park));
                let mut along = || stream.between(-PARK_M, PARK_M);
                *at = plane.moved(middle, along(), along());
                visit.update(within.0, 1);
            }
            // Nobody is asked on the way.
            _ => company.arrives = false,
        }
    }
}
