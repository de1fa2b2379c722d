//! Auctions of one item per round: open ascending bids, or sealed bids at the first or the second price.
//!
//! W. Vickrey, "Counterspeculation, auctions, and competitive sealed tenders", Journal of Finance 16, 1961.

mod house;
mod policy;
mod sale;

use throng_systems::prelude::*;
use throng_systems::{TemplateValue, prompt_of, template_values};

use house::money;
pub use house::{Form, House, Item};
pub use policy::{Bid, Bidder, News, Purse};
pub use sale::Sale;

const RULES: &str = include_str!("prompts/rules.j2");
const QUESTION: &str = include_str!("prompts/question.j2");

const VALUES: Purpose = Purpose::new("auction values");

/// The scenario as a command line offers it.
pub fn scenario() -> Scenario {
    let about = "Auctions with open or sealed bids, at the first or the second price.";
    Scenario::new::<House, Bidder>("auction", 2, about, auction, prompt_of::<Words>)
}

/// The values of the prompts.
struct Words;

impl Wording for Words {
    fn rules(world: &World) -> TemplateValue {
        let (House { form, increment, .. }, news) = (world.resource(), world.resource::<News>());
        let (bidders, opening) = (world.resource::<Population>().size, news.opening.to_string());
        let item = world.resource::<House>().item(world.resource::<Round>().0).name;
        template_values! { form => format!("{form:?}"), opening, increment, bidders, item }
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
    let (budget, increment) = (money(house.budget), money(house.increment));
    let opening = money(house.item(1).opening);
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
    news.opening = money(house.item(round.0).opening);
    till.open();
    for (agent, mut purse) in &mut bidders {
        purse.value = money(streams.agent(*agent).between(0.0, house.value_max));
        purse.leads = false;
    }
}

#[cfg(test)]
mod tests;
