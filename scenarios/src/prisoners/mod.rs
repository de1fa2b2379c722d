//! The prisoner's dilemma as a tournament: everyone meets everyone, match by match, and keeps score.
//!
//! R. Axelrod, "Effective choice in the prisoner's dilemma", Journal of Conflict Resolution 24(1), 1980.

mod policy;
mod rules;
mod standing;

use throng_systems::prelude::*;
use throng_systems::{ShowSystems, Shown, Shows, TemplateValue, prompt_of, template_values};

pub use policy::{Choice, Match, Move, News, Player};
pub use rules::{Tournament, opponent};
pub use standing::Standing;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

/// A player's points.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score(pub u32);

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "A round robin of prisoner's dilemmas.";
    Scenario::new::<Tournament, Player>("prisoners", 1, about, prisoners, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(world: &World) -> TemplateValue {
        let Tournament { rounds, temptation, reward, punishment, sucker } = world.resource();
        template_values! { rounds, temptation, reward, punishment, sucker }
    }

    fn question(_: &World, player: EntityRef<'_>) -> TemplateValue {
        let Match { own, other, .. } = player.get().copied().unwrap_or_default();
        let shown =
            |choice: Option<Choice>| choice.map(|choice| format!("{choice:?}").to_lowercase());
        template_values! { own => shown(own), other => shown(other) }
    }
}

/// Registers the scenario.
pub fn prisoners(sim: &mut Simulation) {
    sim.insert_resource(News)
        .shows_in::<Move>(Phase::Settle)
        .carries::<Match>()
        .carries::<Score>()
        .asks_all::<Choice, Player, Words>(RULES, QUESTION)
        .records::<Score>()
        .add_systems(Phase::Announce, sit_down)
        .add_systems(Phase::Decide, decide)
        .add_systems(Phase::Settle, score.after(ShowSystems))
        .add_systems(Phase::Resolve, standing::resolve)
        .summarises::<Standing>();
}

/// A new match begins with nothing to remember.
fn sit_down(round: Res<Round>, rules: Res<Tournament>, mut players: Query<&mut Match>) {
    if (round.0 - 1).is_multiple_of(rules.rounds) {
        players.iter_mut().for_each(|mut played| *played = Match::default());
    }
}

fn decide(mut players: Query<(&Reply<Choice>, &mut Move)>) {
    for (reply, mut own) in &mut players {
        own.0 = match reply {
            Reply::Answered(choice) => Some(*choice),
            // Whoever says nothing does not play, and neither does the opponent.
            Reply::Failed(_) | Reply::NotAsked => None,
        };
    }
}

/// Gives points to both and lets them remember what the other did.
fn score(
    (round, rules, population): (Res<Round>, Res<Tournament>, Res<Population>),
    moves: Res<Shown<Move>>,
    mut players: Query<(&AgentId, &Move, &mut Match, &mut Score)>,
) {
    let number = u64::from((round.0 - 1) / rules.rounds);
    for (agent, own, mut played, mut score) in &mut players {
        let other = opponent(*agent, population.size, number).and_then(|other| moves.of(other).0);
        if let (Some(own), Some(other)) = (own.0, other) {
            score.0 += rules.points(own, other);
            played.remember(own, other);
        }
    }
}

#[cfg(test)]
mod tests;
