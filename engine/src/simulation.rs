//! The simulation: a world of agents, the systems of each phase, and what is recorded of a round.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;

use bevy_ecs::error::{BevyError, ErrorContext, FallbackErrorHandler};
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{
    IntoScheduleConfigs, LogLevel, ScheduleBuildSettings, SingleThreadedExecutor,
};
use bevy_ecs::system::ScheduleSystem;

use crate::check::{Invariant, check};
use crate::digest::{Digest, block_digests};
use crate::record::{Column, ColumnSpec, Columns, Table};
use crate::recorder::Recorder;
use crate::stream::{Purpose, Streams};
use crate::summary::Summaries;
use crate::tables::Tables;
use crate::{
    AgentId, AgentRange, Ending, EngineError, Exchanges, Mesh, POPULATION_MAX, Phase, Pool,
};

/// The round being played, from 1; 0 before the first.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round(pub u32);

/// The seed of the run, from which every random number comes.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The streams of one purpose in one round.
    pub const fn streams(self, purpose: Purpose, round: Round) -> Streams {
        Streams::new(self.0, purpose, round.0)
    }
}

/// How many agents there are, and which of them live in this world.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Agents in all worlds together.
    pub size: u64,
    /// Agents of this world.
    pub range: AgentRange,
}

/// What a simulation is made of, besides its scenario.
#[derive(Clone, Copy, Debug)]
pub struct SimulationSettings {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Agents in all worlds together.
    pub population: u64,
    /// Agents of this world; [`AgentRange::all`] for a run in one world.
    pub range: AgentRange,
    /// Compute threads; 0 takes one per core.
    pub threads: usize,
    /// Whether agents are spawned from the last to the first. Results do not depend on it; tests see to that.
    pub spawn_backwards: bool,
}

impl SimulationSettings {
    /// A whole population in one world, on all cores.
    pub const fn new(seed: u64, population: u64) -> Self {
        let range = AgentRange::all(population);
        Self { seed, population, range, threads: 0, spawn_backwards: false }
    }
}

/// A world of agents that plays rounds.
pub struct Simulation {
    world: World,
    schedules: Vec<(Phase, Schedule)>,
    recorder: Recorder,
    /// Components that agents carry.
    carried: Vec<TypeId>,
    spawn_backwards: bool,
    /// Parts that only rounds of several exchanges need.
    for_exchanges: Vec<fn(&mut Self)>,
    started: bool,
}

/// What a round leaves behind.
#[derive(Debug)]
pub struct RoundRecord {
    /// The round, from 1.
    pub round: u32,
    /// A row for each agent of this world, in agent order, with what is recorded of it.
    pub agents: Table,
    /// A row for each group that the scenario summarises; the whole population is the group "all".
    pub summary: Table,
    /// The further tables that the scenario keeps, by name, with the rows of this world.
    pub tables: Vec<(String, Table)>,
    /// A digest for each block of agents; see [`crate::state_digest`].
    pub blocks: Vec<Digest>,
}

impl Simulation {
    /// A world without systems; agents are spawned when the first round begins.
    ///
    /// # Errors
    /// When the population or the range cannot exist.
    pub fn new(settings: SimulationSettings) -> Result<Self, EngineError> {
        validate(&settings)?;
        let mut world = World::new();
        world.insert_resource(FallbackErrorHandler(note_fault));
        world.insert_resource(Pool::new(settings.threads));
        world.insert_resource(Seed(settings.seed));
        world.insert_resource(Round::default());
        world.insert_resource(Population { size: settings.population, range: settings.range });
        world.insert_resource(Mesh::alone());
        world.init_resource::<Summaries>();
        world.init_resource::<Tables>();
        world.init_resource::<Exchanges>();
        world.init_resource::<Ending>();
        let schedules = Phase::ALL.map(|phase| (phase, schedule(phase))).into();
        let recorder = Recorder::default();
        let spawn_backwards = settings.spawn_backwards;
        Ok(Self {
            world,
            schedules,
            recorder,
            carried: Vec::new(),
            spawn_backwards,
            for_exchanges: Vec::new(),
            started: false,
        })
    }

    /// Makes this world one of several that play a run together.
    pub fn join(&mut self, mesh: Mesh) -> &mut Self {
        self.insert_resource(mesh)
    }

    /// Adds a part of a scenario: any function of the simulation.
    pub fn add(&mut self, part: impl FnOnce(&mut Self)) -> &mut Self {
        part(self);
        self
    }

    /// Adds systems to a phase. Systems of one phase that conflict must say in which order they run.
    pub fn add_systems<M>(
        &mut self,
        phase: Phase,
        systems: impl IntoScheduleConfigs<ScheduleSystem, M>,
    ) -> &mut Self {
        let (_, schedule) = self
            .schedules
            .iter_mut()
            .find(|(label, _)| *label == phase)
            .expect("every phase has a schedule");
        schedule.add_systems(systems);
        self
    }

    /// Gives every agent a component, with its default value until a system of [`Phase::Start`] fills it.
    pub fn carries<C: Component + Default>(&mut self) -> &mut Self {
        self.carries_with(C::default)
    }

    /// Gives every agent a component that `make` makes. Parts of a scenario may ask for the same component;
    /// the first to ask says how it is made.
    ///
    /// # Panics
    /// Once the simulation has started: component sets never change during a run.
    pub fn carries_with<C: Component>(&mut self, make: impl Fn() -> C + 'static) -> &mut Self {
        let kind = TypeId::of::<C>();
        if !self.carried.contains(&kind) {
            self.carried.push(kind);
            self.world.register_required_components_with::<AgentId, C>(make);
        }
        self
    }

    /// Records a component's columns in the agents table of every round.
    pub fn records<C: Component + Columns>(&mut self) -> &mut Self {
        self.recorder.record::<C>();
        self
    }

    /// Records columns like those of `C`, in a way of one's own: from one of several components, for example.
    pub fn records_by<C: Columns>(&mut self, append: fn(&mut World, &mut [Column])) -> &mut Self {
        self.recorder.record_by::<C>(append);
        self
    }

    /// Declares the rows that systems of [`Phase::Resolve`] add to [`Summaries`], one for each group and round.
    pub fn summarises<C: Columns + 'static>(&mut self) -> &mut Self {
        self.world.resource_mut::<Summaries>().declare::<C>();
        self
    }

    /// Declares a further table, to which systems add rows through [`Tables`].
    pub fn keeps<C: Columns + 'static>(&mut self, table: &'static str) -> &mut Self {
        self.world.resource_mut::<Tables>().declare::<C>(table);
        self
    }

    /// Lets every round have up to `max` exchanges: from Observe to Settle, again and again, until a system
    /// ends them.
    ///
    /// # Panics
    /// If `max` is 0 or above [`crate::EXCHANGES_MAX`].
    pub fn exchanges(&mut self, max: u32) -> &mut Self {
        self.insert_resource(Exchanges::up_to(max));
        if max > 1 {
            for part in std::mem::take(&mut self.for_exchanges) {
                part(self);
            }
        }
        self
    }

    /// Adds a part that only rounds of several exchanges need, now or as soon as they have several.
    pub fn in_exchanges(&mut self, part: fn(&mut Self)) -> &mut Self {
        if self.world.resource::<Exchanges>().max() > 1 {
            part(self);
        } else {
            self.for_exchanges.push(part);
        }
        self
    }

    /// Why the run has come to its end, once a system has said so.
    pub fn ended(&self) -> Option<&str> {
        self.world.resource::<Ending>().reason()
    }

    /// Adds a resource, or replaces it.
    pub fn insert_resource<R: Resource>(&mut self, resource: R) -> &mut Self {
        self.world.insert_resource(resource);
        self
    }

    /// Adds a resource with its default value unless it is there.
    pub fn init_resource<R: Resource + FromWorld>(&mut self) -> &mut Self {
        self.world.init_resource::<R>();
        self
    }

    /// A resource.
    ///
    /// # Panics
    /// If the resource was never added.
    pub fn resource<R: Resource>(&self) -> &R {
        self.world.resource::<R>()
    }

    /// A resource, if it was added.
    pub fn get_resource<R: Resource>(&self) -> Option<&R> {
        self.world.get_resource::<R>()
    }

    /// The world, to look at or to prepare.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The world, to look at or to prepare.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The columns of the agents table, in order.
    pub fn agent_columns(&self) -> Vec<ColumnSpec> {
        self.recorder.columns()
    }

    /// Spawns the agents and plays the start phase, unless that is done.
    ///
    /// # Errors
    /// When systems cannot be ordered or one of them fails.
    pub fn start(&mut self) -> Result<(), EngineError> {
        if self.started {
            return Ok(());
        }
        self.assemble()?;
        self.started = true;
        self.play(Phase::Start)
    }

    /// Orders the systems and spawns the agents without playing anything: what a scenario is made of, for a
    /// simulation that is only looked at.
    ///
    /// # Errors
    /// When systems cannot be ordered.
    pub fn assemble(&mut self) -> Result<(), EngineError> {
        for (phase, schedule) in &mut self.schedules {
            let reason = |error: bevy_ecs::schedule::ScheduleBuildError, world: &World, graph| {
                EngineError::Schedule { phase: *phase, reason: error.to_string(graph, world) }
            };
            if let Err(error) = schedule.initialize(&mut self.world) {
                return Err(reason(error, &self.world, schedule.graph()));
            }
        }
        self.spawn()
    }

    /// Plays one round and returns its number.
    ///
    /// # Errors
    /// When a system fails or an invariant does not hold. The round must then be thrown away with this world.
    pub fn advance(&mut self) -> Result<u32, EngineError> {
        self.start()?;
        self.world.resource_mut::<Round>().0 += 1;
        self.world.resource_mut::<Summaries>().clear();
        self.world.resource_mut::<Tables>().clear();
        self.play(Phase::Announce)?;
        self.world.resource_mut::<Exchanges>().begin();
        loop {
            for phase in Phase::EXCHANGE {
                self.play(phase)?;
            }
            if !self.world.resource_mut::<Exchanges>().go_on() {
                break;
            }
        }
        self.play(Phase::Resolve)?;
        Ok(self.world.resource::<Round>().0)
    }

    /// Plays one round and returns its tables.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn round(&mut self) -> Result<RoundRecord, EngineError> {
        let round = self.advance()?;
        let range = self.world.resource::<Population>().range;
        let agents = self.recorder.table(&mut self.world, range);
        for column in &agents.columns {
            check(Invariant::ColumnsAreComplete, column.values.len() == range.len(), || {
                format!("column {} has {} rows", column.spec.name, column.values.len())
            })?;
        }
        let blocks = block_digests(self.world.resource::<Pool>(), &agents.columns);
        let summary = self.world.resource_mut::<Summaries>().take();
        let tables = self.world.resource_mut::<Tables>().take();
        Ok(RoundRecord { round, agents, summary, tables, blocks })
    }

    /// A digest for each block of agents as they are now, as [`Self::round`] makes them; the simulation must have
    /// started.
    pub fn digests(&mut self) -> Vec<Digest> {
        let range = self.world.resource::<Population>().range;
        let agents = self.recorder.table(&mut self.world, range);
        block_digests(self.world.resource::<Pool>(), &agents.columns)
    }

    fn play(&mut self, phase: Phase) -> Result<(), EngineError> {
        let (_, schedule) = self
            .schedules
            .iter_mut()
            .find(|(label, _)| *label == phase)
            .expect("every phase has a schedule");
        schedule.run(&mut self.world);
        let faults = FAULTS.take();
        if faults.is_empty() {
            return Ok(());
        }
        let round = self.world.resource::<Round>().0;
        Err(EngineError::System { round, phase, reason: faults.join("\n") })
    }

    fn spawn(&mut self) -> Result<(), EngineError> {
        let range = self.world.resource::<Population>().range;
        let first = range.start as u32;
        let count = range.len() as u32;
        let backwards = self.spawn_backwards;
        let number = |row: u32| AgentId(first + if backwards { count - 1 - row } else { row });
        self.world.spawn_batch((0..count).map(number).map(|agent| (agent,)));
        let alive = self.world.query::<&AgentId>().iter(&self.world).len();
        check(Invariant::AgentsAreDense, alive == range.len(), || {
            format!("{alive} agents live in a range of {}", range.len())
        })
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("population", self.world.resource::<Population>())
            .field("round", self.world.resource::<Round>())
            .finish_non_exhaustive()
    }
}

fn validate(settings: &SimulationSettings) -> Result<(), EngineError> {
    let SimulationSettings { population, range, .. } = settings;
    let problem = if *population == 0 {
        "a population has at least one agent".to_owned()
    } else if *population > POPULATION_MAX {
        format!("{population} agents are more than a population may have ({POPULATION_MAX})")
    } else if range.start >= range.end || range.end > *population {
        format!("agents {}..{} are not a part of {population}", range.start, range.end)
    } else {
        return Ok(());
    };
    Err(EngineError::Settings(problem))
}

/// A schedule in which two systems that could race are an error.
fn schedule(phase: Phase) -> Schedule {
    let mut schedule = Schedule::new(phase);
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.set_build_settings(ScheduleBuildSettings {
        ambiguity_detection: LogLevel::Error,
        ..ScheduleBuildSettings::default()
    });
    schedule
}

thread_local! {
    /// What systems of the schedule that runs on this thread have reported. The ECS takes a plain function as
    /// its error handler, so the reports wait here until the schedule returns.
    static FAULTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note_fault(error: BevyError, context: ErrorContext) {
    FAULTS.with_borrow_mut(|faults| {
        faults.push(format!("{} `{}`: {error}", context.kind(), context.name()));
    });
}

#[cfg(test)]
mod tests;
