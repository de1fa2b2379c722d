//! People from a page of TOML: attributes with exact counts, backgrounds in words, and a report of the fit.
//!
//! In reading order: a [`Spec`] says who the people are; a [`Sampler`] knows every one of them without storing
//! any; a [`Report`] compares them with what was asked for; [`Backgrounds`] put them into words, or a model does
//! through [`generate`]; and [`write_population`] makes a directory of them, which [`PopulationDir`] reads.
//!
//! Nothing here knows a world, a model or a socket.

mod attributes;
mod background;
mod blocks;
mod days;
mod distribution;
mod expression;
mod files;
mod fit;
pub mod generate;
mod groups;
mod names;
mod order;
mod paper;
mod plan;
mod problem;
mod report;
mod sample;
mod shipped;
mod source;
mod spec;
mod stage;
mod tables;
mod unfinished;
mod write;

pub use background::{BACKGROUND_BYTES_MAX, Backgrounds};
pub use distribution::POISSON_MEAN_MAX;
pub use files::digest;
pub use fit::{Fitted, MISS_MAX, Margin, Misfit, SWEEPS_MAX, TOLERANCE, fit};
pub use paper::{PaperError, import_paper};
pub use problem::{Error, Problem, Result};
pub use report::{
    ALIKE_MAX, CellReport, MarginReport, NumberReport, REPORT_VERSION, Report, Tally, report,
};
pub use sample::{CENSUS_MAX, ColumnInfo, REDRAWS_MAX, Sample, Sampler, Values};
pub use shipped::{SHIPPED, Shipped, shipped};
pub use source::{Source, TEXT_BYTES_MAX};
pub use spec::*;
pub use stage::{CATEGORIES_MAX, CELLS_MAX};
pub use write::{
    PART_PEOPLE, PART_PEOPLE_WITH_TEXT, PopulationDir, PopulationFile, PopulationRecord,
    RECORD_VERSION, Words, people_table, write_population,
};

#[cfg(test)]
mod tests;
