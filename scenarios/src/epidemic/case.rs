//! Where a person stands with the disease, and what contacts notice of it.

use serde::{Deserialize, Serialize};
use throng_systems::network::{Audible, Layer};
use throng_systems::prelude::*;

/// Where a person stands with the disease.
#[derive(Columns, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Can catch it.
    #[default]
    Susceptible,
    /// Has it and infects others.
    Infectious,
    /// Had it and cannot catch it again.
    Recovered,
}

/// What contacts notice of a person.
#[derive(
    Component, Columns, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Case {
    /// Where the person stands with the disease.
    pub health: Health,
    /// Whether the person stayed at home.
    pub home: bool,
}

/// The number of contacts who could infect.
impl Audible for Case {
    type Tally = u32;
    fn tally(&self, _: &Self, infectious: &mut u32) {
        *infectious += u32::from(self.health == Health::Infectious && !self.home);
    }
}

/// The second network.
#[derive(Clone, Copy, Debug)]
pub struct Work;

impl Layer for Work {
    const NAME: &'static str = "work";
}
