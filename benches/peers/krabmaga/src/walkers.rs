//! Walkers on a torus that count who is within one unit and take a step.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use krabmaga::engine::agent::Agent;
use krabmaga::engine::fields::field::Field;
use krabmaga::engine::fields::field_2d::{Field2D, Location2D};
use krabmaga::engine::location::Real2D;
use krabmaga::engine::schedule::Schedule;
use krabmaga::engine::state::State;
use krabmaga::rand::{Rng, RngCore, SeedableRng};
use krabmaga::rand_pcg::Pcg64Mcg;

/// How far a walker looks, and goes at most along each axis.
const REACH: f32 = 1.0;

/// A walker with its number and place.
#[derive(Clone, Copy)]
struct Walker {
    id: u32,
    at: Real2D,
}

impl Hash for Walker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialEq for Walker {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Walker {}

impl fmt::Display for Walker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

impl Location2D<Real2D> for Walker {
    fn get_location(self) -> Real2D {
        self.at
    }
    fn set_location(&mut self, at: Real2D) {
        self.at = at;
    }
}

/// The field, and how many were counted in this round.
struct Plain {
    field: Field2D<Walker>,
    side: f32,
    agents: u32,
    counted: u64,
    random: Pcg64Mcg,
}

impl State for Plain {
    fn init(&mut self, schedule: &mut Schedule) {
        for id in 0..self.agents {
            let mut along = || self.random.random_range(0.0..self.side);
            let walker = Walker { id, at: Real2D { x: along(), y: along() } };
            self.field.set_object_location(walker, walker.at);
            schedule.schedule_repeating(Box::new(walker), 0.0, 0);
        }
    }

    fn update(&mut self, _: u64) {
        self.field.lazy_update();
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

impl Agent for Walker {
    fn step(&mut self, state: &mut dyn State) {
        let plain = state.as_any_mut().downcast_mut::<Plain>().expect("there is one state");
        let near = plain.field.get_neighbors_within_distance(self.at, REACH);
        plain.counted += near.len() as u64;
        let mut go = |from: f32| {
            let to = from + plain.random.random_range(-REACH..REACH);
            to.rem_euclid(plain.side).min(plain.side.next_down())
        };
        self.at = Real2D { x: go(self.at.x), y: go(self.at.y) };
        plain.field.set_object_location(*self, self.at);
    }
}

/// Plays some rounds and says what they cost and how many each walker counted.
pub fn play(agents: u32, rounds: usize) -> String {
    let side = f64::from(agents).sqrt() as f32;
    let mut random = Pcg64Mcg::seed_from_u64(1);
    random.next_u64();
    let field = Field2D::new(side, side, REACH, true);
    let mut plain = Plain { field, side, agents, counted: 0, random };
    let mut schedule = Schedule::new();
    plain.init(&mut schedule);
    let mut times = Vec::new();
    for _ in 0..rounds {
        plain.counted = 0;
        let begun = Instant::now();
        schedule.step(&mut plain);
        times.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(agents));
    }
    times.sort_by(f64::total_cmp);
    let near = plain.counted as f64 / f64::from(agents);
    format!("{:.0} ns per agent-round, {near:.3} near each", times[rounds / 2])
}
