//! The phases of a round: named schedules, in one visible list.

use bevy_ecs::schedule::ScheduleLabel;

/// A phase of a run: a schedule with a name.
#[derive(ScheduleLabel, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Once, before the first round: fills the components of the agents.
    Start,
    /// What all are told this round is written.
    Announce,
    /// The only phase that reads other agents: deliveries prepared from last round's state.
    Observe,
    /// Questions are written.
    Prompt,
    /// Models answer: policies in process, servers through the bridge.
    Exchange,
    /// Replies become decisions.
    Decide,
    /// Agents change themselves.
    Update,
    /// What agents did to each other is settled: trades, moves, changes of the environment. A round of several
    /// exchanges decides here whether there is another.
    Settle,
    /// The whole population is reduced to the round's result.
    Resolve,
}

impl Phase {
    /// The phases of a round, in order.
    pub const ROUND: [Self; 8] = [
        Self::Announce,
        Self::Observe,
        Self::Prompt,
        Self::Exchange,
        Self::Decide,
        Self::Update,
        Self::Settle,
        Self::Resolve,
    ];

    /// The phases that every exchange of a round passes through, in order.
    pub const EXCHANGE: [Self; 6] =
        [Self::Observe, Self::Prompt, Self::Exchange, Self::Decide, Self::Update, Self::Settle];

    /// Every phase, in order.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Announce,
        Self::Observe,
        Self::Prompt,
        Self::Exchange,
        Self::Decide,
        Self::Update,
        Self::Settle,
        Self::Resolve,
    ];
}
