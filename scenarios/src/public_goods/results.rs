//! What members gave in a round.

use throng_systems::engine::reduce::Moments;
use throng_systems::prelude::*;

use super::policy::Given;

/// A round's result.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct PotRound {
    /// Members who gave a number, 0 included.
    pub gave: i64,
    /// What they gave on average.
    pub mean: Option<f64>,
    /// Standard deviation of what they gave.
    pub sd: Option<f64>,
}

pub(super) fn resolve(mut census: Census, members: Query<&Given>) -> Result<(), BevyError> {
    let (tables, empty) = (members.contiguous_iter()?, Moments::default());
    let all = census.total(tables, &empty, |sum, given| {
        given.iter().filter_map(|given| given.0).for_each(|gift| sum.add(whole(gift)));
    })?;
    census.write(&PotRound { gave: all.n() as i64, mean: all.mean(), sd: all.sd() });
    Ok(())
}

/// A gift as a number; gifts are small.
fn whole(gift: u32) -> Decimal {
    Decimal::from_units(gift as i32 * Decimal::SCALE)
}
