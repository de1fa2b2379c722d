//! An epidemic on krABMaga's network, whose people read their contacts and write themselves, as in its published example.
//!
//! Unlike in the example people recover for good, and the network is random with ten contacts each on average, as in
//! the scenario that it is compared with.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use krabmaga::engine::agent::Agent;
use krabmaga::engine::fields::field::Field;
use krabmaga::engine::fields::network::{EdgeOptions, Network};
use krabmaga::engine::schedule::Schedule;
use krabmaga::engine::state::State;
use krabmaga::rand::{Rng, SeedableRng};
use krabmaga::rand_pcg::Pcg64Mcg;

/// The probability that an infectious contact infects in a day.
const INFECTION: f64 = 0.05;

/// The probability that an infectious person recovers at the end of a day.
const RECOVERY: f64 = 0.2;

/// The probability of being infectious at first.
const FIRST_CASES: f64 = 0.001;

/// Contacts of a person on average.
const CONTACTS: u32 = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Susceptible,
    Infectious,
    Recovered,
}

/// A person with its number and health.
#[derive(Clone, Copy)]
struct Person {
    id: u32,
    health: Health,
}

impl Hash for Person {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Person {}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

/// The network, and who is in which state in this round.
struct Town {
    network: Network<Person, String>,
    agents: u32,
    infectious: u64,
    recovered: u64,
    random: Pcg64Mcg,
}

impl State for Town {
    fn init(&mut self, schedule: &mut Schedule) {
        let mut people = Vec::new();
        for id in 0..self.agents {
            let ill = self.random.random_bool(FIRST_CASES);
            let health = if ill { Health::Infectious } else { Health::Susceptible };
            let person = Person { id, health };
            self.network.add_node(person);
            schedule.schedule_repeating(Box::new(person), 0.0, 0);
            people.push(person);
        }
        for _ in 0..self.agents * CONTACTS / 2 {
            let mut any = || people[self.random.random_range(0..people.len())];
            let (one, other) = (any(), any());
            if one != other {
                self.network.add_edge(one, other, EdgeOptions::Simple);
            }
        }
        self.network.update();
    }

    fn update(&mut self, _: u64) {
        self.network.update();
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

impl Agent for Person {
    fn step(&mut self, state: &mut dyn State) {
        let town = state.as_any_mut().downcast_mut::<Town>().expect("there is one state");
        match self.health {
            Health::Susceptible => {
                let contacts = town.network.get_edges(*self).unwrap_or_default();
                let is_ill = |id: u32| {
                    let contact = town.network.get_object(id);
                    contact.is_some_and(|contact| contact.health == Health::Infectious)
                };
                let ill = contacts.iter().filter(|edge| is_ill(edge.v)).count();
                if ill > 0 && town.random.random_bool(1.0 - (1.0 - INFECTION).powi(ill as i32)) {
                    self.health = Health::Infectious;
                }
            }
            Health::Infectious if town.random.random_bool(RECOVERY) => {
                self.health = Health::Recovered
            }
            Health::Infectious | Health::Recovered => (),
        }
        town.infectious += u64::from(self.health == Health::Infectious);
        town.recovered += u64::from(self.health == Health::Recovered);
        town.network.update_node(*self);
    }
}

/// Plays until nobody is infectious, some rounds at most, and says what came of it.
pub fn play(agents: u32, rounds: usize) -> String {
    let (network, random) = (Network::new(false), Pcg64Mcg::seed_from_u64(1));
    let mut town = Town { network, agents, infectious: 0, recovered: 0, random };
    let mut schedule = Schedule::new();
    town.init(&mut schedule);
    let (begun, mut played) = (Instant::now(), 0);
    for _ in 0..rounds {
        (town.infectious, town.recovered) = (0, 0);
        schedule.step(&mut town);
        played += 1;
        if town.infectious == 0 {
            break;
        }
    }
    let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(agents) / f64::from(played);
    let reached = town.recovered as f64 / f64::from(agents);
    format!("{each:.0} ns per agent-round of {played} rounds, {reached:.3} reached")
}
