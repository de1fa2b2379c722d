//! A data-oriented simulation engine for populations of LLM agents: the facade and the command line.

pub mod play;

pub use throng_engine as engine;
pub use throng_systems as systems;
pub use throng_systems::prelude;
