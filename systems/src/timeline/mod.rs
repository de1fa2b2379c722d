//! Simulated time: a clock with dates, agents that wake at times they chose, opening hours and turns.

mod awake;
mod clock;
mod moment;

pub use awake::{Awake, AwakeSystems, TurnOrder, Turns, WakeAt, Wakes};
pub use clock::{Clock, ClockSystems, Pace, Timed, Timeline};
pub use moment::{DAY, HOUR, Hours, MINUTE, Moment, MomentProblem, Weekday};

#[cfg(test)]
mod tests;
