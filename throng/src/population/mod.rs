//! Populations where commands and runs meet them: as a page to look at, and as the people of a run.

mod asking;
mod page;
mod people;

pub(crate) use asking::Asking;
pub(crate) use page::page;
pub use people::RunPeople;
pub(crate) use people::{MODEL, ModelsBy, Origin};
