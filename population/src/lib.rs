//! People from a page of TOML: attributes with exact counts, backgrounds in words, and a report of the fit.
//!
//! In reading order: a [`Spec`] says who the people are; a [`Sampler`] knows every one of them without storing
//! any.
//!
//! Nothing here knows a world, a model or a socket.

mod attributes;
mod blocks;
mod days;
mod distribution;
mod expression;
mod fit;
mod groups;
mod names;
mod order;
mod plan;
mod problem;
mod sample;
mod source;
mod spec;
mod stage;
mod tables;

pub use distribution::POISSON_MEAN_MAX;
pub use fit::{Fitted, MISS_MAX, Margin, Misfit, SWEEPS_MAX, TOLERANCE, fit};
pub use problem::{Error, Problem, Result};
pub use sample::{CENSUS_MAX, ColumnInfo, REDRAWS_MAX, Sample, Sampler, Values};
pub use source::{Source, TEXT_BYTES_MAX};
pub use spec::*;
pub use stage::{CATEGORIES_MAX, CELLS_MAX};
