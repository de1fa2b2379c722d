//! The town's settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::timeline::{HOUR, Hours, Moment, Weekday};

/// The town.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Town {
    /// The morning of the first day, such as "2026-06-01 06:00".
    pub start: String,
    /// Days until the run ends.
    #[schemars(range(min = 1, max = 10_000))]
    pub days: u32,
    /// People who share a home.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub household: u32,
    /// People who share a workplace.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub staff: u32,
    /// Parks.
    #[schemars(range(min = 1, max = 1_000))]
    pub parks: u32,
    /// The hour at which parks open.
    pub parks_open: u32,
    /// The hour at which parks close.
    pub parks_close: u32,
    /// The length of a side of the town, in metres.
    #[schemars(range(min = 10.0, max = 1_000_000.0))]
    pub side_m: f64,
    /// How often people speak in turn when they meet.
    #[schemars(range(min = 1, max = 100))]
    pub turns: u32,
}

impl Default for Town {
    fn default() -> Self {
        let start = "2026-06-01 06:00".to_owned();
        let (household, staff, parks, side_m) = (3, 20, 5, 5_000.0);
        let (parks_open, parks_close) = (6, 21);
        Self { start, days: 7, household, staff, parks, parks_open, parks_close, side_m, turns: 3 }
    }
}

impl Settings for Town {
    fn problems(&self) -> Vec<Problem> {
        let start = self.start.parse::<Moment>().err();
        let start = start
            .map(|problem| Problem::new("start", problem.to_string(), "write a date and a time"));
        let hours = self.park_hours();
        let message = "parks cannot close before they open, or after 24";
        let hours = hours.is_none().then(|| {
            Problem::new("parks_close", message, "write hours from 0 to 24, the later one here")
        });
        start.into_iter().chain(hours).collect()
    }
}

impl Town {
    /// When parks are open, if their hours make sense.
    pub(super) fn park_hours(&self) -> Option<Hours> {
        let [opens, closes] =
            [self.parks_open, self.parks_close].map(|hour| i64::from(hour) * HOUR);
        Hours::new(&Weekday::ALL, opens, closes)
    }
}
