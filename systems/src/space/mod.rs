//! Places: a plane with positions and an index of who is near, and a lattice whose cells hold one agent each.

mod index;
mod lattice;
mod plane;

pub use index::{Near, Neighbour, SpatialIndex};
pub use lattice::{CELLS_MAX, Cell, Lattice, LatticeProblem, LatticeSystems, Lattices, MoveTo};
pub use plane::{Borders, Obstacle, Plane, PlaneProblem, Planes, Position, PositionSystems};

#[cfg(test)]
mod tests;
