//! The map: where homes, workplaces and parks lie, how long the ways are, and when people set out.

use throng_systems::engine::stream::Streams;
use throng_systems::environment::{EnvironmentId, EnvironmentProblem, Environments, Within};
use throng_systems::prelude::*;
use throng_systems::space::{Plane, Position};
use throng_systems::timeline::{Clock, HOUR, MINUTE, WakeAt};

use super::Town;
use super::day::{Visits, Whereabouts};

const SPOTS: Purpose = Purpose::new("town spots");
const HABITS: Purpose = Purpose::new("town habits");

/// People walk this far in a second, in metres.
const WALK_M_PER_S: f64 = 1.4;

/// Ways take a whole number of these.
const WALK_S: i64 = 5 * MINUTE;

/// Environments before those of the parks: the town, homes, workplaces, streets, and all parks together.
pub(super) const KINDS: [&str; 5] = ["town", "homes", "workplaces", "streets", "parks"];
pub(super) const HOMES: EnvironmentId = EnvironmentId(1);
pub(super) const WORKPLACES: EnvironmentId = EnvironmentId(2);
pub(super) const STREETS: EnvironmentId = EnvironmentId(3);

/// Where everything lies: homes, then workplaces, then parks, each at a place drawn once.
#[derive(Resource, Clone, Debug)]
pub struct Map {
    streams: Streams,
    side_m: f64,
    household: u32,
    homes: u32,
    workplaces: u32,
    parks: Vec<Position>,
}

impl Map {
    pub(super) fn new(town: &Town, population: u64, seed: Seed) -> Self {
        let n = population as u32;
        let Town { household, staff, parks, side_m, .. } = *town;
        let (homes, workplaces) = (n.div_ceil(household), n.div_ceil(staff));
        let streams = seed.streams(SPOTS, Round(0));
        let mut map = Self { streams, side_m, household, homes, workplaces, parks: Vec::new() };
        map.parks = (0..parks).map(|park| map.spot(homes + workplaces + park)).collect();
        map
    }

    /// Where a place lies; no list is needed, since each place has a stream of its own.
    fn spot(&self, place: u32) -> Position {
        let mut stream = self.streams.agent(AgentId(place));
        let mut along = || stream.between(0.0, self.side_m);
        Position { x: along(), y: along() }
    }

    pub(super) fn home(&self, agent: AgentId) -> Position {
        self.spot(agent.0 / self.household)
    }

    /// Workplaces mix people of different homes.
    pub(super) fn workplace(&self, agent: AgentId) -> Position {
        self.spot(self.homes + agent.0 % self.workplaces)
    }

    pub(super) fn park(&self, park: u32) -> Position {
        self.parks[park as usize]
    }

    /// The park that is nearest to a position; of equally near ones the first.
    fn nearest_park(&self, plane: &Plane, from: Position) -> u32 {
        let away = |park: &u32| plane.distance_squared(from, self.park(*park));
        let parks = 0..self.parks.len() as u32;
        parks.min_by(|one, other| away(one).total_cmp(&away(other))).unwrap_or_default()
    }
}

/// The environment of a park.
pub(super) const fn park_environment(park: u32) -> EnvironmentId {
    EnvironmentId(KINDS.len() as u32 + park)
}

/// When a person sets out, in seconds since midnight, and how long its ways take, in seconds.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    pub(super) to_work: i64,
    pub(super) from_work: i64,
    pub(super) from_park: i64,
    pub(super) park: u32,
    pub(super) way_to_work_s: i64,
    pub(super) way_to_park_s: i64,
    pub(super) way_home_s: i64,
}

/// Habits are drawn once, in quarters of an hour, and everyone begins at home.
pub(super) fn plan(
    (seed, map, plane, clock): (Res<Seed>, Res<Map>, Res<Plane>, Res<Clock>),
    mut people: Query<(
        &AgentId,
        &mut Habits,
        &mut Within,
        &mut Position,
        &mut Whereabouts,
        &mut WakeAt,
    )>,
) {
    let streams = seed.streams(HABITS, Round(0));
    let way = |from: Position, to: Position| {
        let seconds = plane.distance_squared(from, to).sqrt() / WALK_M_PER_S;
        (seconds / WALK_S as f64).ceil().max(1.0) as i64 * WALK_S
    };
    for (agent, mut habits, mut within, mut at, mut where_now, mut wake) in &mut people {
        let mut stream = streams.agent(*agent);
        let mut quarters = |count: u32| i64::from(stream.below(count)) * 15 * MINUTE;
        let (home, work) = (map.home(*agent), map.workplace(*agent));
        let park = map.nearest_park(&plane, work);
        *habits = Habits {
            to_work: 7 * HOUR + quarters(8),
            from_work: 16 * HOUR + quarters(8),
            from_park: 19 * HOUR + quarters(8),
            park,
            way_to_work_s: way(home, work),
            way_to_park_s: way(work, map.park(park)),
            way_home_s: way(map.park(park), home),
        };
        (within.0, *at, *where_now) = (HOMES, home, Whereabouts::Home);
        wake.0 = habits.morning(clock.now());
    }
}

/// The environments of the town: a tree, so that each park is within the parks and all is within the town.
pub(super) fn found(sim: &mut Simulation, parks: u32) {
    let world = sim.world_mut();
    let mut make = || -> Result<(), EnvironmentProblem> {
        let town = Environments::make(world, KINDS[0], None, ())?;
        let mut last = town;
        for kind in &KINDS[1..] {
            last = Environments::make(world, kind, Some(town), ())?;
        }
        for park in 0..parks {
            Environments::make(world, &format!("park {}", park + 1), Some(last), Visits(0))?;
        }
        Ok(())
    };
    make().expect("all names differ");
}
