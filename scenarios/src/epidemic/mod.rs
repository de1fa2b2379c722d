//! An epidemic on a network: susceptible people catch a disease from infectious contacts and recover.
//!
//! W. Kermack and A. McKendrick, "A contribution to the mathematical theory of epidemics", Proceedings of the
//! Royal Society A 115, 1927; on networks M. Newman, "Spread of epidemic disease on networks", Physical Review
//! E 66, 2002. Whoever stays at home neither infects nor is infected that day.

mod day;
mod disease;
mod policy;

use serde::{Deserialize, Serialize};
use throng_systems::network::{Audible, Heard, Hears, Networks};
use throng_systems::prelude::*;
use throng_systems::{TemplateValue, prompt_of, template_values};

pub use day::Day;
pub use disease::Disease;
pub use policy::{Choice, Citizen, News};

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const SEEDS: Purpose = Purpose::new("epidemic first cases");
const CONTAGION: Purpose = Purpose::new("epidemic contagion");

/// Where a person stands with the disease.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Can catch it.
    #[default]
    Susceptible,
    /// Has it and infects others.
    Infectious,
    /// Had it and cannot catch it again.
    Recovered,
}

/// What contacts notice of a person.
#[derive(
    Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Case {
    /// Where the person stands with the disease.
    pub health: Health,
    /// Whether the person stayed at home.
    pub home: bool,
}

/// The number of contacts who could infect.
impl Audible for Case {
    type Tally = u32;
    fn tally(&self, _: &Self, infectious: &mut u32) {
        *infectious += u32::from(self.health == Health::Infectious && !self.home);
    }
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "A disease spreads between contacts; people may stay at home.";
    Scenario::new::<Disease, Citizen>("epidemic", 1, about, epidemic, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(world: &World, person: EntityRef<'_>) -> TemplateValue {
        let ill = format!("{:.1}", 100.0 * world.resource::<News>().infectious);
        let case: Case = person.get().copied().unwrap_or_default();
        let contacts = person.get::<Heard<Case>>().map_or(0, |heard| heard.tally);
        template_values! { ill, contacts, infectious => case.health == Health::Infectious }
    }
}

/// Registers the scenario.
pub fn epidemic(sim: &mut Simulation) {
    let network = sim.resource::<Disease>().network.clone();
    sim.init_resource::<News>()
        .network(network)
        .hears::<Case>()
        .asks_all::<Choice, Citizen, Words>(RULES, QUESTION)
        .records::<Case>()
        .add_systems(Phase::Start, infect_first)
        .add_systems(Phase::Update, live)
        .add_systems(Phase::Resolve, day::resolve)
        .summarises::<Day>();
}

fn infect_first(
    (seed, disease): (Res<Seed>, Res<Disease>),
    mut people: Query<(&AgentId, &mut Case)>,
) {
    let streams = seed.streams(SEEDS, Round(0));
    for (agent, mut case) in &mut people {
        if streams.agent(*agent).uniform() < disease.first_cases {
            case.health = Health::Infectious;
        }
    }
}

/// A day: contagion from those who were infectious in the morning, then recovery of these.
fn live(
    (pool, seed, round, disease): (Res<Pool>, Res<Seed>, Res<Round>, Res<Disease>),
    mut people: Query<(&AgentId, &Reply<Choice>, &Heard<Case>, &mut Case)>,
) -> Result<(), BevyError> {
    let streams = seed.streams(CONTAGION, *round);
    for (ids, replies, heard, mut cases) in people.contiguous_iter_mut()? {
        pool.chunks(
            (ids, replies, heard, cases.bypass_change_detection()),
            |(ids, replies, heard, cases)| {
                for (row, case) in cases.iter_mut().enumerate() {
                    case.home = match replies[row] {
                        Reply::Answered(choice) => choice == Choice::Home,
                        // Whoever cannot be asked lives as before.
                        Reply::Failed(_) | Reply::NotAsked => case.home,
                    };
                    let draw = || streams.agent(ids[row]).uniform();
                    let met = if case.home { 0 } else { heard[row].tally };
                    case.health = match case.health {
                        Health::Susceptible if met > 0 && draw() < disease.caught(met) => {
                            Health::Infectious
                        }
                        Health::Infectious if draw() < disease.recovery => Health::Recovered,
                        other => other,
                    };
                }
            },
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
