//! A plane: positions, borders that are closed or joined, obstacles, and the index that is built in Observe.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use throng_engine::{AgentId, Columns, Phase, Pool, Simulation};

use super::index::SpatialIndex;
use crate::{ShowSystems, Shown, Shows};

/// What happens at the edges of a plane or lattice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Borders {
    /// Nobody gets beyond them.
    #[default]
    Closed,
    /// Opposite edges are joined.
    Torus,
}

/// Where an agent is.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Distance from the left edge.
    pub x: f64,
    /// Distance from the lower edge.
    pub y: f64,
}

/// Why a plane or a position cannot be.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlaneProblem {
    /// Width, height or reach is not a positive number.
    #[error(
        "a plane of {width} by {height} with a reach of {reach} cannot be; write positive numbers"
    )]
    Size {
        /// Width given.
        width: f64,
        /// Height given.
        height: f64,
        /// Reach given.
        reach: f64,
    },
    /// An obstacle whose edges are no numbers or the wrong way round.
    #[error("an obstacle from ({}, {}) to ({}, {}) cannot be; write left < right and lower < upper", .0[0], .0[1], .0[2], .0[3])]
    Obstacle(Obstacle),
    /// A position within an obstacle.
    #[error("agent {agent} is at ({x}, {y}), within an obstacle")]
    Blocked {
        /// The agent.
        agent: AgentId,
        /// Its place from the left.
        x: f64,
        /// Its place from below.
        y: f64,
    },
    /// A position outside the plane or no number.
    #[error("agent {agent} is at ({x}, {y}), outside a plane of {width} by {height}")]
    Outside {
        /// The agent.
        agent: AgentId,
        /// Its place from the left.
        x: f64,
        /// Its place from below.
        y: f64,
        /// Width of the plane.
        width: f64,
        /// Height of the plane.
        height: f64,
    },
}

/// A rectangle that nobody can enter: left, lower, right and upper edge; the right and upper edge are free.
pub type Obstacle = [f64; 4];

/// A plane from (0, 0) to its width and height, the upper and right edge not being part of it.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct Plane {
    width: f64,
    height: f64,
    reach: f64,
    borders: Borders,
    obstacles: Vec<Obstacle>,
}

/// The parts into which a way is cut to see whether an obstacle is in it.
const WAY_PARTS: u32 = 16;

impl Plane {
    /// A plane; `reach` is the distance up to which agents usually look for others, which sets the index's cells.
    ///
    /// # Errors
    /// When a length is not a positive number.
    pub fn new(
        width: f64,
        height: f64,
        reach: f64,
        borders: Borders,
    ) -> Result<Self, PlaneProblem> {
        let possible = |length: f64| length.is_finite() && length > 0.0;
        if !(possible(width) && possible(height) && possible(reach)) {
            return Err(PlaneProblem::Size { width, height, reach });
        }
        Ok(Self { width, height, reach, borders, obstacles: Vec::new() })
    }

    /// The same plane with these obstacles.
    ///
    /// # Errors
    /// When the edges of one are no numbers or the wrong way round.
    pub fn with_obstacles(mut self, obstacles: Vec<Obstacle>) -> Result<Self, PlaneProblem> {
        let possible = |[left, lower, right, upper]: &Obstacle| {
            left < right && lower < upper && (right - left + (upper - lower)).is_finite()
        };
        if let Some(obstacle) = obstacles.iter().find(|obstacle| !possible(obstacle)) {
            return Err(PlaneProblem::Obstacle(*obstacle));
        }
        self.obstacles = obstacles;
        Ok(self)
    }

    /// Width and height.
    pub const fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// The distance up to which agents usually look for others.
    pub const fn reach(&self) -> f64 {
        self.reach
    }

    /// What happens at the edges.
    pub const fn borders(&self) -> Borders {
        self.borders
    }

    /// Whether a position is on the plane.
    #[inline]
    pub fn contains(&self, at: Position) -> bool {
        (0.0..self.width).contains(&at.x) && (0.0..self.height).contains(&at.y)
    }

    /// Whether an obstacle covers a position.
    pub fn is_blocked(&self, at: Position) -> bool {
        let covers = |[left, lower, right, upper]: &Obstacle| {
            (*left..*right).contains(&at.x) && (*lower..*upper).contains(&at.y)
        };
        self.obstacles.iter().any(covers)
    }

    /// Where one gets from a position by moving this far: as far as the way is free. A move that is not a
    /// number leads nowhere. The way is looked at in sixteen places, so an obstacle should be thicker than a
    /// sixteenth of the longest move.
    pub fn moved(&self, from: Position, dx: f64, dy: f64) -> Position {
        if !(dx.is_finite() && dy.is_finite()) {
            return from;
        }
        if self.obstacles.is_empty() {
            return self.placed(from.x + dx, from.y + dy);
        }
        let mut at = from;
        for part in 1..=WAY_PARTS {
            let share = f64::from(part) / f64::from(WAY_PARTS);
            let next = self.placed(from.x + dx * share, from.y + dy * share);
            if self.is_blocked(next) {
                break;
            }
            at = next;
        }
        at
    }

    /// The position on the plane that stands for these coordinates.
    fn placed(&self, x: f64, y: f64) -> Position {
        match self.borders {
            Borders::Closed => Position { x: clamped(x, self.width), y: clamped(y, self.height) },
            Borders::Torus => Position { x: wrapped(x, self.width), y: wrapped(y, self.height) },
        }
    }

    /// The square of the distance between two positions, the short way round on a torus.
    #[inline]
    pub fn distance_squared(&self, one: Position, other: Position) -> f64 {
        match self.borders {
            Borders::Closed => self.apart::<false>(one, other),
            Borders::Torus => self.apart::<true>(one, other),
        }
    }

    /// The same, where it is known how the borders are.
    #[inline]
    pub(super) fn apart<const TORUS: bool>(&self, one: Position, other: Position) -> f64 {
        let (mut dx, mut dy) = ((one.x - other.x).abs(), (one.y - other.y).abs());
        if TORUS {
            (dx, dy) = (dx.min(self.width - dx), dy.min(self.height - dy));
        }
        dx * dx + dy * dy
    }

    /// Whether everyone is on the plane and outside obstacles.
    ///
    /// # Errors
    /// The first agent that is not.
    pub fn check(&self, positions: &[Position]) -> Result<(), PlaneProblem> {
        let wrong = |at: &Position| !self.contains(*at) || self.is_blocked(*at);
        let Some(place) = positions.iter().position(wrong) else { return Ok(()) };
        let (Position { x, y }, agent) = (positions[place], AgentId(place as u32));
        let (width, height) = (self.width, self.height);
        Err(if self.contains(positions[place]) {
            PlaneProblem::Blocked { agent, x, y }
        } else {
            PlaneProblem::Outside { agent, x, y, width, height }
        })
    }
}

/// The nearest coordinate within [0, length).
fn clamped(value: f64, length: f64) -> f64 {
    value.clamp(0.0, length.next_down())
}

/// The coordinate within [0, length) that lies a whole number of lengths away.
fn wrapped(value: f64, length: f64) -> f64 {
    let rest = match value {
        // Most moves lead over a border once at most, and a remainder costs more than the rest of a move.
        inside if (0.0..length).contains(&inside) => return inside,
        below if (-length..0.0).contains(&below) => below + length,
        above if (length..2.0 * length).contains(&above) => above - length,
        far => far.rem_euclid(length),
    };
    // A tiny negative number plus the length rounds to the length.
    if rest < length { rest } else { 0.0 }
}

/// The systems of Observe that index positions; what looks for neighbours runs after them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PositionSystems;

/// Planes, as an extension of the simulation.
pub trait Planes {
    /// Gives agents a [`Position`] on this plane, and every exchange a [`SpatialIndex`] of all of them.
    fn plane(&mut self, plane: Plane) -> &mut Self;
}

impl Planes for Simulation {
    fn plane(&mut self, plane: Plane) -> &mut Self {
        self.insert_resource(SpatialIndex::new(&plane))
            .insert_resource(plane)
            .shows::<Position>()
            .add_systems(Phase::Observe, index.in_set(PositionSystems).after(ShowSystems))
    }
}

fn index(
    (pool, plane, shown): (Res<Pool>, Res<Plane>, Res<Shown<Position>>),
    mut index: ResMut<SpatialIndex>,
) -> Result<(), BevyError> {
    plane.check(shown.values())?;
    index.build(&pool, &plane, shown.values());
    Ok(())
}
