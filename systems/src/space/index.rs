//! An index of positions: agents sorted by cell in a counting pass, with range and nearest queries.

use std::cmp::Ordering;
use std::ops::Range;

use bevy_ecs::prelude::Resource;
use throng_engine::stream::Stream;
use throng_engine::{AgentId, AgentRange, Pool};

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
    entries: Vec<Entry>,
}

/// An agent and where it is, side by side, since who looks at one needs the other.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    at: Position,
    agent: AgentId,
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
        Self { columns, rows, starts: vec![0; columns * rows + 1], entries: Vec::new() }
    }

    /// Indexes the positions of all agents, by agent; all must be on the plane.
    pub fn build(&mut self, pool: &Pool, plane: &Plane, positions: &[Position]) {
        let cells = pool.chunks(positions, |positions| {
            let cell = |at: &Position| self.cell(plane, *at) as u32;
            positions.iter().map(cell).collect::<Vec<_>>()
        });
        let cells = || cells.iter().flatten();
        let mut next = std::mem::take(&mut self.starts);
        next.fill(0);
        cells().for_each(|cell| next[*cell as usize] += 1);
        let mut sum = 0;
        for start in &mut next {
            sum += std::mem::replace(start, sum);
        }
        self.entries.resize(positions.len(), Entry::default());
        for ((cell, at), agent) in cells().zip(positions).zip(0..) {
            let end = &mut next[*cell as usize];
            self.entries[*end as usize] = Entry { at: *at, agent: AgentId(agent) };
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

    fn cell(&self, plane: &Plane, at: Position) -> usize {
        let (width, height) = plane.size();
        let along = |value: f64, length: f64, count: usize| {
            ((value / length * count as f64) as usize).min(count - 1)
        };
        along(at.y, height, self.rows) * self.columns + along(at.x, width, self.columns)
    }

    /// Everyone in a run of cells that follow each other, cell by cell.
    #[inline]
    fn run(&self, cells: Range<usize>) -> &[Entry] {
        &self.entries[self.starts[cells.start] as usize..self.starts[cells.end] as usize]
    }

    /// The queries on this index.
    pub const fn near<'a>(&'a self, plane: &'a Plane) -> Near<'a> {
        Near { plane, index: self }
    }
}

/// The cells along one axis that a stretch touches, in order: beyond a joined border they begin anew.
fn touched(
    borders: Borders,
    (low, high): (f64, f64),
    length: f64,
    count: usize,
) -> [Range<usize>; 2] {
    let (cells, last_cell) = (count as i64, count as i64 - 1);
    // Rounded down; what is beyond all whole numbers becomes the last of them.
    let cell = |value: f64| {
        let value = value / length * count as f64;
        (value as i64).saturating_sub(i64::from(value < 0.0))
    };
    let (first, last) = (cell(low), cell(high));
    let range = |first: i64, last: i64| first as usize..last as usize + 1;
    if borders == Borders::Closed {
        [range(first.clamp(0, last_cell), last.clamp(0, last_cell)), 0..0]
    } else if last.saturating_sub(first) >= last_cell {
        [0..count, 0..0]
    } else if first < 0 {
        [range(cells + first, last_cell), range(0, last)]
    } else if last >= cells {
        [range(first, last_cell), range(0, last - cells)]
    } else {
        [range(first, last), 0..0]
    }
}

impl Near<'_> {
    /// Visits everyone at most `radius` away, whoever asks included, cell by cell and by number within one.
    ///
    /// The order depends on the positions alone.
    #[inline]
    pub fn within(&self, at: Position, radius: f64, visit: impl FnMut(Neighbour)) {
        if radius.is_nan() || radius < 0.0 || !self.plane.contains(at) {
            return;
        }
        match self.plane.borders() {
            Borders::Closed => self.scan::<false>(at, radius, visit),
            Borders::Torus => self.scan::<true>(at, radius, visit),
        }
    }

    /// Visits everyone at most `radius` away; neighbouring cells of a row are one run.
    #[inline]
    fn scan<const TORUS: bool>(&self, at: Position, radius: f64, mut visit: impl FnMut(Neighbour)) {
        let (plane, index) = (self.plane, self.index);
        let (borders, (width, height)) = (plane.borders(), plane.size());
        let limit = radius * radius;
        // A little further than the radius, so that rounding hides nobody who is just within it.
        let far = radius + (radius + width + height) * 1e-12;
        let rows = touched(borders, (at.y - far, at.y + far), height, index.rows);
        let columns = touched(borders, (at.x - far, at.x + far), width, index.columns);
        for row in rows.into_iter().flatten() {
            let first = row * index.columns;
            for span in columns.iter().filter(|span| !span.is_empty()) {
                for entry in index.run(first + span.start..first + span.end) {
                    let distance_squared = plane.apart::<TORUS>(at, entry.at);
                    if distance_squared <= limit {
                        visit(Neighbour { agent: entry.agent, distance_squared });
                    }
                }
            }
        }
    }

    /// The `count` nearest to a position but for one agent, nearest first and by number where equally near.
    pub fn nearest(&self, at: Position, count: usize, except: Option<AgentId>) -> Vec<Neighbour> {
        let (width, height) = self.plane.size();
        let others = self.index.entries.len().saturating_sub(usize::from(except.is_some()));
        let wanted = count.min(others);
        if wanted == 0 {
            return Vec::new();
        }
        let mut found = Vec::with_capacity(4 * wanted);
        // Where people are spread evenly this far away are about twice as many as wanted.
        let expected = (2 * wanted) as f64 / self.index.entries.len() as f64;
        let mut radius = (expected * width * height / std::f64::consts::PI).sqrt();
        loop {
            found.clear();
            self.within(at, radius, |neighbour| {
                if Some(neighbour.agent) != except {
                    found.push(neighbour);
                }
            });
            if found.len() >= wanted || radius > width + height {
                break;
            }
            radius *= 2.0;
        }
        if found.len() > wanted {
            found.select_nth_unstable_by(wanted - 1, nearer);
            found.truncate(wanted);
        }
        found.sort_unstable_by(nearer);
        found
    }

    /// One of those at most `radius` away who are meant, each with the same probability.
    pub fn any_within(
        &self,
        at: Position,
        radius: f64,
        stream: &mut Stream,
        is_meant: impl Fn(AgentId) -> bool,
    ) -> Option<AgentId> {
        let (mut seen, mut chosen) = (0, None);
        self.within(at, radius, |neighbour| {
            if is_meant(neighbour.agent) {
                seen += 1;
                // The k-th one takes the place with probability 1 / k.
                if stream.below(seen) == 0 {
                    chosen = Some(neighbour.agent);
                }
            }
        });
        chosen
    }

    /// Asks something of every agent of a range and returns the answers by agent. Agents are asked cell by cell,
    /// so that what one looks at is at hand for the next: where many look around, several times as fast as asking
    /// in the order of their numbers.
    pub fn of_each<T: Clone + Default + Send + 'static>(
        &self,
        pool: &Pool,
        range: AgentRange,
        ask: impl Fn(AgentId, Position) -> T + Sync,
    ) -> Vec<T> {
        let own = range.to_range();
        let answers = pool.chunks(self.index.entries.as_slice(), |entries| {
            let asked = entries.iter().filter(|entry| own.contains(&u64::from(entry.agent.0)));
            asked.map(|entry| (entry.agent, ask(entry.agent, entry.at))).collect::<Vec<_>>()
        });
        let mut by_agent = vec![T::default(); range.len()];
        for (agent, answer) in answers.into_iter().flatten() {
            by_agent[range.offset(agent)] = answer;
        }
        by_agent
    }
}

fn nearer(one: &Neighbour, other: &Neighbour) -> Ordering {
    let by_distance = one.distance_squared.total_cmp(&other.distance_squared);
    by_distance.then(one.agent.cmp(&other.agent))
}
