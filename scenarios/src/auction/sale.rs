//! Who wins an item and what is paid for it; money changes hands and is neither made nor lost.

use throng_systems::engine::reduce::TopTwo;
use throng_systems::engine::{Invariant, check};
use throng_systems::prelude::*;

use super::house::{Form, House, money};
use super::policy::{Bid, News, Purse};

/// What the seller has earned, and how the item stands.
#[derive(Resource, Debug, Default)]
pub(super) struct Till {
    earned: i64,
    second: Option<Decimal>,
    calls: u32,
}

impl Till {
    pub(super) fn open(&mut self) {
        (self.second, self.calls) = (None, 0);
    }
}

/// A round's result.
#[derive(Columns, Clone, Debug, Default, PartialEq)]
pub struct Sale {
    /// What was sold.
    pub item: String,
    /// The lowest bid that was taken.
    pub opening: Decimal,
    /// Who won the item, if anyone did.
    pub winner: Option<AgentId>,
    /// What was paid.
    pub price: Option<Decimal>,
    /// What the item was worth to the bidder who valued it most.
    pub best_value: Option<Decimal>,
    /// Whether the winner is a bidder who valued it most.
    pub efficient: bool,
    /// Exchanges in which someone bid.
    pub calls: u32,
}

/// Finds the highest bid of this exchange; an open auction ends when nobody raises.
pub(super) fn hear_bids(
    census: Census,
    (mut news, mut till, mut exchanges): (ResMut<News>, ResMut<Till>, ResMut<Exchanges>),
    mut bidders: Query<(&AgentId, &Reply<Bid>, &mut Purse)>,
) -> Result<(), BevyError> {
    let lowest = news.lowest();
    let (tables, empty) = (bidders.contiguous_iter()?, TopTwo::default());
    let best = census.total(tables, &empty, |best, (ids, replies, purses)| {
        for ((agent, reply), purse) in ids.iter().zip(replies).zip(purses) {
            match reply {
                // A bid below the lowest or above what the bidder owns is not taken.
                Reply::Answered(bid) if bid.0 >= lowest && bid.0 <= purse.money => {
                    best.add(*agent, bid.0);
                }
                Reply::Answered(_) | Reply::Failed(_) | Reply::NotAsked => (),
            }
        }
    })?;
    match best.first() {
        None => exchanges.end(),
        Some((bid, bidder)) => {
            (news.standing, till.second) = (Some((bid, bidder)), best.second());
            till.calls += 1;
            bidders.iter_mut().for_each(|(agent, _, mut purse)| purse.leads = *agent == bidder);
        }
    }
    Ok(())
}

/// The winner pays the seller.
pub(super) fn hand_over(
    (mesh, house, population, round): (Res<Mesh>, Res<House>, Res<Population>, Res<Round>),
    (news, mut till, mut summaries): (Res<News>, ResMut<Till>, ResMut<Summaries>),
    mut bidders: Query<(&AgentId, &mut Purse)>,
) -> Result<(), BevyError> {
    let price = news.standing.map(|(bid, _)| match house.form {
        Form::Open | Form::FirstPrice => bid,
        Form::SecondPrice => till.second.unwrap_or(news.opening),
    });
    let winner = news.standing.map(|(_, bidder)| bidder);
    let (mut owned, mut best) = (0, TopTwo::default());
    for (agent, mut purse) in &mut bidders {
        if Some(*agent) == winner {
            let left = purse.money.units() - price.map_or(0, Decimal::units);
            purse.money = Decimal::from_units(left);
        }
        owned += i64::from(purse.money.units());
        best.add(*agent, purse.value);
    }
    till.earned += price.map_or(0, |price| price.units().into());
    let all: i64 = mesh.gather(owned)?.iter().sum::<i64>() + till.earned;
    let given = i64::from(money(house.budget).units()) * population.size as i64;
    check(Invariant::MoneyIsConserved, all == given, || {
        format!("{all} units are left of {given}")
    })?;
    let best = mesh.total(best)?;
    let efficient = winner.is_some() && winner == best.first().map(|(_, bidder)| bidder);
    let best_value = best.first().map(|(value, _)| value);
    let (item, opening) = (house.item(round.0).name, news.opening);
    summaries.add(&Sale { item, opening, winner, price, best_value, efficient, calls: till.calls });
    Ok(())
}
