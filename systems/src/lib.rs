//! The components and systems that scenarios share: who agents are, what they are asked, what they keep.
//!
//! In reading order: [`Background`] and [`ModelRef`] say who an agent is and which model answers for it;
//! [`Reply`] is what came back; [`Policy`] is a model that is Rust code; [`Memory`] is what an agent keeps;
//! [`Templates`] turn prompts in files into text; a [`Scenario`] is a function with a name and settings.

// Derives write paths through the name under which other crates know this one.
extern crate self as throng_systems;

mod accounting;
mod announcement;
mod assignment;
mod background;
mod catalogue;
mod census;
mod described;
pub mod environment;
mod exchange;
mod guess;
mod interview;
pub mod mail;
mod memory;
mod model;
pub mod network;
mod outcome;
mod people;
mod policy;
mod population;
pub mod prelude;
mod questions;
mod reply;
mod rows;
mod scenario;
mod shown;
pub mod space;
mod templates;
pub mod testing;
pub mod timeline;
mod wording;

pub use accounting::Accounting;
pub use announcement::Announcement;
pub use assignment::{Share, assign};
pub use background::{Background, Backgrounds};
pub use catalogue::{out_of_range, read_policy};
pub use census::Census;
pub use described::DescribedPolicies;
pub use exchange::{AccountSystems, Asks, PlayPolicies, PolicySystems, RestSystems};
pub use guess::Guess;
pub use interview::interviewed;
pub use memory::{MEMORY_ROUNDS, Memory};
pub use minijinja::{Value as TemplateValue, context as template_values};
pub use model::{ModelRef, ModelTable};
pub use outcome::{ExchangeAccounts, Outcome};
pub use people::{Cast, People, Populate};
pub use policy::{Chunk, Policies, Policy};
pub use population::{Grouping, Groupings, PopulationError, PopulationPart, PopulationSource};
pub use questions::{
    AskInWords, BridgeHandle, Calls, Halt, QuestionError, Questions, SharedPrompt, SharedText,
};
pub use reply::{Cause, Reply};
pub use scenario::{
    PolicyChoice, PolicyEntry, PolicySet, Prepared, Problem, PromptText, Scenario, Settings,
    SettingsError,
};
pub use shown::{ShowSystems, Shown, Shows, Visible};
pub use templates::{TemplateError, Templates};
pub use throng_engine as engine;
pub use throng_llm_bridge as bridge;
pub use timeline::Awake;
pub use wording::{Prompts, Wording, prompt_of};

/// The examples of the page about agents that meet, which are compiled and played with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/meeting.md")]
struct Meeting;
