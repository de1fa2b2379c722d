//! An index of positions: agents sorted by cell in a counting pass, with range and nearest queries.

use std::cmp::Ordering;

use bevy_ecs::prelude::Resource;
use throng_engine::{AgentId, Pool};

use super::plane::{Borders, Plane, Position};

/// Cells on one side; more would cost memory and not help.
const SIDE_MAX: usize = 2_048;

/// Agents by the cell of the plane they are in, and by number within a cell.
#[derive(Resource, Clone, Debug)]
pub struct SpatialIndex {
    columns: usize,
    rows: usize,
    /// Where each cell's agents begin; one more than cells.
    starts: Vec<u32>,
    agents: Vec<AgentId>,
    /// Positions in the order of `agents`.
    positions: Vec<Position>,
}

/// An agent that is near, with the square of its distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The agent.
    pub agent: AgentId,
    /// The square of its distance.
    pub distance_squared: f64,
}

/// Queries about one plane and its index.
#[derive(Clone, Copy, Debug)]
pub struct Near<'a> {
    plane: &'a Plane,
    index: &'a SpatialIndex,
}

/// Cells of at least the plane's reach, at most [`SIDE_MAX`] on a side.
fn side(length: f64, reach: f64) -> usize {
    ((length / reach) as usize).clamp(1, SIDE_MAX)
}

impl SpatialIndex {
    /// An empty index for a plane.
    pub fn new(plane: &Plane) -> Self {
        let (width, height) = plane.size();
        let (columns, rows) = (side(width, plane.reach()), side(height, plane.reach()));
        let starts = vec![0; columns * rows + 1];
        Self { columns, rows, starts, agents: Vec::new(), positions: Vec::new() }
    }

    /// Indexes the positions of all agents, by agent; all must be on the plane.
    pub fn build(&mut self, pool: &Pool, plane: &Plane, positions: &[Position]) {
        let cells: Vec<u32> = pool
            .chunks(positions, |positions| {
                let cell = |at: &Position| self.cell(plane, *at) as u32;
                positions.iter().map(cell).collect::<Vec<_>>()
            })
            .concat();
        let mut next = std::mem::take(&mut self.starts);
        next.fill(0);
        cells.iter().for_each(|cell| next[*cell as usize] += 1);
        let mut sum = 0;
        for start in &mut next {
            sum += std::mem::replace(start, sum);
        }
        self.agents.resize(positions.len(), AgentId(0));
        self.positions.resize(positions.len(), Position::default());
        for ((cell, position), agent) in cells.iter().zip(positions).zip(0..) {
            let end = &mut next[*cell as usize];
            self.agents[*end as usize] = AgentId(agent);
            self.positions[*end as usize] = *position;
            *end += 1;
        }
        // After the pass each cell's place is its end, which is the start of the next one.
        next.rotate_right(1);
        next[0] = 0;
        if let Some(last) = next.last_mut() {
            *last = positions.len() as u32;
        }
        self.starts = next;
    }

    fn column(&self, plane: &Plane, x: f64) -> usize {
        ((x / plane.size().0 * self.columns as f64) as usize).min(self.columns - 1)
    }

    fn row(&self, plane: &Plane, y: f64) -> usize {
        ((y / plane.size().1 * self.rows as f64) as usize).min(self.rows - 1)
    }

    fn cell(&self, plane: &Plane, at: Position) -> usize {
        self.row(plane, at.y) * self.columns + self.column(plane, at.x)
    }

    /// The queries on this index.
    pub const fn near<'a>(&'a self, plane: &'a Plane) -> Near<'a> {
        Near { plane, index: self }
    }
}

/// The cells along one axis that a span touches, in order.
fn touched(
    plane: &Plane,
    low: f64,
    high: f64,
    length: f64,
    count: usize,
) -> impl Iterator<Item = usize> + use<> {
    let cell = |value: f64| libm::floor(value / length * count as f64);
    let (mut first, mut last) = (cell(low), cell(high));
    let torus = plane.borders() == Borders::Torus;
    if !torus {
        (first, last) = (first.clamp(0.0, count as f64 - 1.0), last.clamp(0.0, count as f64 - 1.0));
    } else if last - first >= count as f64 {
        (first, last) = (0.0, count as f64 - 1.0);
    }
    (first as i64..=last as i64).map(move |cell| cell.rem_euclid(count as i64) as usize)
}

impl Near<'_> {
    /// Visits everyone at most `radius` away, whoever asks included, cell by cell and by number within one.
    ///
    /// The order depends on the positions alone.
    #[inline]
    pub fn within(&self, at: Position, radius: f64, mut visit: impl FnMut(Neighbour)) {
        if radius.is_nan() || radius < 0.0 || !self.plane.contains(at) {
            return;
        }
        let (plane, index) = (self.plane, self.index);
        let (width, height) = plane.size();
        let limit = radius * radius;
        // A little further than the radius, so that rounding hides nobody who is just within it.
        let far = radius + (radius + width + height) * 1e-12;
        for row in touched(plane, at.y - far, at.y + far, height, index.rows) {
            for column in touched(plane, at.x - far, at.x + far, width, index.columns) {
                let cell = row * index.columns + column;
                let (start, end) = (index.starts[cell] as usize, index.starts[cell + 1] as usize);
                let found = index.agents[start..end].iter().zip(&index.positions[start..end]);
                for (agent, position) in found {
                    let distance_squared = plane.distance_squared(at, *position);
                    if distance_squared <= limit {
                        visit(Neighbour { agent: *agent, distance_squared });
                    }
                }
            }
        }
    }

    /// The `count` nearest to a position but for one agent, nearest first and by number where equally near.
    pub fn nearest(&self, at: Position, count: usize, except: Option<AgentId>) -> Vec<Neighbour> {
        let (width, height) = self.plane.size();
        let others = self.index.agents.len().saturating_sub(usize::from(except.is_some()));
        let wanted = count.min(others);
        let mut radius = self.plane.reach();
        loop {
            let mut found = Vec::new();
            self.within(at, radius, |neighbour| {
                if Some(neighbour.agent) != except {
                    found.push(neighbour);
                }
            });
            if found.len() >= wanted || radius > width + height {
                found.sort_unstable_by(nearer);
                found.truncate(wanted);
                return found;
            }
            radius *= 2.0;
        }
    }
}

fn nearer(one: &Neighbour, other: &Neighbour) -> Ordering {
    let by_distance = one.distance_squared.total_cmp(&other.distance_squared);
    by_distance.then(one.agent.cmp(&other.agent))
}
