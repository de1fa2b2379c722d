//! The clock of a run: rounds as equal spans of time, or from one waking to the next.

use bevy_ecs::prelude::*;
use throng_engine::reduce::{ArgMin, reduce};
use throng_engine::{AgentId, Ending, Mesh, Phase, Pool, Round, Simulation};

use super::awake::{Awakens, WakeAt};
use super::moment::Moment;

/// How time passes between rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// This many seconds from round to round.
    Every(i64),
    /// On to the next moment at which an agent wakes; only those who wake are asked.
    Events,
}

/// When a run begins and ends, and how time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The moment of the first round; with [`Pace::Events`] the earliest possible one.
    pub start: Moment,
    /// How time passes.
    pub pace: Pace,
    /// No round is played after this moment.
    pub end: Moment,
}

/// The simulated time.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    timeline: Timeline,
    now: Moment,
    next: Moment,
}

impl Clock {
    /// The moment of this round.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// When the run began.
    pub const fn start(&self) -> Moment {
        self.timeline.start
    }
}

/// The systems of Announce that move the clock; what tells the time runs after them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockSystems;

/// Simulated time, as an extension of the simulation.
pub trait Timed {
    /// Gives the run a [`Clock`]; with [`Pace::Events`] agents carry [`WakeAt`] and sleep until then.
    ///
    /// # Panics
    /// If rounds last no time at all.
    fn timeline(&mut self, timeline: Timeline) -> &mut Self;
}

impl Timed for Simulation {
    fn timeline(&mut self, timeline: Timeline) -> &mut Self {
        let Timeline { start, pace, .. } = timeline;
        self.insert_resource(Clock { timeline, now: start, next: start })
            .add_systems(Phase::Announce, advance.in_set(ClockSystems));
        match pace {
            Pace::Every(seconds) => {
                assert!(seconds > 0, "a round lasts at least a second");
                self.add_systems(Phase::Resolve, plan_span.in_set(ClockSystems))
            }
            Pace::Events => self
                .carries_with(move || WakeAt(start))
                .awakens()
                .add_systems(Phase::Announce, plan_event.in_set(ClockSystems).before(advance))
                .add_systems(Phase::Resolve, plan_event.in_set(ClockSystems)),
        }
    }
}

fn advance(mut clock: ResMut<Clock>) {
    clock.now = clock.next;
}

fn plan_span(mut clock: ResMut<Clock>, mut ending: ResMut<Ending>) {
    if let Pace::Every(seconds) = clock.timeline.pace {
        clock.next = clock.now + seconds;
    }
    end_in_time(&clock, &mut ending);
}

/// Finds the earliest moment at which anyone wakes, in all worlds.
fn plan_event(
    (pool, mesh, round): (Res<Pool>, Res<Mesh>, Res<Round>),
    (mut clock, mut ending): (ResMut<Clock>, ResMut<Ending>),
    sleepers: Query<(&AgentId, &WakeAt)>,
) -> Result<(), BevyError> {
    let mut earliest = ArgMin::default();
    for rows in sleepers.contiguous_iter()? {
        let own = reduce(&pool, rows, &ArgMin::default(), |least, (agents, wakes)| {
            agents.iter().zip(wakes).for_each(|(agent, wake)| least.add(*agent, wake.0));
        });
        throng_engine::reduce::Reduction::merge(&mut earliest, &own);
    }
    let earliest = mesh.total(earliest)?.best().map_or(Moment::NEVER, |(moment, _, _)| moment);
    // Before the first round nobody has been asked; afterwards time never stands still or goes back.
    let floor = if round.0 <= 1 { clock.timeline.start } else { clock.now };
    clock.next = earliest.max(floor);
    end_in_time(&clock, &mut ending);
    Ok(())
}

fn end_in_time(clock: &Clock, ending: &mut Ending) {
    if clock.next == Moment::NEVER {
        ending.end("nobody wakes again");
    } else if clock.next > clock.timeline.end {
        ending.end(format!("the clock has reached {}", clock.timeline.end));
    }
}
