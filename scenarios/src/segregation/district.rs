//! The town: how full it is, and of whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::space::CELLS_MAX;

/// The town.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct District {
    /// Share of the cells that are taken, 0.1 to 0.99.
    #[schemars(range(min = 0.1, max = 0.99))]
    pub density: f64,
    /// Share of the first kind.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub first: f64,
}

impl Default for District {
    fn default() -> Self {
        Self { density: 0.9, first: 0.5 }
    }
}

impl Settings for District {
    fn problems_among(&self, agents: u64) -> Vec<Problem> {
        let side = self.side(agents);
        let hint = "write a higher density, or play fewer agents";
        let full = u64::from(side) * u64::from(side) > CELLS_MAX;
        let message = format!("a town for {agents} people has more than {CELLS_MAX} cells");
        full.then(|| Problem::new("density", message, hint)).into_iter().collect()
    }
}

impl District {
    /// Cells on a side of the town.
    pub(super) fn side(&self, agents: u64) -> u32 {
        (agents as f64 / self.density).sqrt().ceil() as u32
    }
}
