//! A lattice: cells that hold one agent each, and moves that are settled so that nobody is in two of them.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use throng_engine::stream::{Purpose, Stream, Streams};
use throng_engine::{
    AgentId, Invariant, Mesh, Permutation, Phase, Population, Round, Seed, Simulation, check,
};

use super::plane::Borders;
use crate::rows::each_in_order;

const PLACES: Purpose = Purpose::new("lattice places");
const PRIORITY: Purpose = Purpose::new("lattice priority");

/// A cell of a lattice, row by row from 0.
#[derive(
    Component, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Cell(pub u32);

/// The cell to which an agent wants to move in this exchange.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveTo(pub Option<Cell>);

/// The largest number of cells: two numbers stand for what is no agent.
pub const CELLS_MAX: u64 = u32::MAX as u64 - 1;

/// Why a lattice cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LatticeProblem {
    /// No cells at all, or too many.
    #[error("a lattice of {width} by {height} cells cannot be; write 1 to {CELLS_MAX} cells")]
    Size {
        /// Width given.
        width: u32,
        /// Height given.
        height: u32,
    },
    /// An obstacle beyond the last cell.
    #[error("cell {cell} cannot be blocked: there are {cells}")]
    Obstacle {
        /// The cell it names.
        cell: u32,
        /// Cells of the lattice.
        cells: u32,
    },
    /// More agents than free cells.
    #[error("{agents} agents do not fit into {free} free cells; make the lattice larger")]
    Full {
        /// Agents of the population.
        agents: u64,
        /// Cells without an obstacle.
        free: u64,
    },
    /// A cell beyond the last one.
    #[error("agent {agent} wants to move to cell {cell}, and there are {cells}")]
    Outside {
        /// The agent.
        agent: AgentId,
        /// The cell it names.
        cell: u32,
        /// Cells of the lattice.
        cells: u32,
    },
}

/// Who is in which cell; the same in all worlds.
#[derive(Resource, Clone, Debug)]
pub struct Lattice {
    width: u32,
    height: u32,
    borders: Borders,
    /// The agent in each cell, or [`Lattice::FREE`], or [`Lattice::BLOCKED`].
    cells: Vec<u32>,
    /// Free cells, in no particular order that depends on anything but the moves made.
    free: Vec<Cell>,
    /// Where each free cell is in that list.
    places: Vec<u32>,
}

impl Lattice {
    const FREE: u32 = u32::MAX;
    const BLOCKED: u32 = u32::MAX - 1;

    /// An empty lattice; nobody can enter the blocked cells.
    ///
    /// # Errors
    /// When there are no cells or too many, or an obstacle is outside.
    pub fn new(
        width: u32,
        height: u32,
        borders: Borders,
        blocked: &[Cell],
    ) -> Result<Self, LatticeProblem> {
        if !(1..=CELLS_MAX).contains(&(u64::from(width) * u64::from(height))) {
            return Err(LatticeProblem::Size { width, height });
        }
        let count = width * height;
        let mut cells = vec![Self::FREE; count as usize];
        for cell in blocked {
            let place = cells.get_mut(cell.0 as usize);
            *place.ok_or(LatticeProblem::Obstacle { cell: cell.0, cells: count })? = Self::BLOCKED;
        }
        let places = vec![0; count as usize];
        let mut lattice = Self { width, height, borders, cells, free: Vec::new(), places };
        for cell in (0..count).map(Cell) {
            if lattice.cells[cell.0 as usize] == Self::FREE {
                lattice.release(cell);
            }
        }
        Ok(lattice)
    }

    /// Number of cells.
    pub const fn len(&self) -> u32 {
        self.width * self.height
    }

    /// Whether there is no cell at all.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The agent in a cell.
    #[inline]
    pub fn occupant(&self, cell: Cell) -> Option<AgentId> {
        let occupant = self.cells[cell.0 as usize];
        (occupant < Self::BLOCKED).then_some(AgentId(occupant))
    }

    /// Whether a cell is neither occupied nor blocked.
    pub fn is_free(&self, cell: Cell) -> bool {
        self.cells.get(cell.0 as usize) == Some(&Self::FREE)
    }

    /// How many cells are free.
    pub const fn free_cells(&self) -> u32 {
        self.free.len() as u32
    }

    /// A free cell, each with the same probability.
    pub fn any_free(&self, stream: &mut Stream) -> Option<Cell> {
        (!self.free.is_empty()).then(|| self.free[stream.below(self.free.len() as u32) as usize])
    }

    /// The up to eight cells around one, in a fixed order.
    pub fn around(&self, cell: Cell) -> impl Iterator<Item = Cell> + use<'_> {
        const OFFSETS: [(i64, i64); 8] =
            [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];
        let (row, column) = (i64::from(cell.0 / self.width), i64::from(cell.0 % self.width));
        OFFSETS.into_iter().filter_map(move |(down, right)| self.at(row + down, column + right))
    }

    fn at(&self, row: i64, column: i64) -> Option<Cell> {
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let (row, column) = match self.borders {
            Borders::Torus => (row.rem_euclid(height), column.rem_euclid(width)),
            Borders::Closed => (row, column),
        };
        let inside = (0..height).contains(&row) && (0..width).contains(&column);
        inside.then(|| Cell((row * width + column) as u32))
    }

    /// The cells at most `radius` rows and columns away but for the cell itself, each once, in a fixed order.
    pub fn within(&self, cell: Cell, radius: u32) -> impl Iterator<Item = Cell> + use<'_> {
        let (row, column) = (cell.0 / self.width, cell.0 % self.width);
        let columns = self.lines(column, radius, self.width);
        let rows = self.lines(row, radius, self.height);
        let all = rows.flat_map(move |row| columns.clone().map(move |column| (row, column)));
        all.map(|(row, column)| Cell(row * self.width + column)).filter(move |other| *other != cell)
    }

    /// The rows or columns at most `radius` away from one of `count`.
    fn lines(
        &self,
        from: u32,
        radius: u32,
        count: u32,
    ) -> impl Iterator<Item = u32> + Clone + use<> {
        let (from, radius, count) = (i64::from(from), i64::from(radius), i64::from(count));
        let (first, last) = match self.borders {
            Borders::Closed => ((from - radius).max(0), (from + radius).min(count - 1)),
            // Once round and no further, so that no line comes twice.
            Borders::Torus if 2 * radius + 1 >= count => (0, count - 1),
            Borders::Torus => (from - radius, from + radius),
        };
        (first..=last).map(move |line| line.rem_euclid(count) as u32)
    }

    /// The larger one of the rows and columns between two cells, the short way round on a torus.
    pub fn distance(&self, one: Cell, other: Cell) -> u32 {
        let along = |one: u32, other: u32, count: u32| match self.borders {
            Borders::Closed => one.abs_diff(other),
            Borders::Torus => one.abs_diff(other).min(count - one.abs_diff(other)),
        };
        let rows = along(one.0 / self.width, other.0 / self.width, self.height);
        rows.max(along(one.0 % self.width, other.0 % self.width, self.width))
    }

    /// The up to `count` nearest cells of a kind but for the cell itself, nearest first and by number where
    /// equally near: free ones, or those of some agents.
    pub fn nearest(&self, cell: Cell, count: usize, is_meant: impl Fn(Cell) -> bool) -> Vec<Cell> {
        let farthest = self.width.max(self.height);
        let mut radius = 1;
        loop {
            let mut found: Vec<Cell> =
                self.within(cell, radius).filter(|other| is_meant(*other)).collect();
            if found.len() >= count || radius >= farthest {
                found.sort_unstable_by_key(|other| (self.distance(cell, *other), *other));
                found.truncate(count);
                return found;
            }
            radius = radius.saturating_mul(2);
        }
    }

    /// Puts all agents into free cells at random and returns the cell of each.
    ///
    /// # Errors
    /// When there are too few cells.
    pub fn scatter(&mut self, agents: u64, seed: u64) -> Result<Vec<Cell>, LatticeProblem> {
        let free = self.free.len() as u64;
        if agents > free {
            return Err(LatticeProblem::Full { agents, free });
        }
        let order =
            Permutation::new(free.max(1), &mut Streams::new(seed, PLACES, 0).agent(AgentId(0)));
        let cells: Vec<Cell> =
            (0..agents).map(|agent| self.free[order.place(agent) as usize]).collect();
        cells.iter().zip(0..).for_each(|(cell, agent)| self.occupy(*cell, agent));
        Ok(cells)
    }

    /// Settles moves and returns those that are made. Of several who want one cell the one with the smallest
    /// number drawn in `priority` gets it; a cell counts as free if it was so before anyone moved.
    ///
    /// # Errors
    /// When a move leads outside.
    pub fn settle(
        &mut self,
        moves: &[(AgentId, Cell, Cell)],
        priority: &Streams,
    ) -> Result<Vec<(AgentId, Cell)>, LatticeProblem> {
        for &(agent, _, to) in moves {
            if to.0 >= self.len() {
                return Err(LatticeProblem::Outside { agent, cell: to.0, cells: self.len() });
            }
        }
        let possible = moves.iter().filter(|(_, _, to)| self.is_free(*to));
        let mut wanted: Vec<_> = possible
            .map(|&(agent, from, to)| (to, priority.agent(agent).next_u64(), agent, from))
            .collect();
        wanted.sort_unstable();
        wanted.dedup_by_key(|(to, ..)| *to);
        for &(to, _, agent, from) in &wanted {
            self.occupy(to, agent.0);
            self.release(from);
        }
        Ok(wanted.into_iter().map(|(to, _, agent, _)| (agent, to)).collect())
    }

    fn occupy(&mut self, cell: Cell, agent: u32) {
        let place = self.places[cell.0 as usize] as usize;
        self.free.swap_remove(place);
        if let Some(moved) = self.free.get(place) {
            self.places[moved.0 as usize] = place as u32;
        }
        self.cells[cell.0 as usize] = agent;
    }

    fn release(&mut self, cell: Cell) {
        self.places[cell.0 as usize] = self.free.len() as u32;
        self.free.push(cell);
        self.cells[cell.0 as usize] = Self::FREE;
    }

    /// Agents that are in a cell.
    pub fn occupied(&self) -> u64 {
        self.cells.iter().filter(|cell| **cell < Self::BLOCKED).count() as u64
    }
}

/// The systems of Settle in which agents move.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatticeSystems;

/// Lattices, as an extension of the simulation.
pub trait Lattices {
    /// Puts agents into cells of this lattice at random, and moves them where they ask to.
    fn lattice(&mut self, lattice: Lattice) -> &mut Self;
}

impl Lattices for Simulation {
    fn lattice(&mut self, lattice: Lattice) -> &mut Self {
        self.insert_resource(lattice)
            .carries::<Cell>()
            .carries::<MoveTo>()
            .add_systems(Phase::Start, scatter.in_set(LatticeSystems))
            .add_systems(Phase::Settle, settle.in_set(LatticeSystems))
    }
}

fn scatter(
    (seed, population): (Res<Seed>, Res<Population>),
    mut lattice: ResMut<Lattice>,
    mut agents: Query<(&AgentId, &mut Cell)>,
) -> Result<(), BevyError> {
    let cells = lattice.scatter(population.size, seed.0)?;
    agents.iter_mut().for_each(|(agent, mut cell)| *cell = cells[agent.0 as usize]);
    Ok(())
}

fn settle(
    (mesh, population): (Res<Mesh>, Res<Population>),
    (seed, round): (Res<Seed>, Res<Round>),
    mut lattice: ResMut<Lattice>,
    mut agents: Query<(&AgentId, &mut Cell, &mut MoveTo)>,
) -> Result<(), BevyError> {
    let mut moves = Vec::new();
    for (ids, cells, mut wanted) in agents.contiguous_iter_mut()? {
        let wanted = wanted.bypass_change_detection();
        each_in_order(ids, |row| {
            moves.extend(wanted[row].0.take().map(|to| (ids[row], cells[row], to)));
        });
    }
    let moves = mesh.gather(moves)?.concat();
    let mut made = lattice.settle(&moves, &seed.streams(PRIORITY, *round))?;
    made.sort_unstable();
    for (ids, mut cells, _) in agents.contiguous_iter_mut()? {
        let cells = cells.bypass_change_detection();
        if made.is_empty() {
            continue;
        }
        for (agent, cell) in ids.iter().zip(cells) {
            if let Ok(place) = made.binary_search_by_key(agent, |(agent, _)| *agent) {
                *cell = made[place].1;
            }
        }
    }
    check(Invariant::PlacesHoldOne, lattice.occupied() == population.size, || {
        format!("{} cells are occupied by {} agents", lattice.occupied(), population.size)
    })?;
    Ok(())
}
