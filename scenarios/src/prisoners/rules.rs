//! The points of the game, and who meets whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

use super::policy::Choice;

/// The points of the game and the length of a match.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tournament {
    /// Rounds of a match.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rounds: u32,
    /// Points for defecting against a cooperator.
    pub temptation: u32,
    /// Points each when both cooperate.
    pub reward: u32,
    /// Points each when both defect.
    pub punishment: u32,
    /// Points for cooperating with a defector.
    pub sucker: u32,
}

impl Default for Tournament {
    /// Axelrod's points.
    fn default() -> Self {
        Self { rounds: 10, temptation: 5, reward: 3, punishment: 1, sucker: 0 }
    }
}

impl Settings for Tournament {
    fn problems(&self) -> Vec<Problem> {
        let points = [self.temptation, self.reward, self.punishment, self.sucker];
        let ordered = points.windows(2).all(|pair| pair[0] > pair[1]);
        let hint = "write temptation > reward > punishment > sucker";
        let problem = || Problem::new("temptation", "these points make no dilemma", hint);
        (!ordered).then(problem).into_iter().collect()
    }
}

impl Tournament {
    pub(super) fn points(&self, own: Choice, other: Choice) -> u32 {
        match (own, other) {
            (Choice::Cooperate, Choice::Cooperate) => self.reward,
            (Choice::Cooperate, Choice::Defect) => self.sucker,
            (Choice::Defect, Choice::Cooperate) => self.temptation,
            (Choice::Defect, Choice::Defect) => self.punishment,
        }
    }
}

/// The opponent in a match of a round robin by the circle method; nobody for the one who sits out.
pub fn opponent(player: AgentId, population: u64, number: u64) -> Option<AgentId> {
    // With an odd number a chair stays empty, and whoever meets it sits out.
    let seats = population + population % 2;
    let (me, turns) = (u64::from(player.0), seats - 1);
    let number = number % turns;
    let other = if me == turns {
        // The player of the fixed chair meets the one for whom 2x = number.
        (number * (seats / 2)) % turns
    } else {
        let other = (2 * turns + number - me) % turns;
        if other == me { turns } else { other }
    };
    (other < population).then_some(AgentId(other as u32))
}
