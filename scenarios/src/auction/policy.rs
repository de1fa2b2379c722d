//! How bidders bid.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_systems::prelude::*;

use super::Form;

/// An amount of money; 0 is no bid.
#[derive(Component, Answer, Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct Bid(#[answer(min = 0, max = 200_000, decimals = 4)] pub Decimal);

/// What a bidder owns, what the item is worth to it, and whether the standing bid is its own.
#[derive(Component, Columns, Clone, Copy, Debug, Default, PartialEq)]
pub struct Purse {
    /// Money left.
    pub money: Decimal,
    /// What this round's item is worth to the bidder.
    pub value: Decimal,
    /// Whether the standing bid is the bidder's.
    pub leads: bool,
}

/// What everyone knows.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct News {
    /// How the winner and the price are found.
    pub form: Form,
    /// The lowest bid that is taken.
    pub opening: Decimal,
    /// How much an open bid must be above the standing one.
    pub increment: Decimal,
    /// How many bidders there are.
    pub bidders: u64,
    /// The standing bid and whose it is.
    pub standing: Option<(Decimal, AgentId)>,
}

impl News {
    /// The lowest bid that is taken now.
    pub fn lowest(&self) -> Decimal {
        self.standing.map_or(self.opening, |(bid, _)| {
            Decimal::from_units(bid.units().saturating_add(self.increment.units()))
        })
    }
}

/// A bidder without a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "kebab-case")]
pub enum Bidder {
    /// Bids its value at the second price, the equilibrium's share (n - 1) / n of it at the first, and raises up to
    /// it in the open.
    Rational,
    /// Bids its value sealed and raises up to it in the open.
    Truthful,
    /// Bids nothing.
    Idle,
}

impl DescribedPolicies for Bidder {
    const SOURCE: &'static str =
        "W. Vickrey, \"Counterspeculation, auctions, and competitive sealed tenders\", 1961";
}

impl Policy<Bid> for Bidder {
    type Sees = Purse;
    type News = News;
    type Round = News;

    fn begin(&self, news: &News) -> News {
        *news
    }

    fn answer(&self, news: &News, chunk: Chunk<'_, Bid, Purse>) {
        let (lowest, n) = (news.lowest(), news.bidders as f64);
        let none = Decimal::from_units(0);
        chunk.answer(|purse, _| {
            let limit = purse.value.min(purse.money);
            Bid(match (self, news.form) {
                (Self::Idle, _) => none,
                (_, Form::Open) if purse.leads || lowest > limit => none,
                (_, Form::Open) => lowest,
                (Self::Rational, Form::FirstPrice) => {
                    Decimal::from_units((f64::from(limit.units()) * (n - 1.0) / n) as i32)
                }
                _ => limit,
            })
        });
    }
}
