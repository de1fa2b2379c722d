//! The scenarios that ship with Throng.

pub mod guessing_game;

use throng_systems::Scenario;

/// Every scenario, by name.
pub fn all() -> Vec<Scenario> {
    vec![guessing_game::scenario()]
}
