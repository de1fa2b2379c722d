//! The house: what is sold, from which price on, and how the winner and the price are found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::out_of_range;
use throng_systems::prelude::*;

/// The least amount of money that is something, and the most that anyone can own.
const LEAST: f64 = 0.0001;
const MOST: f64 = 200_000.0;

/// How the winner and the price are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Bids are called out until nobody raises; the last one is paid.
    #[default]
    Open,
    /// The highest sealed bid wins and is paid.
    FirstPrice,
    /// The highest sealed bid wins, and the second highest is paid.
    SecondPrice,
}

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What it is called.
    pub name: String,
    /// The lowest bid that is taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<f64>,
}

/// The auctions of a run.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct House {
    /// How the winner and the price are found.
    pub form: Form,
    /// The lowest bid that is taken, for items that do not say.
    #[schemars(range(min = LEAST, max = MOST))]
    pub opening: f64,
    /// How much an open bid must be above the standing one.
    #[schemars(range(min = LEAST, max = MOST))]
    pub increment: f64,
    /// What each bidder owns at the beginning.
    #[schemars(range(min = 0.0, max = MOST))]
    pub budget: f64,
    /// Items are worth up to this to a bidder, any value being as likely.
    #[schemars(range(min = LEAST, max = MOST))]
    pub value_max: f64,
    /// The largest number of open bids for an item.
    #[schemars(range(min = 1, max = 100_000))]
    pub calls_max: u32,
    /// What is sold, one in each round; after the last one the first comes again. Without any, items have no name.
    pub items: Vec<Item>,
}

impl Default for House {
    fn default() -> Self {
        let (opening, increment, budget, value_max) = (1.0, 1.0, 100_000.0, 100.0);
        Self {
            form: Form::Open,
            opening,
            increment,
            budget,
            value_max,
            calls_max: 1_000,
            items: Vec::new(),
        }
    }
}

impl Settings for House {
    fn problems(&self) -> Vec<Problem> {
        let opening = |(place, item): (usize, &Item)| {
            out_of_range(&format!("items.{place}.opening"), item.opening?, LEAST, MOST)
        };
        self.items.iter().enumerate().filter_map(opening).collect()
    }

    fn changeable() -> &'static [&'static str] {
        &["opening", "value_max"]
    }
}

/// Something that is sold, with the lowest bid that is taken for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lot {
    pub(super) name: String,
    pub(super) opening: f64,
}

impl House {
    /// What is sold in a round.
    pub(super) fn item(&self, round: u32) -> Lot {
        let place = (round.max(1) - 1) as usize % self.items.len().max(1);
        let item = self.items.get(place).cloned();
        let Item { name, opening } =
            item.unwrap_or(Item { name: "an item".to_owned(), opening: None });
        Lot { name, opening: opening.unwrap_or(self.opening) }
    }
}

/// A number of the settings as money; they are in range.
pub(super) fn money(amount: f64) -> Decimal {
    Decimal::nearest(amount, 4).expect("the settings are in range")
}
