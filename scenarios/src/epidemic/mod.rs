//! An epidemic on a network: susceptible people catch a disease from infectious contacts and recover.
//!
//! W. Kermack and A. McKendrick, "A contribution to the mathematical theory of epidemics", Proceedings of the
//! Royal Society A 115, 1927; on networks M. Newman, "Spread of epidemic disease on networks", Physical Review
//! E 66, 2002. Whoever stays at home neither infects nor is infected that day.

mod case;
mod day;
mod disease;
mod policy;

use throng_systems::network::{Heard, Hears, Networks};
use throng_systems::prelude::*;
use throng_systems::{TemplateValue, prompt_of, template_values};

pub use case::{Case, Health, Work};
pub use day::Day;
pub use disease::Disease;
pub use policy::{Choice, Citizen, News};

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const SEEDS: Purpose = Purpose::new("epidemic first cases");
const CONTAGION: Purpose = Purpose::new("epidemic contagion");

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
        let work = person.get::<Heard<Case, Work>>().map_or(0, |heard| heard.tally);
        let contacts = person.get::<Heard<Case>>().map_or(0, |heard| heard.tally) + work;
        template_values! { ill, contacts, infectious => case.health == Health::Infectious }
    }
}

/// Registers the scenario.
pub fn epidemic(sim: &mut Simulation) {
    let Disease { network, work, .. } = sim.resource::<Disease>().clone();
    if let Some(work) = work {
        sim.network_of::<Work>(work).hears_in::<Case, Work>();
    }
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
    mut people: Query<(
        &AgentId,
        &Reply<Choice>,
        &Heard<Case>,
        Option<&Heard<Case, Work>>,
        &mut Case,
    )>,
) -> Result<(), BevyError> {
    let streams = seed.streams(CONTAGION, *round);
    for (ids, replies, heard, work, mut cases) in people.contiguous_iter_mut()? {
        let rows: Vec<u32> = (0..ids.len() as u32).collect();
        let cases = cases.bypass_change_detection();
        pool.chunks(
            (ids, replies, heard, rows.as_slice(), cases),
            |(ids, replies, heard, rows, cases)| {
                for (row, case) in cases.iter_mut().enumerate() {
                    case.home = match replies[row] {
                        Reply::Answered(choice) => choice == Choice::Home,
                        // Whoever cannot be asked lives as before.
                        Reply::Failed(_) | Reply::NotAsked => case.home,
                    };
                    let draw = || streams.agent(ids[row]).uniform();
                    let at_work = work.map_or(0, |work| work[rows[row] as usize].tally);
                    let met = if case.home { 0 } else { heard[row].tally + at_work };
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
