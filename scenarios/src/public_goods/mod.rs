//! Public goods: members of small groups give to a pot that is multiplied and shared by all, givers or not.
//!
//! U. Fischbacher, S. Gächter and E. Fehr, "Are people conditionally cooperative? Evidence from a public goods
//! experiment", Economics Letters 71(3), 2001.

mod policy;
mod results;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::{ShowSystems, Shown, Shows, TemplateValue, prompt_of, template_values};

pub use policy::{Gift, Given, Giver, News, Past};
pub use results::PotRound;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

/// The rules of the game.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pot {
    /// Members of a group; agents follow each other in groups, and the last group may be smaller.
    #[schemars(range(min = 2, max = 1_000))]
    pub members: u32,
    /// What each member gets in each round.
    #[schemars(range(min = 1, max = 20))]
    pub endowment: u32,
    /// What the pot is multiplied by before it is shared.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub multiplier: f64,
}

impl Default for Pot {
    fn default() -> Self {
        Self { members: 4, endowment: 20, multiplier: 1.6 }
    }
}

impl Settings for Pot {
    fn changeable() -> &'static [&'static str] {
        &["multiplier"]
    }
}

impl Pot {
    /// The members of an agent's group.
    pub fn group(&self, agent: AgentId, population: u64) -> std::ops::Range<u32> {
        let first = agent.0 - agent.0 % self.members;
        first..first.saturating_add(self.members).min(population as u32)
    }
}

/// What a member has earned since the beginning.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct Earned(pub f64);

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Giving to a pot that is multiplied and shared by givers and free riders.";
    Scenario::new::<Pot, Giver>("public-goods", 1, about, public_goods, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(world: &World) -> TemplateValue {
        let Pot { members, endowment, multiplier } = world.resource();
        template_values! { members, endowment, multiplier }
    }

    fn question(_: &World, member: EntityRef<'_>) -> TemplateValue {
        let Past { own, others } = member.get().copied().unwrap_or_default();
        let others = others.and_then(|others| Decimal::nearest(others, 2));
        template_values! { own, others => others.map(|others| others.to_string()) }
    }
}

/// Registers the scenario.
pub fn public_goods(sim: &mut Simulation) {
    let endowment = sim.resource::<Pot>().endowment;
    sim.insert_resource(News { endowment })
        .shows_in::<Given>(Phase::Settle)
        .carries::<Past>()
        .carries::<Earned>()
        .asks_all::<Gift, Giver, Words>(RULES, QUESTION)
        .records::<Earned>()
        .add_systems(Phase::Decide, decide)
        .add_systems(Phase::Settle, share.after(ShowSystems))
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<PotRound>();
}

fn decide(rules: Res<Pot>, mut members: Query<(&Reply<Gift>, &mut Given)>) {
    for (reply, mut given) in &mut members {
        given.0 = match reply {
            Reply::Answered(gift) => Some(u32::try_from(gift.0).unwrap_or(0).min(rules.endowment)),
            // Whoever says nothing keeps everything, and counts as a member all the same.
            Reply::Failed(_) | Reply::NotAsked => None,
        };
    }
}

/// Multiplies each group's pot and shares it among the members.
fn share(
    (rules, population, given): (Res<Pot>, Res<Population>, Res<Shown<Given>>),
    mut members: Query<(&AgentId, &mut Past, &mut Earned)>,
) {
    for (agent, mut past, mut earned) in &mut members {
        let group = rules.group(*agent, population.size);
        let count = group.len() as u32;
        let gift = |member: u32| given.of(AgentId(member)).0.unwrap_or(0);
        let (own, pot): (u32, u32) = (gift(agent.0), group.map(gift).sum());
        let share = rules.multiplier * f64::from(pot) / f64::from(count);
        earned.0 += f64::from(rules.endowment - own) + share;
        let others = (count > 1).then(|| f64::from(pot - own) / f64::from(count - 1));
        *past = Past { own: Some(own), others };
    }
}

#[cfg(test)]
mod tests;
