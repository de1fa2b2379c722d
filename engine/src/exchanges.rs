//! Several exchanges in a round, and the end of a run that a scenario decides.

use bevy_ecs::prelude::*;

/// The largest number of exchanges of a round: what needs more does not end by itself.
pub const EXCHANGES_MAX: u32 = 100_000;

/// The exchanges of a round. Systems of [`crate::Phase::Settle`] end them, by what is the same in all worlds.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanges {
    max: u32,
    current: u32,
    ended: bool,
}

impl Default for Exchanges {
    /// One exchange in a round.
    fn default() -> Self {
        Self::up_to(1)
    }
}

impl Exchanges {
    /// Up to `max` exchanges in every round.
    ///
    /// # Panics
    /// If `max` is 0 or above [`EXCHANGES_MAX`].
    pub fn up_to(max: u32) -> Self {
        assert!((1..=EXCHANGES_MAX).contains(&max), "a round of {max} exchanges");
        Self { max, current: 0, ended: false }
    }

    /// The exchange being played, from 0.
    pub const fn current(&self) -> u32 {
        self.current
    }

    /// The largest number of exchanges of a round.
    pub const fn max(&self) -> u32 {
        self.max
    }

    /// Makes this exchange the round's last.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) const fn begin(&mut self) {
        (self.current, self.ended) = (0, false);
    }

    /// Moves on to the next exchange, if there is one.
    pub(crate) const fn go_on(&mut self) -> bool {
        let goes_on = !self.ended && self.current + 1 < self.max;
        self.current += goes_on as u32;
        goes_on
    }
}

/// Whether the run has come to its end. A system of [`crate::Phase::Resolve`] says so, by what is the same in
/// all worlds.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    reason: Option<String>,
}

impl Ending {
    /// Ends the run after this round; the first reason given stays.
    pub fn end(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert_with(|| reason.into());
    }

    /// Why the run ends, if it does.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}
