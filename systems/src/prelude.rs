//! What a scenario imports.

pub use bevy_ecs::prelude::*;
pub use throng_engine::{
    AgentId, Answer, Columns, Decimal, Ending, Exchanges, Mesh, Phase, Pool, Population, Round,
    Seed, Simulation, SimulationSettings, Summaries, Tables, reduce, stream::Purpose,
};

pub use crate::{
    Accounting, Announcement, AskInWords, Asks, Background, Backgrounds, Cause, Census, Chunk,
    DescribedPolicies, Groupings, Guess, Memory, ModelRef, ModelTable, PlayPolicies, Policies,
    Policy, Problem, Prompts, Questions, Reply, Scenario, Settings, Templates, Wording,
};
