//! The rooms: who belongs to which, what members are called, and what is announced there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::environment::{Announcement, EnvironmentId, Environments};
use throng_systems::prelude::*;

/// Where members are who are in no room.
pub(super) const LOBBY: EnvironmentId = EnvironmentId(0);

/// What the members of a room are called, in order; later ones have a number behind their name.
const NAMES: [&str; 20] = [
    "Ada", "Ben", "Chloe", "Dan", "Eve", "Finn", "Grace", "Hugo", "Ines", "Jack", "Kira", "Leo",
    "Mia", "Noah", "Olga", "Paul", "Quinn", "Rosa", "Sam", "Tess",
];

/// What a member is called in its room.
pub fn name_of(agent: AgentId, members: u32) -> String {
    let place = agent.0 % members;
    let (name, again) = (NAMES[place as usize % NAMES.len()], place as usize / NAMES.len());
    if again == 0 { name.to_owned() } else { format!("{name}{}", again + 1) }
}

/// The rooms.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// Members of a room; agents follow each other in rooms.
    #[schemars(range(min = 2, max = 1_000))]
    pub members: u32,
    /// The probability that a member who is out comes in before a round.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub comes: f64,
    /// The probability that a member who is in leaves before a round.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub leaves: f64,
    /// Exchanges of a round.
    #[schemars(range(min = 1, max = 100))]
    pub exchanges: u32,
    /// What is announced, room by room; after the last one the first comes again.
    pub announcements: Vec<String>,
}

impl Default for Rooms {
    fn default() -> Self {
        let announcements = vec!["Be kind to each other.".to_owned()];
        Self { members: 6, comes: 0.5, leaves: 0.1, exchanges: 3, announcements }
    }
}

impl Settings for Rooms {
    fn problems(&self) -> Vec<Problem> {
        let hint = "write at least one announcement, an empty one if need be";
        let problem = || Problem::new("announcements", "there is no announcement", hint);
        self.announcements.is_empty().then(problem).into_iter().collect()
    }

    fn changeable() -> &'static [&'static str] {
        &["comes", "leaves"]
    }
}

impl Rooms {
    /// The room to which an agent belongs.
    pub(super) fn room_of(&self, agent: AgentId) -> EnvironmentId {
        EnvironmentId(1 + agent.0 / self.members)
    }

    /// What the other members of an agent's room are called.
    pub(super) fn others(&self, agent: AgentId) -> Vec<String> {
        let own = agent.0 % self.members;
        let others = (0..self.members).filter(|place| *place != own);
        others.map(|place| name_of(AgentId(place), self.members)).collect()
    }

    /// Makes the rooms, each within the lobby.
    pub(super) fn open(&self, world: &mut World, population: u64) {
        let lobby = Environments::make(world, "lobby", None, ()).expect("the lobby is the first");
        for room in 0..(population as u32).div_ceil(self.members) {
            let text = self.announcements[room as usize % self.announcements.len()].clone();
            let name = format!("room {}", room + 1);
            Environments::make(world, &name, Some(lobby), Announcement(text))
                .expect("rooms have numbers of their own");
        }
    }
}
