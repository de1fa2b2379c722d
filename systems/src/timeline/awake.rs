//! Who is asked in this exchange: agents whose time has come and whose turn it is, and those a listener wakes.

use bevy_ecs::prelude::*;
use throng_engine::stream::Purpose;
use throng_engine::{
    AgentId, Exchanges, Permutation, Phase, Pool, Population, Round, Seed, Simulation,
};

use super::clock::Clock;
use super::moment::Moment;
use crate::environment::Within;

const TURN: Purpose = Purpose::new("turn order");

/// Whether the agent is asked in this exchange; for the others every reply is `NotAsked` and costs nothing.
///
/// Set anew in Observe by [`AwakeSystems`]; systems that run after them may change it.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awake(pub bool);

impl Default for Awake {
    fn default() -> Self {
        Self(true)
    }
}

/// The moment at which the agent wakes next. Whoever is awake chooses the next one, or is asked again at once.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeAt(pub Moment);

/// Agents that are woken in the next exchange, whatever their time and turn.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Wakes {
    agents: Vec<AgentId>,
}

impl Wakes {
    /// Wakes an agent. Listeners do, and the same ones in all worlds; each world wakes its own agents.
    pub fn wake(&mut self, agent: AgentId) {
        self.agents.push(agent);
    }
}

/// In which exchange of a round an agent has its turn.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TurnOrder {
    /// In every one.
    #[default]
    Simultaneous,
    /// Group by group: the members of group k in exchange k, by their [`Within`].
    ByGroup,
    /// In a random order of all agents, drawn anew in every round and cut into as many turns as there are
    /// exchanges.
    Random,
}

/// The systems of Observe that decide who is awake.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AwakeSystems;

/// Turns, as an extension of the simulation.
pub trait Turns {
    /// Plays every round in up to `turns` exchanges, agents being asked in this order.
    fn turns(&mut self, order: TurnOrder, turns: u32) -> &mut Self;
}

/// Waking, as an extension of the simulation.
pub(crate) trait Awakens {
    /// Gives every agent [`Awake`], which is set in every exchange.
    fn awakens(&mut self) -> &mut Self;
}

impl Awakens for Simulation {
    fn awakens(&mut self) -> &mut Self {
        if self.get_resource::<Wakes>().is_some() {
            return self;
        }
        self.carries::<Awake>()
            .init_resource::<Wakes>()
            .init_resource::<TurnOrder>()
            .add_systems(Phase::Observe, rouse.in_set(AwakeSystems))
    }
}

impl Turns for Simulation {
    fn turns(&mut self, order: TurnOrder, turns: u32) -> &mut Self {
        if order == TurnOrder::ByGroup {
            self.carries::<Within>();
        }
        self.awakens().insert_resource(order).exchanges(turns)
    }
}

/// The turn of an agent.
enum Turn {
    Any,
    Group(u32),
    Drawn { places: Permutation, turn: u64, turns: u64, population: u64 },
}

impl Turn {
    fn is_of(&self, agent: AgentId, group: Option<&Within>) -> bool {
        match self {
            Self::Any => true,
            Self::Group(turn) => group.is_none_or(|group| group.0.0 == *turn),
            Self::Drawn { places, turn, turns, population } => {
                places.place(agent.0.into()) * turns / population == *turn
            }
        }
    }
}

fn rouse(
    (pool, seed, round, population): (Res<Pool>, Res<Seed>, Res<Round>, Res<Population>),
    (order, exchanges, clock): (Res<TurnOrder>, Res<Exchanges>, Option<Res<Clock>>),
    mut wakes: ResMut<Wakes>,
    mut agents: Query<(&AgentId, Option<&WakeAt>, Option<&Within>, &mut Awake)>,
) -> Result<(), BevyError> {
    let turn = match *order {
        TurnOrder::Simultaneous => Turn::Any,
        TurnOrder::ByGroup => Turn::Group(exchanges.current()),
        TurnOrder::Random => Turn::Drawn {
            places: Permutation::new(
                population.size,
                &mut seed.streams(TURN, *round).agent(AgentId(0)),
            ),
            turn: exchanges.current().into(),
            turns: exchanges.max().into(),
            population: population.size,
        },
    };
    let now = clock.map_or(Moment::NEVER, |clock| clock.now());
    let mut woken = std::mem::take(&mut wakes.agents);
    woken.sort_unstable();
    for (ids, times, groups, mut awake) in agents.contiguous_iter_mut()? {
        let rows: Vec<u32> = (0..ids.len() as u32).collect();
        let awake = awake.bypass_change_detection();
        pool.chunks((ids, rows.as_slice(), awake), |(ids, rows, awake)| {
            for ((agent, row), awake) in ids.iter().zip(rows).zip(awake) {
                let row = *row as usize;
                let due = times.is_none_or(|times| times[row].0 <= now);
                let called = || woken.binary_search(agent).is_ok();
                awake.0 = due && turn.is_of(*agent, groups.map(|groups| &groups[row])) || called();
            }
        });
    }
    Ok(())
}
