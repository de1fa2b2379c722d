//! What a scenario imports.

pub use bevy_ecs::prelude::*;
pub use throng_engine::{
    AgentId, Answer, Columns, Decimal, Mesh, Phase, Pool, Population, Round, Seed, Simulation,
    SimulationSettings, Summaries, reduce, stream::Purpose,
};

pub use crate::{
    Accounting, AskInWords, Asks, Background, Backgrounds, Cause, Chunk, Groupings, Guess, Memory,
    ModelRef, ModelTable, PlayPolicies, Policies, Policy, Problem, Questions, Reply, Scenario,
    Settings, Templates,
};
