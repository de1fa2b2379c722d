//! Opinions on a network: people move toward opinions that are not too far from their own.
//!
//! Bounded confidence: G. Deffuant and others, "Mixing beliefs among interacting agents", Advances in Complex
//! Systems 3, 2000; R. Hegselmann and U. Krause, "Opinion dynamics and bounded confidence", JASSS 5(3), 2002.

mod policy;
mod results;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::network::{Graph, Network, Networks};
use throng_systems::prelude::*;
use throng_systems::{
    ShowSystems, Shown, Shows, TemplateValue, out_of_range, prompt_of, template_values,
};

pub use policy::{Member, News, Opinion, Seen};
pub use results::OpinionRound;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const FIRST: Purpose = Purpose::new("opinions first");
const PARTNER: Purpose = Purpose::new("opinions partner");

/// The network and how far from one's own an opinion may be to count.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Society {
    /// The largest difference of opinions that are listened to, 0 to 1.
    pub confidence: f64,
    /// Who listens to whom.
    pub network: Graph,
}

impl Default for Society {
    fn default() -> Self {
        Self { confidence: 0.2, network: Graph::WattsStrogatz { each_side: 5, rewired: 0.1 } }
    }
}

impl Settings for Society {
    fn problems(&self) -> Vec<Problem> {
        let confidence = out_of_range("confidence", self.confidence, 0.0, 1.0);
        confidence.into_iter().chain(self.network.problem()).collect()
    }
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "People move toward opinions not too far from their own.";
    Scenario::new::<Society, Member>("opinions", 1, about, opinions, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(_: &World, person: EntityRef<'_>) -> TemplateValue {
        let seen: Seen = person.get().copied().unwrap_or_default();
        let near = seen.mean_of_near().to_string();
        template_values! { own => seen.own.to_string(), contacts => seen.contacts, near }
    }
}

/// Registers the scenario.
pub fn opinions(sim: &mut Simulation) {
    let network = sim.resource::<Society>().network.clone();
    sim.insert_resource(News)
        .network(network)
        .shows::<Opinion>()
        .carries::<Seen>()
        .asks_all::<Opinion, Member, Words>(RULES, QUESTION)
        .add_systems(Phase::Start, form)
        .add_systems(Phase::Observe, listen.after(ShowSystems))
        .add_systems(Phase::Update, change)
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<OpinionRound>();
}

fn form(seed: Res<Seed>, mut people: Query<(&AgentId, &mut Opinion)>) {
    let streams = seed.streams(FIRST, Round(0));
    for (agent, mut opinion) in &mut people {
        opinion.0 = Decimal::from_units(streams.agent(*agent).below(10_001) as i32);
    }
}

/// Everyone hears all contacts, and one of them in person.
fn listen(
    (pool, network, shown): (Res<Pool>, Res<Network>, Res<Shown<Opinion>>),
    (seed, round, society): (Res<Seed>, Res<Round>, Res<Society>),
    mut people: Query<(&AgentId, &mut Seen)>,
) -> Result<(), BevyError> {
    let (streams, limit) = (seed.streams(PARTNER, *round), (society.confidence * 10_000.0) as i32);
    for (ids, mut seen) in people.contiguous_iter_mut()? {
        pool.chunks((ids, seen.bypass_change_detection()), |(ids, seen)| {
            for (agent, seen) in ids.iter().zip(seen) {
                let (own, contacts) = (shown.of(*agent).0, network.contacts(*agent));
                let is_near = |other: &Decimal| (other.units() - own.units()).abs() <= limit;
                let near = || contacts.iter().map(|other| shown.of(*other).0).filter(is_near);
                let sum = near().map(|other| i64::from(other.units())).sum();
                let any = (!contacts.is_empty())
                    .then(|| contacts[streams.agent(*agent).below(contacts.len() as u32) as usize]);
                let partner = any.map(|any| shown.of(any).0).filter(is_near);
                *seen = Seen {
                    own,
                    partner,
                    sum,
                    near: near().count() as u32,
                    contacts: contacts.len() as u32,
                };
            }
        });
    }
    Ok(())
}

fn change(
    pool: Res<Pool>,
    mut people: Query<(&Reply<Opinion>, &mut Opinion)>,
) -> Result<(), BevyError> {
    for (replies, mut opinions) in people.contiguous_iter_mut()? {
        pool.chunks((replies, opinions.bypass_change_detection()), |(replies, opinions)| {
            for (reply, opinion) in replies.iter().zip(opinions) {
                match reply {
                    Reply::Answered(answer) => *opinion = *answer,
                    // Whoever says nothing keeps its opinion.
                    Reply::Failed(_) | Reply::NotAsked => (),
                }
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
