//! Configurations: TOML files, defaults and arguments become one resolved configuration, or all that is wrong.
//!
//! In reading order: `source` reads a file, `document` parses it and keeps places, `overrides` come from the
//! command line, `tables` say which keys there are, `typed` reads them, `cast` reads who plays, `words` those who
//! answer in words, `asked` finds who writes backgrounds, `replayed` those whose answers were recorded, `population`
//! finds people of their own, whose specification `spec_file` reads, `interventions` checks what is to change in which
//! round, `resolve` checks what it all means, `footprint` estimates memory, `diagnostic` shows what is wrong, `schema`
//! tells editors, `networks` reads files of ties, `branch` changes values for a fork,
//! `fuzz` says what holds for any text.

mod asked;
mod branch;
mod cast;
mod diagnostic;
mod document;
pub(crate) mod footprint;
pub mod fuzz;
mod interventions;
mod networks;
mod overrides;
mod population;
mod replayed;
mod resolve;
mod schema;
mod secrets;
mod shares;
mod source;
mod spec_file;
mod suggest;
mod tables;
#[cfg(test)]
mod tests;
mod typed;
mod words;

pub(crate) use asked::Asked;
pub use branch::branch;
pub use diagnostic::{ConfigError, Finding, Place};
pub use footprint::{Footprint, bytes_in_words};
pub use interventions::{ANNOUNCEMENT_CHARS_MAX, Change, INTERVENTIONS_MAX, Intervention};
pub use overrides::Override;
pub use population::{GROUPINGS_MAX, GROUPS_MAX, Group, ModelsTable, ResolvedPopulation};
pub use replayed::Replayed;
pub use resolve::{Request, ResolveError, Resolved, Target, resolve};
pub use schema::schema;
pub use source::FILE_BYTES_MAX;
pub(crate) use spec_file::{Refused, SpecFile};
pub use tables::{
    Answers, BACKGROUNDS_MAX, BridgeTable, Execution, MODELS_MAX, NAME_CHARS_MAX, PromptsKept,
    ResolvedBackground, ResolvedConfig, ResolvedModel, ResolvedRun, THREADS_MAX,
};
