//! How much memory and disk a run takes, from the components and columns of its scenario.

use std::fs;

use throng_systems::engine::record::{ColumnKind, ColumnSpec};
use throng_systems::engine::{AgentRange, EngineError, SimulationSettings};
use throng_systems::prelude::*;
use throng_systems::{Cast, Halt, Populate, Prepared};

/// What the ECS keeps about an entity beside its components: its place, its table's and its archetype's entry.
const ENTITY_BYTES: u64 = 52;
/// When a component was added and last changed.
const CHANGE_BYTES: u64 = 8;
/// Tables of a round in memory at once: one being made, one waiting, one being written.
const ROUNDS_IN_MEMORY: u64 = 3;
/// What the program takes without any agent.
const PROGRAM_BYTES: u64 = 64 << 20;
/// Bytes for the length or code of a text.
const TEXT_BYTES: u64 = 24;

/// Memory and disk of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes of memory per agent: its components, its contacts, and the tables of the rounds that are in memory.
    pub bytes_per_agent: u64,
    /// Bytes of memory of the whole run.
    pub memory: u64,
    /// Bytes of the run's tables on disk before compression, which usually halves them.
    pub disk: u64,
    /// Whether the scenario asks models in words at all.
    pub asks_in_words: bool,
}

impl Footprint {
    /// Measures a world of one agent, and multiplies.
    ///
    /// # Errors
    /// When the scenario's systems cannot be built or started.
    pub(super) fn measure(
        scenario: &Scenario,
        prepared: &Prepared,
        cast: &Cast,
        run: (u64, u32),
        threads: usize,
    ) -> Result<Self, EngineError> {
        let mut sim = built(scenario, prepared, cast, run.0, 1, threads)?;
        // Nothing is played: the people of the run and its networks may not be there yet.
        sim.assemble()?;
        let recorded: u64 = sim.agent_columns().iter().map(column_bytes).sum();
        let networks: u64 = prepared.networks.iter().map(|(_, g)| g.bytes_per_agent()).sum();
        let bytes_per_agent = row_bytes(&mut sim) + ROUNDS_IN_MEMORY * recorded + networks;
        let memory = bytes_per_agent.saturating_mul(run.0).saturating_add(PROGRAM_BYTES);
        let disk = recorded.saturating_mul(run.0).saturating_mul(u64::from(run.1));
        let asks_in_words = sim.get_resource::<Halt>().is_some();
        Ok(Self { bytes_per_agent, memory, disk, asks_in_words })
    }
}

impl Footprint {
    /// With so many bytes more for each agent.
    pub(super) const fn with(self, bytes: u64, agents: u64) -> Self {
        Self {
            bytes_per_agent: self.bytes_per_agent + bytes,
            memory: self.memory.saturating_add(bytes.saturating_mul(agents)),
            ..self
        }
    }
}

/// A started world of the first `some` agents of a population.
///
/// # Errors
/// When the scenario's systems cannot be built or started.
pub(crate) fn small(
    scenario: &Scenario,
    prepared: &Prepared,
    cast: &Cast,
    population: u64,
    some: u64,
    threads: usize,
) -> Result<Simulation, EngineError> {
    let mut sim = built(scenario, prepared, cast, population, some, threads)?;
    sim.start()?;
    Ok(sim)
}

/// The same, not started yet.
fn built(
    scenario: &Scenario,
    prepared: &Prepared,
    cast: &Cast,
    population: u64,
    some: u64,
    threads: usize,
) -> Result<Simulation, EngineError> {
    let range = AgentRange { start: 0, end: some.min(population) };
    let base = SimulationSettings::new(1, population);
    let mut sim = Simulation::new(SimulationSettings { range, threads, ..base })?;
    (prepared.insert)(&mut sim);
    sim.populate(cast.clone());
    scenario.build(&mut sim);
    Ok(sim)
}

/// Bytes of the components of one agent, and of what is kept about them.
fn row_bytes(sim: &mut Simulation) -> u64 {
    let world = sim.world_mut();
    let agent = world.query_filtered::<Entity, With<AgentId>>().iter(world).next();
    let agent = agent.expect("a started world has an agent");
    let of = |id| world.components().get_info(id).map_or(0, |info| info.layout().size() as u64);
    let row = world.entity(agent);
    let components = row.archetype().iter_components();
    components.map(|id| of(id) + CHANGE_BYTES).sum::<u64>() + ENTITY_BYTES
}

/// Bytes of one value of a column, and of the mark whether it is there.
fn column_bytes(column: &ColumnSpec) -> u64 {
    let value = match column.kind {
        ColumnKind::I32 | ColumnKind::F32 => 4,
        ColumnKind::I64 | ColumnKind::F64 => 8,
        ColumnKind::Bool | ColumnKind::Category(_) => 1,
        ColumnKind::Text => TEXT_BYTES,
    };
    value + u64::from(column.nullable)
}

/// Bytes of memory that the machine, or the limits of this process's group, leave free; where that is known.
pub(crate) fn memory_available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo(&text))?;
    Some(group_available().map_or(machine, |group| group.min(machine)))
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// What the control group of a container leaves free, where it sets a limit.
fn group_available() -> Option<u64> {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (limit, used) = (read("memory.max")?, read("memory.current")?);
    Some(limit.saturating_sub(used))
}

/// Bytes in words: two digits after the point, in powers of 1024.
pub fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1_024 {
        return format!("{bytes} bytes");
    }
    let (mut size, mut unit) = (bytes as f64 / 1_024.0, 0);
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_from_the_kernel_s_table() {
        let text = "MemTotal:       24 kB\nMemAvailable:   3 kB\n";
        assert_eq!(meminfo(text), Some(3 << 10));
        assert_eq!(meminfo("MemTotal: 24 kB\n"), None);
        assert!(memory_available().is_none_or(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn bytes_are_told_in_a_unit_of_their_size() {
        assert_eq!(bytes_in_words(1_023), "1023 bytes");
        assert_eq!(bytes_in_words(1_536), "1.5 KiB");
        assert_eq!(bytes_in_words(150 << 30), "150.0 GiB");
        assert_eq!(bytes_in_words(u64::MAX), "16384.0 PiB");
    }
}
