//! How many people stand where with the disease at the end of a day.

use serde::{Deserialize, Serialize};
use throng_systems::engine::reduce::{OrderFree, Reduction, reduce};
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

impl Reduction for Day {
    fn merge(&mut self, later: &Self) {
        self.susceptible += later.susceptible;
        self.infectious += later.infectious;
        self.recovered += later.recovered;
        self.home += later.home;
    }
}

impl OrderFree for Day {}

pub(super) fn resolve(
    (pool, mesh, population): (Res<Pool>, Res<Mesh>, Res<Population>),
    (mut news, mut summaries, mut ending): (ResMut<News>, ResMut<Summaries>, ResMut<Ending>),
    people: Query<&Case>,
) -> Result<(), BevyError> {
    let mut day = Day::default();
    for cases in people.contiguous_iter()? {
        day.merge(&reduce(&pool, cases, &Day::default(), |day, cases| {
            for case in cases {
                match case.health {
                    Health::Susceptible => day.susceptible += 1,
                    Health::Infectious => day.infectious += 1,
                    Health::Recovered => day.recovered += 1,
                }
                day.home += i64::from(case.home);
            }
        }));
    }
    let day = mesh.total(day)?;
    news.infectious = day.infectious as f64 / population.size as f64;
    summaries.add(&day);
    if day.infectious == 0 {
        ending.end("nobody is infectious any more");
    }
    Ok(())
}
