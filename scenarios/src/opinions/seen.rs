//! Opinions as contacts notice them, and what a person makes of them.

use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;

/// An opinion from 0 (against) to 1 (for), with four decimals, as contacts notice it.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Opinion(pub Decimal);

/// What a person has heard this round.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Its own opinion.
    pub own: Decimal,
    /// The opinion of the contact it talked to, if that was near enough.
    pub partner: Option<Decimal>,
    /// Sum of the contacts' opinions that were near enough, in units.
    pub sum: i64,
    /// Contacts whose opinions were near enough.
    pub near: u32,
    /// All contacts.
    pub contacts: u32,
    /// Whether it knows the rumour and has not written since it heard it.
    pub fresh: bool,
}

impl Seen {
    /// The mean of all opinions that were near enough, the own one included.
    pub fn mean_of_near(&self) -> Decimal {
        let (sum, count) = (self.sum + i64::from(self.own.units()), i64::from(self.near) + 1);
        // Rounded half up; all numbers are positive.
        Decimal::from_units(((2 * sum + count) / (2 * count)) as i32)
    }
}
