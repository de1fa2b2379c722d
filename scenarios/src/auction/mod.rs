//! Auctions of one item per round: open ascending bids, or sealed bids at the first or the second price.
//!
//! W. Vickrey, "Counterspeculation, auctions, and competitive sealed tenders", Journal of Finance 16, 1961.

mod policy;
mod sale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::prelude::*;
use throng_systems::{TemplateValue, out_of_range, prompt_of, template_values};

pub use policy::{Bid, Bidder, News, Purse};
pub use sale::Sale;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const VALUES: Purpose = Purpose::new("auction values");

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

/// The auctions of a run.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct House {
    /// How the winner and the price are found.
    pub form: Form,
    /// The lowest bid that is taken.
    pub opening: f64,
    /// How much an open bid must be above the standing one.
    pub increment: f64,
    /// What each bidder owns at the beginning.
    pub budget: f64,
    /// Items are worth up to this to a bidder, any value being as likely.
    pub value_max: f64,
    /// The largest number of open bids for an item.
    pub calls_max: u32,
}

impl Default for House {
    fn default() -> Self {
        let (opening, increment, budget, value_max) = (1.0, 1.0, 100_000.0, 100.0);
        Self { form: Form::Open, opening, increment, budget, value_max, calls_max: 1_000 }
    }
}

impl Settings for House {
    fn problems(&self) -> Vec<Problem> {
        let largest = Decimal::MAX.to_f64();
        [
            out_of_range("opening", self.opening, 0.0001, largest),
            out_of_range("increment", self.increment, 0.0001, largest),
            out_of_range("budget", self.budget, 0.0, largest),
            out_of_range("value_max", self.value_max, 0.0001, largest),
            out_of_range("calls_max", self.calls_max.into(), 1.0, 100_000.0),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A number of the settings as money; they are in range.
fn money(amount: f64) -> Decimal {
    Decimal::nearest(amount, 4).expect("the settings are in range")
}

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Auctions with open or sealed bids, at the first or the second price.";
    Scenario::new::<House, Bidder>("auction", 1, about, auction, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(world: &World) -> TemplateValue {
        let House { form, opening, increment, .. } = world.resource::<House>();
        let bidders = world.resource::<Population>().size;
        template_values! { form => format!("{form:?}"), opening, increment, bidders }
    }

    fn question(world: &World, bidder: EntityRef<'_>) -> TemplateValue {
        let purse: Purse = bidder.get().copied().unwrap_or_default();
        let standing = world.resource::<News>().standing.map(|(bid, _)| bid.to_string());
        template_values! { value => purse.value.to_string(), money => purse.money.to_string(), standing }
    }
}

/// Registers the scenario.
pub fn auction(sim: &mut Simulation) {
    let house = sim.resource::<House>().clone();
    let calls = if house.form == Form::Open { house.calls_max } else { 1 };
    let (budget, opening, increment) =
        (money(house.budget), money(house.opening), money(house.increment));
    let bidders = sim.resource::<Population>().size;
    let news = News { form: house.form, opening, increment, bidders, standing: None };
    sim.insert_resource(news)
        .insert_resource(sale::Till::default())
        .exchanges(calls)
        .carries_with(move || Purse { money: budget, ..Purse::default() })
        .asks_all::<Bid, Bidder, Words>(RULES, QUESTION)
        .records::<Purse>()
        .add_systems(Phase::Announce, show_item)
        .add_systems(Phase::Settle, sale::hear_bids)
        .add_systems(Phase::Resolve, sale::hand_over)
        .summarises::<Sale>();
}

/// A new item, and what it is worth to each bidder.
fn show_item(
    (seed, round, house): (Res<Seed>, Res<Round>, Res<House>),
    mut news: ResMut<News>,
    mut till: ResMut<sale::Till>,
    mut bidders: Query<(&AgentId, &mut Purse)>,
) {
    let streams = seed.streams(VALUES, *round);
    news.standing = None;
    till.open();
    for (agent, mut purse) in &mut bidders {
        purse.value = money(streams.agent(*agent).between(0.0, house.value_max));
        purse.leads = false;
    }
}

#[cfg(test)]
mod tests;
