//! Rounds over a world of agents: phases, streams, exact reductions, recorded columns.
//!
//! In reading order: an [`AgentId`] names an agent; a [`Phase`] is a schedule; a [`Simulation`] holds the world
//! and plays rounds; [`stream`] gives random numbers, [`reduce`] whole-population results, [`record`] tables;
//! [`Answer`] says what a model may answer; a [`Digest`] tells whether two states are the same.
//!
//! Nothing here knows a scenario, a model, a file or a socket.

// Derives write paths through the name under which other crates know this one.
extern crate self as throng_engine;

mod agent;
mod answer;
mod check;
mod decimal;
mod digest;
mod error;
mod exchanges;
mod mesh;
mod normal;
mod permutation;
mod phase;
mod pool;
pub mod record;
mod recorder;
pub mod reduce;
mod simulation;
pub mod stream;
mod summary;
mod tables;

pub use agent::{AgentId, AgentRange, BLOCK, POPULATION_MAX};
pub use answer::{Answer, AnswerValue, Choice, Part, Rejection, Shape};
pub use check::{Invariant, check};
pub use decimal::Decimal;
pub use digest::{Digest, block_digests, state_digest};
pub use error::EngineError;
pub use exchanges::{EXCHANGES_MAX, Ending, Exchanges};
pub use mesh::{Mesh, MeshError, Transport};
pub use normal::inverse_normal;
pub use permutation::Permutation;
pub use phase::Phase;
pub use pool::{Pool, Rows};
pub use recorder::append_rows;
pub use simulation::{Population, Round, RoundRecord, Seed, Simulation, SimulationSettings};
pub use summary::{EVERYONE, Summaries};
pub use tables::Tables;
pub use throng_derive::{Answer, Columns};
