//! The number that an agent reported last.

use bevy_ecs::prelude::*;
use throng_engine::{Answer, Columns, Decimal};

/// A reported number with at most four decimals: what the guessing games ask for.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guess(pub Decimal);
