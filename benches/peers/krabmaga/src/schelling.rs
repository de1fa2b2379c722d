//! Schelling's neighbourhoods as krABMaga's published example has them: one agent of the schedule goes through a sparse grid.
//!
//! Who has too few neighbours alike moves to a random empty cell. Unlike in the example the grid is a torus and the
//! wish is a share, as in the scenario that it is compared with.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use krabmaga::engine::agent::Agent;
use krabmaga::engine::fields::field::Field;
use krabmaga::engine::fields::sparse_object_grid_2d::SparseGrid2D;
use krabmaga::engine::location::Int2D;
use krabmaga::engine::schedule::Schedule;
use krabmaga::engine::state::State;
use krabmaga::rand::SeedableRng;
use krabmaga::rand::seq::SliceRandom;
use krabmaga::rand_pcg::Pcg64Mcg;

/// The share of cells that are taken.
const DENSITY: f64 = 0.9;

/// The share of neighbours alike that is enough.
const ENOUGH: f64 = 0.3;

/// A person of one of two kinds.
#[derive(Clone, Copy)]
struct Resident {
    id: u32,
    kind: bool,
}

impl Hash for Resident {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialEq for Resident {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Resident {}

/// The town, and what was counted in this round.
struct Town {
    grid: SparseGrid2D<Resident>,
    side: i32,
    agents: u32,
    movers: u64,
    neighbours: u64,
    alike: u64,
}

impl State for Town {
    fn init(&mut self, schedule: &mut Schedule) {
        let mut cells: Vec<i32> = (0..self.side * self.side).collect();
        cells.shuffle(&mut Pcg64Mcg::seed_from_u64(1));
        for (id, cell) in (0..self.agents).zip(cells) {
            let at = Int2D { x: cell % self.side, y: cell / self.side };
            self.grid.set_object_location(Resident { id, kind: id % 2 == 0 }, &at);
        }
        schedule.schedule_repeating(Box::new(Removal), 0.0, 0);
    }

    fn update(&mut self, _: u64) {
        self.grid.lazy_update();
    }

    fn reset(&mut self) {}

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn as_state(&self) -> &dyn State {
        self
    }

    fn as_state_mut(&mut self) -> &mut dyn State {
        self
    }
}

/// Those around a cell: all of them, and those of a kind.
fn around(town: &Town, at: &Int2D, kind: bool) -> (u64, u64) {
    let (mut all, mut alike) = (0, 0);
    for (right, up) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
        let cell =
            Int2D { x: (at.x + right).rem_euclid(town.side), y: (at.y + up).rem_euclid(town.side) };
        for other in town.grid.get_objects(&cell).unwrap_or_default() {
            all += 1;
            alike += u64::from(other.kind == kind);
        }
    }
    (all, alike)
}

/// The one agent of the schedule, which moves everyone.
#[derive(Clone, Copy)]
struct Removal;

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("removal")
    }
}

impl Agent for Removal {
    fn step(&mut self, state: &mut dyn State) {
        let town = state.as_any_mut().downcast_mut::<Town>().expect("there is one state");
        let (moves, counts) = (RefCell::new(Vec::new()), RefCell::new((0, 0, 0)));
        town.grid.iter_objects(|at, resident| {
            let (all, alike) = around(town, at, resident.kind);
            let unhappy = (alike as f64) < ENOUGH * all as f64;
            let to = if unhappy { town.grid.get_random_empty_bag() } else { None };
            moves.borrow_mut().push((*resident, to.unwrap_or(*at)));
            let mut counts = counts.borrow_mut();
            *counts = (counts.0 + u64::from(unhappy), counts.1 + all, counts.2 + alike);
        });
        for (resident, to) in moves.into_inner() {
            town.grid.set_object_location(resident, &to);
        }
        (town.movers, town.neighbours, town.alike) = counts.into_inner();
    }
}

/// Plays until nobody wants to move, some rounds at most, and says what came of it.
pub fn play(agents: u32, rounds: usize) -> String {
    let side = (f64::from(agents) / DENSITY).sqrt().ceil() as i32;
    let grid = SparseGrid2D::new(side, side);
    let mut town = Town { grid, side, agents, movers: 0, neighbours: 0, alike: 0 };
    let mut schedule = Schedule::new();
    town.init(&mut schedule);
    let (begun, mut played) = (Instant::now(), 0);
    for _ in 0..rounds {
        schedule.step(&mut town);
        played += 1;
        if town.movers == 0 {
            break;
        }
    }
    let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(agents) / f64::from(played);
    let alike = town.alike as f64 / town.neighbours as f64;
    format!("{each:.0} ns per agent-round of {played} rounds, {alike:.3} alike")
}
