//! The disease and the network on which it spreads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::network::Graph;
use throng_systems::prelude::*;

/// The disease and the network on which it spreads.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Disease {
    /// The probability that an infectious contact infects in a day.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub infection: f64,
    /// The probability that an infectious person recovers at the end of a day.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub recovery: f64,
    /// The share of people who are infectious at the beginning.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub first_cases: f64,
    /// Who is in contact with whom.
    pub network: Graph,
    /// A second network, such as that of colleagues; whoever is in both infects in both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Graph>,
}

impl Default for Disease {
    fn default() -> Self {
        let network = Graph::ErdosRenyi { degree: 10.0, directed: false };
        Self { infection: 0.05, recovery: 0.2, first_cases: 0.001, network, work: None }
    }
}

impl Settings for Disease {
    fn networks(&self) -> Vec<(&'static str, &Graph)> {
        let work = self.work.as_ref().map(|work| ("work", work));
        std::iter::once(("network", &self.network)).chain(work).collect()
    }

    fn changeable() -> &'static [&'static str] {
        &["infection", "recovery"]
    }
}

impl Disease {
    /// The probability of catching the disease from this many contacts.
    pub(super) fn caught(&self, contacts: u32) -> f64 {
        1.0 - libm::pow(1.0 - self.infection, contacts.into())
    }
}
