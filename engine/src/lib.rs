//! Rounds over a world of agents: phases, streams, exact reductions, recorded columns.

mod agent;
mod decimal;
mod normal;
pub mod stream;

pub use agent::{AgentId, AgentRange, BLOCK, POPULATION_MAX};
pub use decimal::Decimal;
pub use normal::inverse_normal;
