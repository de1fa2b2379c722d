//! What people see of their neighbours, and when they move without a model.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_systems::prelude::*;

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

/// A resident without a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Resident {
    /// Moves when the share of neighbours alike is below a threshold.
    Threshold {
        /// The share that is enough.
        #[serde(default = "share")]
        #[schemars(range(min = 0.0, max = 1.0))]
        share: f64,
    },
}

const fn share() -> f64 {
    0.3
}

impl DescribedPolicies for Resident {
    const SOURCE: &'static str = "T. Schelling, \"Dynamic models of segregation\", 1971";
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
