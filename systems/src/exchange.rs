//! The exchange of a round: who is asked, and policies that answer.

use std::time::Instant;

use bevy_ecs::prelude::*;
use throng_engine::record::Columns;
use throng_engine::stream::Purpose;
use throng_engine::{AgentId, Answer, Exchanges, Phase, Pool, Round, Seed, Simulation};

use crate::outcome::{account, append_outcomes, keep_outcomes};
use crate::{
    Accounting, Awake, Chunk, ExchangeAccounts, ModelRef, ModelTable, Policies, Policy, Reply,
};

/// The random numbers of policies.
const POLICY: Purpose = Purpose::new("policy");

/// Asking agents, as an extension of the simulation.
pub trait Asks {
    /// Gives every agent a [`Reply`] of this type, records what came of the round's questions (see
    /// [`crate::Outcome`]), and counts replies after every exchange.
    fn asks<A: Answer + Columns>(&mut self) -> &mut Self;
}

impl Asks for Simulation {
    fn asks<A: Answer + Columns>(&mut self) -> &mut Self {
        self.carries::<ModelRef>()
            .carries_with(|| Reply::<A>::NotAsked)
            .init_resource::<ModelTable>()
            .init_resource::<Accounting>()
            .init_resource::<ExchangeAccounts>()
            .records_by::<Reply<A>>(append_outcomes::<A>)
            .in_exchanges(keep_outcomes::<A>)
            .add_systems(Phase::Prompt, rest::<A>.in_set(RestSystems))
            .add_systems(Phase::Decide, account::<A>.in_set(AccountSystems))
    }
}

/// Answering by policies, as an extension of the simulation.
pub trait PlayPolicies {
    /// Lets the policies in [`Policies`] answer in every exchange.
    fn policies<A: Answer, P: Policy<A>>(&mut self) -> &mut Self;
}

impl PlayPolicies for Simulation {
    fn policies<A: Answer, P: Policy<A>>(&mut self) -> &mut Self {
        self.add_systems(Phase::Exchange, play::<A, P>.in_set(PolicySystems))
    }
}

/// The systems of Prompt that mark those who are not awake as not asked.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RestSystems;

/// The systems that let policies answer; models in words are asked before.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PolicySystems;

/// The systems that count replies; they only read them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountSystems;

/// Columns of agents for which policies answer.
type Answering<'a, A, P> =
    (&'a [AgentId], &'a [ModelRef], &'a [<P as Policy<A>>::Sees], &'a mut [Reply<A>]);

/// Whoever is not awake is not asked; a reply of an earlier exchange is not one of this.
fn rest<A: Answer>(pool: Res<Pool>, mut agents: Query<(&Awake, &mut Reply<A>)>) {
    for (awake, mut replies) in agents.contiguous_iter_mut().expect("agents lie in tables") {
        pool.chunks((awake, replies.bypass_change_detection()), |(awake, replies)| {
            for (_, reply) in awake.iter().zip(replies).filter(|(awake, _)| !awake.0) {
                *reply = Reply::NotAsked;
            }
        });
    }
}

/// Lets each policy answer for the agents of its model.
fn play<A: Answer, P: Policy<A>>(
    (pool, seed, round, exchanges): (Res<Pool>, Res<Seed>, Res<Round>, Res<Exchanges>),
    (policies, models, news): (Res<Policies<P>>, Res<ModelTable>, Res<P::News>),
    mut agents: Query<(&AgentId, &ModelRef, &P::Sees, Option<&Awake>, &mut Reply<A>)>,
) {
    let begun = Instant::now();
    let streams = seed.streams(POLICY, *round).exchange(exchanges.current());
    let alone = models.names.len() <= 1;
    for (model, policy) in &policies.entries {
        let prepared = policy.begin(&news);
        for (ids, refs, seen, awake, mut replies) in
            agents.contiguous_iter_mut().expect("agents lie in tables")
        {
            let replies = replies.bypass_change_detection();
            let chunk = |awake, (agents, refs, seen, replies): Answering<'_, A, P>| {
                let models = (!alone).then_some(refs);
                let chunk = Chunk { model: *model, streams, agents, models, awake, seen, replies };
                policy.answer(&prepared, chunk);
            };
            match awake {
                None => {
                    pool.chunks((ids, refs, seen, replies), |rows| chunk(None, rows));
                }
                Some(awake) => {
                    let rows = (ids, refs, seen, replies);
                    pool.chunks((awake, rows), |(awake, rows)| chunk(Some(awake), rows));
                }
            }
        }
    }
    let think = policies.entries.iter().map(|(_, policy)| policy.think()).max();
    wait_until(begun, think.unwrap_or_default());
}

/// Lets the time pass that agents take to think.
fn wait_until(begun: Instant, think: std::time::Duration) {
    let left = think.saturating_sub(begun.elapsed());
    if !left.is_zero() {
        #[expect(clippy::disallowed_methods, reason = "an exchange in flight ends by itself")]
        std::thread::sleep(left);
    }
}
