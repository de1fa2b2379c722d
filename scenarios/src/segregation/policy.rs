//! What people see of their neighbours, and when they move without a model.

use serde::Deserialize;
use throng_systems::prelude::*;
use throng_systems::{PolicyEntry, PolicySet, out_of_range, read_policy};

/// Who lives in the cells around.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Neighbours of the same kind.
    pub alike: u8,
    /// Neighbours of either kind.
    pub neighbours: u8,
}

/// What a person does.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Stay where you live.
    Stay,
    /// Move to a free home anywhere in town.
    Move,
}

/// Nothing is announced.
#[derive(Resource, Debug, Default)]
pub struct News;

/// Moves when the share of neighbours alike is below a threshold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Resident {
    /// The wish of Schelling's residents.
    Threshold {
        /// The smallest share of neighbours alike that is enough.
        #[serde(default = "share")]
        share: f64,
    },
}

const fn share() -> f64 {
    0.3
}

impl PolicySet for Resident {
    fn catalogue() -> Vec<PolicyEntry> {
        let about = "moves when the share of neighbours alike is below a threshold";
        let source = "T. Schelling, \"Dynamic models of segregation\", 1971";
        let parameters =
            vec![("share", "the share that is enough (default 0.3; 0 to 1)".to_owned())];
        vec![PolicyEntry { name: "threshold", about, source, parameters }]
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let resident = read_policy(&Self::catalogue(), policy, parameters)?;
        let Self::Threshold { share } = resident;
        out_of_range("share", share, 0.0, 1.0).map_or(Ok(resident), Err)
    }
}

impl Policy<Choice> for Resident {
    type Sees = Neighbours;
    type News = News;
    type Round = ();

    fn begin(&self, _: &News) {}

    fn answer(&self, (): &(), chunk: Chunk<'_, Choice, Neighbours>) {
        let Self::Threshold { share } = self;
        chunk.answer(|seen, _| {
            let unhappy = f64::from(seen.alike) < share * f64::from(seen.neighbours);
            if unhappy { Choice::Move } else { Choice::Stay }
        });
    }
}
