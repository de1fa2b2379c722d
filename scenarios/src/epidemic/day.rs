//! How many people stand where with the disease at the end of a day.

use serde::{Deserialize, Serialize};
use throng_systems::engine::reduce::{Groups, OrderFree, Reduction, reduce};
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

/// Everyone with their case.
type Persons<'w, 's> = Query<'w, 's, (&'static AgentId, &'static Case)>;

/// Tells everyone how many are infectious, and writes a row for everyone and for each group of the population.
pub(super) fn resolve(
    (pool, mesh, population): (Res<Pool>, Res<Mesh>, Res<Population>),
    (mut news, mut summaries, mut ending): (ResMut<News>, ResMut<Summaries>, ResMut<Ending>),
    groupings: Res<Groupings>,
    people: Persons,
) -> Result<(), BevyError> {
    let everyone = |_: AgentId| 0;
    let day = days(&pool, &mesh, &people, 1, &everyone)?.remove(0);
    news.infectious = day.infectious as f64 / population.size as f64;
    summaries.add(&day);
    for grouping in groupings.iter() {
        let group_of = |agent| groupings.group_of(grouping, agent);
        let days = days(&pool, &mesh, &people, grouping.names.len(), &group_of)?;
        for (name, day) in grouping.names.iter().zip(days) {
            summaries.add_group(&grouping.by, name, &day);
        }
    }
    if day.infectious == 0 {
        ending.end("nobody is infectious any more");
    }
    Ok(())
}

/// The day of each group.
fn days(
    pool: &Pool,
    mesh: &Mesh,
    people: &Persons,
    groups: usize,
    group_of: &(dyn Fn(AgentId) -> usize + Sync),
) -> Result<Vec<Day>, BevyError> {
    let empty = Groups::new(groups, &Day::default());
    let mut total = empty.clone();
    for rows in people.contiguous_iter()? {
        total.merge(&reduce(pool, rows, &empty, |days, (ids, cases): (&[AgentId], &[Case])| {
            for (id, case) in ids.iter().zip(cases) {
                days.group(group_of(*id)).add(*case);
            }
        }));
    }
    Ok(mesh.total(total)?.iter().copied().collect())
}
