//! Guess a fraction of the average, group against group: each group reports the mean of its members.
//!
//! The target is ratio × the mean of the group numbers; after each round everyone is told the target and every
//! group's number, as in X. Pan et al., "Very Large-Scale Multi-Agent Simulation in AgentScope", 2024.

mod policy;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::engine::reduce::{Groups, Moments, reduce_all};
use throng_systems::prelude::*;
use throng_systems::{TemplateValue, prompt_of, template_values};

pub use policy::{Group, Guesser, News, Number};

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

/// The largest number of groups: all are told every group's number.
const GROUPS_MAX: u32 = 1_000;

/// The rules of the game.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Number of groups; agent a is in group a modulo their number, plus 1.
    #[schemars(range(min = 1, max = GROUPS_MAX))]
    pub groups: u32,
    /// What the mean of the group numbers is multiplied by.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub ratio: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { groups: 3, ratio: 2.0 / 3.0 }
    }
}

impl Settings for Rules {}

/// A round's result for a group; that of everyone has the mean of the group numbers.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupRound {
    /// Members who reported a number.
    pub reported: i64,
    /// The group's number: the mean of its members' numbers, with two decimals.
    pub number: Option<Decimal>,
    /// The target of the round.
    pub target: Option<Decimal>,
    /// Whether no other group was closer to the target.
    pub won: bool,
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Guess a fraction of the average, group against group.";
    Scenario::new::<Rules, Guesser>("group-guessing", 1, about, group_guessing, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(world: &World) -> TemplateValue {
        let Rules { groups, ratio } = world.resource::<Rules>();
        template_values! { groups, ratio => format!("{ratio:.4}") }
    }

    fn question(world: &World, member: EntityRef<'_>) -> TemplateValue {
        let (news, group) = (world.resource::<News>(), member.get::<Group>().map(|group| group.0));
        let shown =
            |number: &Option<Decimal>| number.map_or_else(|| "none".to_owned(), |n| n.to_string());
        let numbers: Vec<_> = news.numbers.iter().map(shown).collect();
        template_values! { group, target => shown(&news.target), numbers }
    }
}

/// Registers the game.
pub fn group_guessing(sim: &mut Simulation) {
    let ratio = sim.resource::<Rules>().ratio;
    sim.insert_resource(News { ratio, ..News::default() })
        .carries::<Group>()
        .asks_all::<Number, Guesser, Words>(RULES, QUESTION)
        .records::<Group>()
        .add_systems(Phase::Start, join)
        .add_systems(Phase::Resolve, resolve)
        .summarises::<GroupRound>();
}

fn join(rules: Res<Rules>, mut members: Query<(&AgentId, &mut Group)>) {
    members.iter_mut().for_each(|(agent, mut group)| group.0 = agent.0 % rules.groups + 1);
}

/// Forms the group numbers, the target and the winning groups, and tells everyone.
fn resolve(
    (pool, mesh, rules): (Res<Pool>, Res<Mesh>, Res<Rules>),
    (mut news, mut summaries): (ResMut<News>, ResMut<Summaries>),
    members: Query<(&Group, &Reply<Number>)>,
) -> Result<(), BevyError> {
    let empty = Groups::new(rules.groups as usize, &Moments::default());
    let tables = members.contiguous_iter()?;
    let groups = reduce_all((&pool, &mesh), tables, &empty, |groups, (own, replies)| {
        for (own, reply) in own.iter().zip(replies) {
            match reply {
                Reply::Answered(number) => groups.group(own.0 as usize - 1).add(number.0),
                Reply::Failed(_) | Reply::NotAsked => (),
            }
        }
    })?;
    let two = |number: f64| Decimal::nearest(number, 2);
    news.numbers = groups.iter().map(|group| group.mean().and_then(two)).collect();
    let mut all = Moments::default();
    news.numbers.iter().flatten().for_each(|number| all.add(*number));
    news.target = all.mean().and_then(|mean| two(rules.ratio * mean));
    let away = |number: &Decimal| news.target.map(|target| (number.units() - target.units()).abs());
    let closest = news.numbers.iter().flatten().filter_map(away).min();
    let reported = groups.iter().map(|group| group.n() as i64).sum();
    let number = all.mean().and_then(two);
    summaries.add(&GroupRound { reported, number, target: news.target, won: false });
    for (place, (group, number)) in groups.iter().zip(&news.numbers).enumerate() {
        let won = number.is_some() && number.as_ref().and_then(away) == closest;
        let row =
            GroupRound { reported: group.n() as i64, number: *number, target: news.target, won };
        summaries.add_group("group", &(place + 1).to_string(), &row);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
