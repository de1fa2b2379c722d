//! The components and systems that scenarios share: who agents are, what they are asked, what they keep.
//!
//! In reading order: [`Background`] and [`ModelRef`] say who an agent is and which model answers for it;
//! [`Reply`] is what came back; [`Policy`] is a model that is Rust code; [`Memory`] is what an agent keeps;
//! [`Templates`] turn prompts in files into text; a [`Scenario`] is a function with a name and settings.

// Derives write paths through the name under which other crates know this one.
extern crate self as throng_systems;

mod accounting;
mod assignment;
mod background;
mod exchange;
mod guess;
mod memory;
mod model;
mod people;
mod policy;
mod population;
pub mod prelude;
mod questions;
mod reply;
mod scenario;
mod templates;

pub use accounting::Accounting;
pub use assignment::{Share, assign};
pub use background::{Background, Backgrounds};
pub use exchange::{AccountSystems, Asks, PlayPolicies, PolicySystems};
pub use guess::Guess;
pub use memory::{MEMORY_ROUNDS, Memory};
pub use minijinja::{Value as TemplateValue, context as template_values};
pub use model::{ModelRef, ModelTable};
pub use people::{Cast, People, Populate};
pub use policy::{Chunk, Policies, Policy};
pub use population::{Grouping, Groupings, PopulationError, PopulationPart, PopulationSource};
pub use questions::{AskInWords, BridgeHandle, Calls, Halt, QuestionError, Questions, SharedText};
pub use reply::{Cause, Reply};
pub use scenario::{
    PolicyChoice, PolicyEntry, PolicySet, Prepared, Problem, PromptText, Scenario, Settings,
    SettingsError,
};
pub use templates::{TemplateError, Templates};
pub use throng_engine as engine;
pub use throng_llm_bridge as bridge;
