//! What happened at a moment.

use throng_systems::Awake;
use throng_systems::prelude::*;
use throng_systems::timeline::Clock;

use super::policy::{Choice, Company};

/// A moment's result.
#[derive(Columns, Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// The simulated time.
    pub time: String,
    /// People who were asked.
    pub awake: i64,
    /// People who spoke to someone.
    pub spoke: i64,
}

pub(super) fn resolve(
    (mesh, clock): (Res<Mesh>, Res<Clock>),
    mut summaries: ResMut<Summaries>,
    people: Query<(&Awake, &Reply<Choice>, &Company)>,
) -> Result<(), BevyError> {
    let (mut awake, mut spoke) = (0, 0);
    for (own, reply, company) in &people {
        awake += i64::from(own.0);
        spoke += i64::from(reply.answer() == Some(&Choice::Talk) && company.other.is_some());
    }
    let all = mesh.gather((awake, spoke))?;
    let (awake, spoke) = all.iter().fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    summaries.add(&Scene { time: clock.now().to_string(), awake, spoke });
    Ok(())
}
