//! What came of a round's questions: counted in every exchange, and for each agent over all of them.

use bevy_ecs::prelude::*;
use throng_engine::record::{Column, ColumnSpec, Columns};
use throng_engine::reduce::{Reduction, reduce};
use throng_engine::{
    Answer, Exchanges, Invariant, Phase, Pool, Population, Simulation, append_rows, check,
};

use crate::exchange::AccountSystems;
use crate::{Accounting, Reply};

/// The counts of each exchange of this round, in order; each adds up to the agents of this world.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeAccounts(pub Vec<Accounting>);

/// What came of all of a round's questions to an agent, carried where rounds have several exchanges.
///
/// Failed if any of them failed, with the first cause; otherwise the last answer; not asked if it was never
/// asked. It is what the agents table records and what the accounts of the round count, so that a failure in
/// an early exchange does not vanish behind a later answer.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome<A: Send + Sync + 'static>(pub Reply<A>);

impl<A: Send + Sync + Clone + 'static> Outcome<A> {
    /// Takes in the reply of a later exchange.
    #[inline]
    pub fn follow(&mut self, later: &Reply<A>) {
        match (&self.0, later) {
            (Reply::Failed(_), _) | (_, Reply::NotAsked) => (),
            (_, later) => self.0 = later.clone(),
        }
    }
}

/// The columns of a reply.
impl<A: Columns + Send + Sync + 'static> Columns for Outcome<A> {
    fn columns() -> Vec<ColumnSpec> {
        Reply::<A>::columns()
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column]) {
        Reply::<A>::extend(rows.map(|row| row.map(|outcome| &outcome.0)), columns);
    }
}

/// Appends what came of the round: the reply itself where there was only one.
pub(crate) fn append_outcomes<A: Answer + Columns>(world: &mut World, columns: &mut [Column]) {
    if world.resource::<Exchanges>().max() > 1 {
        append_rows::<Outcome<A>>(world, columns);
    } else {
        append_rows::<Reply<A>>(world, columns);
    }
}

/// Gives agents an [`Outcome`] that follows their replies.
pub(crate) fn keep_outcomes<A: Answer + Columns>(sim: &mut Simulation) {
    sim.carries_with(|| Outcome::<A>(Reply::NotAsked))
        .add_systems(Phase::Decide, follow::<A>.in_set(AccountSystems).after(account::<A>));
}

/// Counts the replies of an exchange and sees to it that everyone is accounted for.
pub(crate) fn account<A: Answer + Columns>(
    (pool, population, exchanges): (Res<Pool>, Res<Population>, Res<Exchanges>),
    (mut accounting, mut by_exchange): (ResMut<Accounting>, ResMut<ExchangeAccounts>),
    replies: Query<&Reply<A>>,
) -> Result<(), BevyError> {
    let mut total = Accounting::default();
    for replies in replies.contiguous_iter()? {
        total.merge(&reduce(&pool, replies, &Accounting::default(), Accounting::add));
    }
    complete(&total, &population)?;
    if exchanges.current() == 0 {
        by_exchange.0.clear();
    }
    by_exchange.0.push(total);
    *accounting = total;
    Ok(())
}

/// Lets the outcomes follow the replies of this exchange, and counts them.
fn follow<A: Answer + Columns>(
    (pool, population, exchanges): (Res<Pool>, Res<Population>, Res<Exchanges>),
    mut accounting: ResMut<Accounting>,
    mut agents: Query<(&Reply<A>, &mut Outcome<A>)>,
) -> Result<(), BevyError> {
    let begins = exchanges.current() == 0;
    let mut total = Accounting::default();
    for (replies, mut outcomes) in agents.contiguous_iter_mut()? {
        let outcomes = outcomes.bypass_change_detection();
        let counts = pool.chunks((replies, outcomes), |(replies, outcomes)| {
            let mut counts = Accounting::default();
            for (reply, outcome) in replies.iter().zip(outcomes) {
                if begins {
                    outcome.0 = Reply::NotAsked;
                }
                outcome.follow(reply);
                counts.add_one(&outcome.0);
            }
            counts
        });
        counts.iter().for_each(|counts| total.merge(counts));
    }
    complete(&total, &population)?;
    *accounting = total;
    Ok(())
}

fn complete(total: &Accounting, population: &Population) -> Result<(), BevyError> {
    check(
        Invariant::EveryAgentIsAccountedFor,
        total.total() == population.range.len() as u64,
        || format!("{} replies for {} agents", total.total(), population.range.len()),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use throng_engine::record::Values;
    use throng_engine::{AgentId, Decimal, SimulationSettings};

    use super::*;
    use crate::{Asks, Cause, Guess};

    /// In the first exchange agent 0 fails and agent 1 answers, in the second they are answered and not asked.
    fn answer(exchanges: Res<Exchanges>, mut agents: Query<(&AgentId, &mut Reply<Guess>)>) {
        for (agent, mut reply) in &mut agents {
            let guess = Guess(Decimal::from_units(exchanges.current() as i32));
            *reply = match (agent.0, exchanges.current()) {
                (0, 0) => Reply::Failed(Cause::Timeout),
                (0, _) | (1, 0) => Reply::Answered(guess),
                _ => Reply::NotAsked,
            };
        }
    }

    fn played(build: impl FnOnce(&mut Simulation)) -> (Simulation, Vec<u8>) {
        let mut sim = Simulation::new(SimulationSettings::new(1, 3)).unwrap();
        build(&mut sim);
        sim.add_systems(Phase::Exchange, answer);
        sim.round().unwrap();
        let record = sim.round().unwrap();
        let Values::Category(codes) = &record.agents.column("status").unwrap().values else {
            panic!("a status is a category")
        };
        let codes = codes.clone();
        (sim, codes)
    }

    #[test]
    fn an_early_failure_does_not_vanish_behind_a_later_answer() {
        let builds: [fn(&mut Simulation); 2] = [
            |sim| {
                sim.exchanges(2).asks::<Guess>();
            },
            |sim| {
                sim.asks::<Guess>().exchanges(2);
            },
        ];
        for build in builds {
            let (sim, codes) = played(build);
            assert_eq!(codes, [Reply::<Guess>::Failed(Cause::Timeout).code(), 0, 1]);
            let whole = sim.resource::<Accounting>();
            assert_eq!((whole.answered(), whole.failed(), whole.not_asked()), (1, 1, 1));
            let ExchangeAccounts(each) = sim.resource::<ExchangeAccounts>();
            let each: Vec<_> =
                each.iter().map(|e| (e.answered(), e.failed(), e.not_asked())).collect();
            assert_eq!(each, [(1, 1, 1), (1, 0, 2)]);
        }
    }

    #[test]
    fn one_exchange_is_recorded_as_it_is() {
        let (sim, codes) = played(|sim| {
            sim.asks::<Guess>();
        });
        assert_eq!(codes, [Reply::<Guess>::Failed(Cause::Timeout).code(), 0, 1]);
        assert_eq!(sim.resource::<ExchangeAccounts>().0.len(), 1);
        assert!(sim.world().component_id::<Outcome<Guess>>().is_none());
    }
}
