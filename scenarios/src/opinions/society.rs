//! The society: who follows whom, how far apart opinions may be, and the rumour that goes round.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::Shown;
use throng_systems::network::Graph;
use throng_systems::prelude::*;

use super::seen::Opinion;

/// The network, how far from one's own an opinion may be to count, and the rumour.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Society {
    /// The largest difference of opinions that are listened to, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// The probability that a person replaces a contact whose opinion is further away, per round.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unfollow: f64,
    /// The rumour.
    pub rumour: String,
    /// The share of people who know the rumour at first.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub first_told: f64,
    /// Who follows whom.
    pub network: Graph,
}

impl Default for Society {
    fn default() -> Self {
        Self {
            confidence: 0.2,
            unfollow: 0.0,
            rumour: "They say that the vote has been moved to Friday.".to_owned(),
            first_told: 0.01,
            network: Graph::WattsStrogatz { each_side: 5, rewired: 0.1 },
        }
    }
}

impl Settings for Society {
    fn problems(&self) -> Vec<Problem> {
        let unsaid = self.rumour.trim().is_empty() && self.first_told > 0.0;
        let hint = "write what the rumour says, or first_told = 0";
        let problem = || Problem::new("rumour", "the rumour says nothing", hint);
        unsaid.then(problem).into_iter().collect()
    }

    fn networks(&self) -> Vec<(&'static str, &Graph)> {
        vec![("network", &self.network)]
    }

    fn changeable() -> &'static [&'static str] {
        &["confidence", "unfollow"]
    }
}

/// Whether two people's opinions are near enough for one to listen to the other.
pub(super) fn is_near<'a>(
    society: &Society,
    shown: &'a Shown<Opinion>,
) -> impl Fn(AgentId, AgentId) -> bool + Copy + use<'a> {
    let limit = (society.confidence * 10_000.0) as i32;
    move |one, other| (shown.of(one).0.units() - shown.of(other).0.units()).abs() <= limit
}
