//! Segregation: people of two kinds move when too few of their neighbours are like them.
//!
//! T. Schelling, "Dynamic models of segregation", Journal of Mathematical Sociology 1(2), 1971: mild wishes of
//! each make districts that nobody asked for.

mod district;
mod policy;
mod results;

use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::space::{Borders, Cell, Lattice, LatticeSystems, Lattices, MoveTo};
use throng_systems::{
    Share, ShowSystems, Shown, Shows, TemplateValue, assign, prompt_of, template_values,
};

pub use district::District;
pub use policy::{Choice, Neighbours, News, Resident};
pub use results::DistrictRound;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const KINDS: Purpose = Purpose::new("segregation kinds");
const MOVES: Purpose = Purpose::new("segregation moves");

/// The kind of a person: 0 or 1.
#[derive(
    Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Kind(pub u8);

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Mild wishes about neighbours make segregated districts.";
    Scenario::new::<District, Resident>("segregation", 1, about, segregation, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(_: &World) -> TemplateValue {
        template_values! {}
    }

    fn question(_: &World, person: EntityRef<'_>) -> TemplateValue {
        let Neighbours { alike, neighbours } = person.get().copied().unwrap_or_default();
        template_values! { alike, neighbours }
    }
}

/// Registers the scenario.
pub fn segregation(sim: &mut Simulation) {
    // The town is laid out when the run starts: before, nobody knows whether it fits into memory.
    let empty = Lattice::new(1, 1, Borders::Torus, &[]).expect("a lattice of one cell can be");
    sim.insert_resource(News)
        .lattice(empty)
        .shows::<Kind>()
        .carries::<Neighbours>()
        .asks_all::<Choice, Resident, Words>(RULES, QUESTION)
        .records::<Kind>()
        .records::<Neighbours>()
        .add_systems(Phase::Start, settle_down.before(LatticeSystems))
        .add_systems(Phase::Observe, look_around.after(ShowSystems))
        .add_systems(Phase::Update, choose)
        .add_systems(Phase::Resolve, results::resolve)
        .summarises::<DistrictRound>();
}

/// Lays out the town and says who is of which kind.
fn settle_down(
    (seed, town, population): (Res<Seed>, Res<District>, Res<Population>),
    mut lattice: ResMut<Lattice>,
    mut people: Query<(&AgentId, &mut Kind)>,
) -> Result<(), BevyError> {
    let side = town.side(population.size);
    *lattice = Lattice::new(side, side, Borders::Torus, &[])?;
    let shares = [Share(town.first), Share(1.0 - town.first)];
    let kind = assign(&shares, population.size, seed.0, KINDS);
    people.iter_mut().for_each(|(agent, mut own)| own.0 = kind(*agent) as u8);
    Ok(())
}

fn look_around(
    (pool, lattice, kinds): (Res<Pool>, Res<Lattice>, Res<Shown<Kind>>),
    mut people: Query<(&Cell, &Kind, &mut Neighbours)>,
) -> Result<(), BevyError> {
    for (cells, own, mut seen) in people.contiguous_iter_mut()? {
        pool.chunks((cells, own, seen.bypass_change_detection()), |(cells, own, seen)| {
            for ((cell, kind), seen) in cells.iter().zip(own).zip(seen) {
                let around = lattice.around(*cell).filter_map(|cell| lattice.occupant(cell));
                *seen = around.fold(Neighbours::default(), |seen, other| Neighbours {
                    alike: seen.alike + u8::from(kinds.of(other) == kind),
                    neighbours: seen.neighbours + 1,
                });
            }
        });
    }
    Ok(())
}

fn choose(
    (pool, seed, round, lattice): (Res<Pool>, Res<Seed>, Res<Round>, Res<Lattice>),
    mut people: Query<(&AgentId, &Reply<Choice>, &mut MoveTo)>,
) -> Result<(), BevyError> {
    let streams = seed.streams(MOVES, *round);
    for (ids, replies, mut moves) in people.contiguous_iter_mut()? {
        pool.chunks((ids, replies, moves.bypass_change_detection()), |(ids, replies, moves)| {
            for ((agent, reply), wanted) in ids.iter().zip(replies).zip(moves) {
                wanted.0 = match reply {
                    Reply::Answered(Choice::Move) => lattice.any_free(&mut streams.agent(*agent)),
                    Reply::Answered(Choice::Stay) | Reply::Failed(_) | Reply::NotAsked => None,
                };
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
