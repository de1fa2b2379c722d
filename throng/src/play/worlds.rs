//! The worlds of a run in this process: one, or several ranges of the population on threads of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use throng_llm_bridge::{Stop, Totals};
use throng_systems::engine::record::Table;
use throng_systems::engine::{
    AgentId, AgentRange, BLOCK, Digest, EngineError, Exchanges, Mesh, Pool, Population,
    RoundRecord, Simulation, SimulationSettings, state_digest,
};
use throng_systems::{
    Accounting, BridgeHandle, Calls, Cast, ExchangeAccounts, Halt, ModelRef, People, Populate,
    PromptText, Scenario, TemplateError, Templates,
};

use super::accounts::RoundAccounts;
use super::events::{Effect, Interventions, Present};
use super::{Plan, PlayError, RunPeople, people};
use crate::config::Change;

/// A round of the whole population.
pub(super) struct Played {
    pub(super) agents: Table,
    pub(super) summary: Table,
    /// Further tables that the scenario keeps, by name.
    pub(super) tables: Vec<(String, Table)>,
    /// What interventions changed at its beginning, as tables of the run.
    pub(super) events: Vec<throng_data::Table>,
    /// Why the run ends after this round, if the scenario says so.
    pub(super) ended: Option<String>,
    pub(super) blocks: Vec<Digest>,
    /// What became of the questions.
    pub(super) accounts: RoundAccounts,
    /// What the model calls took.
    pub(super) calls: Totals,
}

/// Why a world could not play its part: a fault, or a stop after which the run can go on.
struct Broken {
    error: EngineError,
    halt: Option<Stop>,
}

/// What a world is asked to do.
enum Order {
    People,
    /// With what happens at the beginning of the round.
    Round(Option<Arc<Effect>>),
}

/// What a world gives back.
enum Outcome {
    People(People),
    Round(Box<Played>),
}

/// A world on a thread of its own.
struct Seat {
    orders: Option<SyncSender<Order>>,
    outcomes: Receiver<Result<Outcome, Broken>>,
    thread: Option<JoinHandle<()>>,
}

/// All worlds of a run, in the order of their ranges.
pub(super) struct Worlds {
    cast: Cast,
    own: Option<Arc<RunPeople>>,
    threads: usize,
    /// The agents of all of them.
    range: AgentRange,
    seed: u64,
    changes: Vec<Change>,
    interventions: Interventions,
    /// The round that was played last.
    round: u32,
    /// The first world lives on the calling thread, which is all there is without shards.
    first: Simulation,
    others: Vec<Seat>,
}

impl Worlds {
    /// Builds the worlds and spawns their agents; models in words are asked on the way given.
    pub(super) fn new(plan: &Plan, way: Option<&BridgeHandle>) -> Result<Self, PlayError> {
        let ranges = ranges(plan.config.run.agents, plan.shards);
        let meshes =
            if ranges.len() == 1 { vec![Mesh::alone()] } else { Mesh::of_threads(ranges.len()) };
        let mut worlds =
            ranges.into_iter().zip(meshes).map(|(range, mesh)| build(plan, way, range, mesh));
        let first = worlds.next().ok_or(PlayError::WorldLost)??;
        let others =
            worlds.map(|world| Ok(Seat::new(world?))).collect::<Result<_, EngineError>>()?;
        Ok(Self::of(plan, AgentRange::all(plan.config.run.agents), first, others))
    }

    /// Builds the one world of this process, whose others live on other hosts.
    pub(super) fn on_host(
        plan: &Plan,
        way: Option<&BridgeHandle>,
        range: AgentRange,
        mesh: Mesh,
    ) -> Result<Self, PlayError> {
        let first = build(plan, way, range, mesh)?;
        Ok(Self::of(plan, range, first, Vec::new()))
    }

    fn of(plan: &Plan, range: AgentRange, first: Simulation, others: Vec<Seat>) -> Self {
        let (cast, own) = (plan.cast.clone(), plan.people.clone());
        Self {
            cast,
            own,
            threads: plan.threads,
            range,
            seed: plan.config.run.seed,
            changes: plan.changes.clone(),
            interventions: Interventions::default(),
            round: 0,
            first,
            others,
        }
    }

    /// Who the agents are; to be asked before the first round.
    pub(super) fn people(&mut self) -> Result<throng_data::Table, PlayError> {
        self.people_here(&Mesh::alone())
    }

    /// As [`Self::people`], for worlds whose others live on the hosts that `desk` joins.
    pub(super) fn people_here(&mut self, desk: &Mesh) -> Result<throng_data::Table, PlayError> {
        self.order(|| Order::People)?;
        self.first.start()?;
        let mut all = self.first.people();
        for seat in &self.others {
            if let Outcome::People(later) = seat.wait()?? {
                all.models.extend(later.models);
                all.backgrounds.extend(later.backgrounds);
            }
        }
        let table = self.table(&all)?;
        let agents = self.first.resource::<Population>().size;
        let present = Present { people: &table, range: self.range, agents, desk };
        self.interventions = Interventions::new(&self.changes, &self.cast, &present, self.seed)?;
        Ok(table)
    }

    /// The digest of everyone's state as it is now, in a run of one world.
    pub(super) fn state(&mut self) -> Result<Digest, PlayError> {
        self.first.start()?;
        Ok(state_digest(&self.first.digests()))
    }

    /// Who the agents are now, after all that interventions have changed, in a run of one world.
    pub(super) fn people_now(&mut self) -> Result<throng_data::Table, PlayError> {
        self.first.start()?;
        let now = self.first.people();
        self.table(&now)
    }

    /// The model that answers for each agent now, in a run of one world.
    pub(super) fn models_now(&mut self) -> Vec<ModelRef> {
        self.first.people().models
    }

    /// What an agent would be asked next, in a run of one world.
    pub(super) fn preview(
        &mut self,
        scenario: &Scenario,
        agent: AgentId,
    ) -> Result<PromptText, TemplateError> {
        scenario.preview(&mut self.first, agent)
    }

    fn table(&self, people: &People) -> Result<throng_data::Table, PlayError> {
        let pool = Pool::new(self.threads);
        let range = self.range.start..self.range.end;
        let own = self.own.as_ref().map(|own| own.columns_of(range, &pool)).transpose()?;
        people::table(self.range, &self.cast, people, own.unwrap_or_default())
    }

    /// The texts of all prompt templates.
    pub(super) fn prompts_text(&self) -> String {
        self.first.get_resource::<Templates>().map(Templates::text).unwrap_or_default()
    }

    /// Plays a round in every world; or says why its exchanges were stopped before everyone had a reply.
    pub(super) fn round(&mut self) -> Result<Result<Played, Stop>, PlayError> {
        let agents = self.first.resource::<Population>().size;
        Ok(self.part()?.map(|mut all| {
            all.accounts.count_in(agents, &mut all.summary);
            all
        }))
    }

    /// As [`Self::round`], for worlds whose others live on other hosts: the accounts of all of them have yet to be
    /// counted into the summary.
    pub(super) fn part(&mut self) -> Result<Result<Played, Stop>, PlayError> {
        self.round += 1;
        let effect = self.interventions.effect(self.round).map(Arc::new);
        self.order(|| Order::Round(effect.clone()))?;
        let mut played = vec![play(&mut self.first, effect.as_deref())];
        for seat in &self.others {
            played.push(seat.wait()?.map(|outcome| match outcome {
                Outcome::Round(played) => *played,
                Outcome::People(_) => unreachable!("a round was ordered"),
            }));
        }
        // A stop in one world breaks off the others, whose errors are then not the cause.
        let halt = played.iter().filter_map(|world| world.as_ref().err()).find_map(|e| e.halt);
        if let Some(stop) = halt {
            return Ok(Err(stop));
        }
        let mut worlds = played.into_iter();
        let mut all = worlds.next().ok_or(PlayError::WorldLost)??;
        for later in worlds {
            all.append(later?);
        }
        all.events = self.interventions.tables(self.round)?;
        Ok(Ok(all))
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
                    Order::People => match world.start() {
                        Ok(()) => Ok(Outcome::People(world.people())),
                        Err(error) => Err(Broken { error, halt: None }),
                    },
                    Order::Round(effect) => {
                        let played = play(&mut world, effect.as_deref());
                        played.map(|played| Outcome::Round(Box::new(played)))
                    }
                };
                let failed = outcome.is_err();
                if done.send(outcome).is_err() || failed {
                    return;
                }
            }
        });
        Self { orders: Some(orders), outcomes, thread: Some(thread) }
    }

    fn wait(&self) -> Result<Result<Outcome, Broken>, PlayError> {
        self.outcomes.recv().map_err(|_| PlayError::WorldLost)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.orders = None;
        // A world that failed has told so already.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Played {
    /// Adds what the world of the next range played.
    fn append(&mut self, later: Self) {
        self.agents.append(later.agents);
        for ((_, table), (_, more)) in self.tables.iter_mut().zip(later.tables) {
            table.append(more);
        }
        self.blocks.extend(later.blocks);
        self.accounts.merge(&later.accounts);
        self.calls.add(&later.calls);
    }
}

impl From<Broken> for PlayError {
    fn from(broken: Broken) -> Self {
        broken.error.into()
    }
}

fn build(
    plan: &Plan,
    way: Option<&BridgeHandle>,
    range: AgentRange,
    mesh: Mesh,
) -> Result<Simulation, EngineError> {
    let base = SimulationSettings::new(plan.config.run.seed, plan.config.run.agents);
    let mut world = Simulation::new(SimulationSettings { range, threads: plan.threads, ..base })?;
    world.join(mesh);
    (plan.prepared.insert)(&mut world);
    world.populate(plan.cast.clone());
    if let Some(way) = way {
        world.insert_resource(way.clone());
    }
    plan.scenario.build(&mut world);
    Ok(world)
}

fn play(world: &mut Simulation, effect: Option<&Effect>) -> Result<Played, Broken> {
    if let Some(effect) = effect {
        effect.apply(world);
    }
    let record = world.round().map_err(|error| {
        let halt = world.get_resource::<Halt>().and_then(|halt| halt.0);
        Broken { error, halt }
    })?;
    let whole = world.get_resource::<Accounting>().copied().unwrap_or_default();
    let several = world.resource::<Exchanges>().max() > 1;
    let exchanges = world.get_resource::<ExchangeAccounts>().filter(|_| several);
    let accounts = RoundAccounts { whole, exchanges: exchanges.map(|list| list.0.clone()) };
    let calls = world.get_resource::<Calls>().map(|calls| calls.totals.clone()).unwrap_or_default();
    let ended = world.ended().map(str::to_owned);
    let RoundRecord { agents, summary, tables, blocks, .. } = record;
    let events = Vec::new();
    Ok(Played { agents, summary, tables, events, ended, blocks, accounts, calls })
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
