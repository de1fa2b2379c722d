//! The scenarios that ship with Throng.

pub mod auction;
pub mod chat_room;
pub mod epidemic;
pub mod group_guessing;
pub mod guessing_game;
pub mod opinions;
pub mod prisoners;
pub mod public_goods;
pub mod segregation;
pub mod town;

#[cfg(test)]
mod trial;

use throng_systems::Scenario;

/// Every scenario, by name.
pub fn all() -> Vec<Scenario> {
    vec![
        guessing_game::scenario(),
        group_guessing::scenario(),
        auction::scenario(),
        chat_room::scenario(),
        opinions::scenario(),
        town::scenario(),
        segregation::scenario(),
        epidemic::scenario(),
        public_goods::scenario(),
        prisoners::scenario(),
    ]
}
