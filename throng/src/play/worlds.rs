//! The worlds of a run in this process: one, or several ranges of the population on threads of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use throng_systems::engine::record::Table;
use throng_systems::engine::reduce::Reduction;
use throng_systems::engine::{
    AgentRange, BLOCK, Digest, EngineError, Mesh, Pool, Simulation, SimulationSettings,
};
use throng_systems::{Accounting, Cast, People, Populate, Templates};

use super::{Plan, PlayError, RunPeople, people};

/// A round of the whole population.
pub(super) struct Played {
    pub(super) agents: Table,
    pub(super) summary: Table,
    pub(super) blocks: Vec<Digest>,
    pub(super) accounting: Accounting,
}

/// What a world is asked to do.
enum Order {
    People,
    Round,
}

/// What a world gives back.
enum Outcome {
    People(People),
    Round(Box<Played>),
}

/// A world on a thread of its own.
struct Seat {
    orders: Option<SyncSender<Order>>,
    outcomes: Receiver<Result<Outcome, EngineError>>,
    thread: Option<JoinHandle<()>>,
}

/// All worlds of a run, in the order of their ranges.
pub(super) struct Worlds {
    cast: Cast,
    own: Option<Arc<RunPeople>>,
    threads: usize,
    /// The first world lives on the calling thread, which is all there is without shards.
    first: Simulation,
    others: Vec<Seat>,
}

impl Worlds {
    /// Builds the worlds and spawns their agents.
    pub(super) fn new(plan: &Plan) -> Result<Self, PlayError> {
        let ranges = ranges(plan.config.run.agents, plan.shards);
        let meshes =
            if ranges.len() == 1 { vec![Mesh::alone()] } else { Mesh::of_threads(ranges.len()) };
        let mut worlds =
            ranges.into_iter().zip(meshes).map(|(range, mesh)| build(plan, range, mesh));
        let first = worlds.next().ok_or(PlayError::WorldLost)??;
        let others =
            worlds.map(|world| Ok(Seat::new(world?))).collect::<Result<_, EngineError>>()?;
        let (cast, own) = (plan.cast.clone(), plan.people.clone());
        Ok(Self { cast, own, threads: plan.threads, first, others })
    }

    /// Who the agents are.
    pub(super) fn people(&mut self) -> Result<throng_data::Table, PlayError> {
        self.order(|| Order::People)?;
        self.first.start()?;
        let mut all = self.first.people();
        for seat in &self.others {
            if let Outcome::People(later) = seat.outcome()? {
                all.models.extend(later.models);
                all.backgrounds.extend(later.backgrounds);
            }
        }
        let pool = Pool::new(self.threads);
        let own = self.own.as_ref().map(|own| own.all_columns(&pool)).transpose()?;
        people::table(&self.cast, &all, own.unwrap_or_default())
    }

    /// The texts of all prompt templates.
    pub(super) fn prompts_text(&self) -> String {
        self.first.get_resource::<Templates>().map(Templates::text).unwrap_or_default()
    }

    /// Plays a round in every world.
    pub(super) fn round(&mut self) -> Result<Played, PlayError> {
        self.order(|| Order::Round)?;
        let mut all = play(&mut self.first)?;
        for seat in &self.others {
            if let Outcome::Round(later) = seat.outcome()? {
                all.agents.append(later.agents);
                all.blocks.extend(later.blocks);
                all.accounting.merge(&later.accounting);
            }
        }
        Ok(all)
    }

    fn order(&self, order: impl Fn() -> Order) -> Result<(), PlayError> {
        for seat in &self.others {
            let orders = seat.orders.as_ref().ok_or(PlayError::WorldLost)?;
            orders.send(order()).map_err(|_| PlayError::WorldLost)?;
        }
        Ok(())
    }
}

impl Seat {
    fn new(mut world: Simulation) -> Self {
        let (orders, waiting) = sync_channel(1);
        let (done, outcomes) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            for order in waiting {
                let outcome = match order {
                    Order::People => world.start().map(|()| Outcome::People(world.people())),
                    Order::Round => play(&mut world).map(|played| Outcome::Round(Box::new(played))),
                };
                let failed = outcome.is_err();
                if done.send(outcome).is_err() || failed {
                    return;
                }
            }
        });
        Self { orders: Some(orders), outcomes, thread: Some(thread) }
    }

    fn outcome(&self) -> Result<Outcome, PlayError> {
        Ok(self.outcomes.recv().map_err(|_| PlayError::WorldLost)??)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.orders = None;
        // A world that failed has told so already.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn build(plan: &Plan, range: AgentRange, mesh: Mesh) -> Result<Simulation, EngineError> {
    let base = SimulationSettings::new(plan.config.run.seed, plan.config.run.agents);
    let mut world = Simulation::new(SimulationSettings { range, threads: plan.threads, ..base })?;
    world.join(mesh);
    (plan.prepared.insert)(&mut world);
    world.populate(plan.cast.clone());
    plan.scenario.build(&mut world);
    Ok(world)
}

fn play(world: &mut Simulation) -> Result<Played, EngineError> {
    let record = world.round()?;
    let accounting = world.get_resource::<Accounting>().copied().unwrap_or_default();
    Ok(Played { agents: record.agents, summary: record.summary, blocks: record.blocks, accounting })
}

/// The population in at most `shards` ranges of about equal length, cut at blocks.
fn ranges(agents: u64, shards: usize) -> Vec<AgentRange> {
    let blocks = agents.div_ceil(BLOCK as u64);
    let shards = (shards.max(1) as u64).min(blocks);
    let cut = |shard: u64| (blocks * shard / shards * BLOCK as u64).min(agents);
    (0..shards).map(|shard| AgentRange { start: cut(shard), end: cut(shard + 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_population_once_and_begin_at_blocks() {
        for (agents, shards) in [(1, 1), (1, 4), (4096, 2), (4097, 2), (100_000, 7), (50_000, 0)] {
            let ranges = ranges(agents, shards);
            assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, agents));
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].end, pair[1].start);
                assert_eq!(pair[1].start % BLOCK as u64, 0);
            }
            assert!(ranges.iter().all(|range| !range.is_empty()));
        }
    }
}
