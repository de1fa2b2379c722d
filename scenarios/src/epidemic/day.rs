//! How many people stand where with the disease at the end of a day.

use serde::{Deserialize, Serialize};
use throng_systems::engine::sums;
use throng_systems::prelude::*;

use super::policy::News;
use super::{Case, Health};

/// A day's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// People who can catch the disease.
    pub susceptible: i64,
    /// People who have it.
    pub infectious: i64,
    /// People who had it.
    pub recovered: i64,
    /// People who stayed at home.
    pub home: i64,
}

sums!(Day { susceptible, infectious, recovered, home });

impl Day {
    fn add(&mut self, case: Case) {
        match case.health {
            Health::Susceptible => self.susceptible += 1,
            Health::Infectious => self.infectious += 1,
            Health::Recovered => self.recovered += 1,
        }
        self.home += i64::from(case.home);
    }
}

/// Tells everyone how many are infectious, and writes a row for everyone and for each group of the population.
pub(super) fn resolve(
    (mut census, population): (Census, Res<Population>),
    (mut news, mut ending): (ResMut<News>, ResMut<Ending>),
    people: Query<(&AgentId, &Case)>,
) -> Result<(), BevyError> {
    let day = census
        .write_groups(people.contiguous_iter()?, |day: &mut Day, case: &Case| day.add(*case))?;
    news.infectious = day.infectious as f64 / population.size as f64;
    if day.infectious == 0 {
        ending.end("nobody is infectious any more");
    }
    Ok(())
}
