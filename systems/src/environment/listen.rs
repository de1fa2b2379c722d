//! Listeners: systems that react to what happened, in a fixed order, with a bound on how far reactions go.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemId;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use throng_engine::{AgentId, Mesh, Phase, Simulation};

use super::attribute::{AttributeSystems, Watched};
use super::tree::{EnvironmentId, Environments, Within};
use crate::ShowSystems;
use crate::network::TieSystems;
use crate::rows::each_in_order;
use crate::space::LatticeSystems;
use crate::timeline::{Clock, DAY, Moment};

/// Generations of reactions in one exchange: an event is the first one, what listeners cause is the next.
pub const CASCADE_MAX: usize = 32;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// An environment has another value of an attribute.
    Changed {
        /// The environment.
        environment: EnvironmentId,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An agent left a place or group.
    Left {
        /// The agent.
        agent: AgentId,
        /// What it left.
        place: EnvironmentId,
    },
    /// An agent entered a place or group.
    Entered {
        /// The agent.
        agent: AgentId,
        /// What it entered.
        place: EnvironmentId,
    },
    /// An agent has found letters in its mailbox.
    Received {
        /// The agent.
        agent: AgentId,
        /// The name under which these letters are announced.
        letters: &'static str,
    },
    /// A time has come.
    Time(Moment),
}

/// What a listener waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Changes of the attribute with this name, in any environment.
    Change(&'static str),
    /// Agents that leave this place, or any.
    Left(Option<EnvironmentId>),
    /// Agents that arrive at this place, or any.
    Entered(Option<EnvironmentId>),
    /// Letters that are announced under this name, for each agent that has received some.
    Received(&'static str),
    /// The first round at or after this time.
    Time(Moment),
    /// Every day at this time, in seconds since midnight, in the first round at or after it.
    Daily(i64),
}

impl Trigger {
    fn meets(self, event: Happening) -> bool {
        match (self, event) {
            (Self::Change(name), Happening::Changed { attribute, .. }) => name == attribute,
            (Self::Left(wanted), Happening::Left { place, .. })
            | (Self::Entered(wanted), Happening::Entered { place, .. }) => {
                wanted.is_none_or(|wanted| wanted == place)
            }
            (Self::Received(name), Happening::Received { letters, .. }) => name == letters,
            (Self::Time(time), Happening::Time(now)) => time == now,
            (Self::Daily(time), Happening::Time(now)) => time == now.time_of_day(),
            _ => false,
        }
    }
}

/// The events that no listener has heard of yet; nothing is kept where nobody listens.
#[derive(Resource, Debug, Default)]
pub(crate) struct Happenings {
    waiting: Vec<Happening>,
    listened: bool,
}

impl Happenings {
    pub(crate) fn note(&mut self, event: Happening) {
        if self.listened {
            self.waiting.push(event);
        }
    }
}

/// Listeners that set each other off without end.
#[derive(Clone, Debug, Error)]
#[error(
    "listeners have set each other off {CASCADE_MAX} times in one exchange, the last time listener `{listener}` \
     by {event:?}; let one of them change nothing once its work is done"
)]
pub struct EndlessCascade {
    /// The listener that was to run next.
    pub listener: &'static str,
    /// What set it off.
    pub event: Happening,
}

/// A listener: its name, what it waits for, and what it does.
#[derive(Clone, Debug)]
struct Listener {
    name: &'static str,
    trigger: Trigger,
    react: SystemId<In<Happening>, ()>,
    /// For a time that has not come yet.
    pending: bool,
}

#[derive(Resource, Debug, Default)]
struct Listeners {
    all: Vec<Listener>,
    /// When times were last looked at.
    looked: Option<Moment>,
}

/// The place that an agent was in when its moves were last looked at.
#[derive(Component, Clone, Copy, Debug, Default)]
struct Before(Option<EnvironmentId>);

/// The systems of Settle in which listeners react.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenSystems;

/// Listening, as an extension of the simulation.
pub trait Listen {
    /// Runs a system for each event that meets the trigger, after Update, before the exchange ends.
    ///
    /// Happenings are ordered by kind (changes, leaving, entering, letters, times), then by environment or agent;
    /// for each one listeners run in the order in which they were added. Listeners run in every world for all events, so they may change environments,
    /// wake agents through [`crate::timeline::Wakes`] and write through [`crate::mail::Mail`], but read agents
    /// only through what all worlds know.
    fn listen<M>(
        &mut self,
        name: &'static str,
        trigger: Trigger,
        react: impl IntoSystem<In<Happening>, (), M> + 'static,
    ) -> &mut Self;
}

impl Listen for Simulation {
    fn listen<M>(
        &mut self,
        name: &'static str,
        trigger: Trigger,
        react: impl IntoSystem<In<Happening>, (), M> + 'static,
    ) -> &mut Self {
        let first = self.get_resource::<Listeners>().is_none();
        if first {
            self.init_resource::<Listeners>()
                .init_resource::<Happenings>()
                .init_resource::<Watched>();
            self.world_mut().resource_mut::<Happenings>().listened = true;
            self.carries::<Within>().carries::<Before>();
            self.add_systems(
                Phase::Settle,
                (notice_times, notice_moves, react_to_all)
                    .chain()
                    .in_set(ListenSystems)
                    .after(AttributeSystems)
                    .after(TieSystems)
                    .after(LatticeSystems)
                    .after(ShowSystems),
            );
        }
        let react = self.world_mut().register_system(react);
        let pending = matches!(trigger, Trigger::Time(_));
        let mut listeners = self.world_mut().resource_mut::<Listeners>();
        listeners.all.push(Listener { name, trigger, react, pending });
        self
    }
}

/// Notes the times that have come since they were last looked at.
fn notice_times(
    clock: Option<Res<Clock>>,
    mut listeners: ResMut<Listeners>,
    mut events: ResMut<Happenings>,
) {
    let Some(clock) = clock else { return };
    let now = clock.now();
    let since = listeners.looked.replace(now).unwrap_or(clock.start() + -1);
    let mut come = Vec::new();
    for listener in &mut listeners.all {
        match listener.trigger {
            Trigger::Time(time) if listener.pending && time <= now => {
                listener.pending = false;
                come.push(time);
            }
            Trigger::Daily(time) => come.extend(daily(time, since, now)),
            _ => (),
        }
    }
    come.sort_unstable();
    come.dedup();
    come.into_iter().for_each(|time| events.note(Happening::Time(time)));
}

/// The last moment after `since` and until `now` that has this time of day: days without a round pass unnoticed.
fn daily(time: i64, since: Moment, now: Moment) -> Option<Moment> {
    let today = now.midnight() + time;
    let last = if today <= now { today } else { today + -DAY };
    (last > since).then_some(last)
}

/// A move as it is sent between worlds.
#[derive(Serialize, Deserialize)]
struct Move {
    agent: AgentId,
    from: Option<EnvironmentId>,
    to: EnvironmentId,
}

/// Finds out who is somewhere else than before. Whoever goes from one room of a house to another leaves a room
/// and enters one, and neither leaves nor enters the house.
fn notice_moves(
    (mesh, environments): (Res<Mesh>, Option<Res<Environments>>),
    listeners: Res<Listeners>,
    mut events: ResMut<Happenings>,
    mut agents: Query<(&AgentId, &Within, &mut Before)>,
) -> Result<(), BevyError> {
    let about_moves =
        |listener: &Listener| matches!(listener.trigger, Trigger::Left(_) | Trigger::Entered(_));
    if !listeners.all.iter().any(about_moves) {
        return Ok(());
    }
    let mut moves = Vec::new();
    for (ids, within, mut before) in agents.contiguous_iter_mut()? {
        let before = before.bypass_change_detection();
        each_in_order(ids, |row| {
            let (from, to) = (before[row].0, within[row].0);
            if from != Some(to) {
                moves.push(Move { agent: ids[row], from, to });
                before[row].0 = Some(to);
            }
        });
    }
    let around = |place: EnvironmentId| {
        let known = environments.iter().flat_map(move |all| all.around(place));
        // A place that is no environment has nothing around it.
        let alone = environments.as_ref().is_none_or(|all| !all.has(place)).then_some(place);
        known.chain(alone)
    };
    for Move { agent, from, to } in mesh.gather(moves)?.into_iter().flatten() {
        let before = || from.into_iter().flat_map(around);
        for place in before().filter(|place| around(to).all(|other| other != *place)) {
            events.note(Happening::Left { agent, place });
        }
        for place in around(to).filter(|place| before().all(|other| other != *place)) {
            events.note(Happening::Entered { agent, place });
        }
    }
    Ok(())
}

/// Lets listeners react until nothing new happens.
fn react_to_all(world: &mut World) -> Result<(), BevyError> {
    for generation in 0.. {
        let watched = world.resource::<Watched>().refresh.clone();
        for refresh in watched {
            refresh(world)?;
        }
        let mut events = std::mem::take(&mut world.resource_mut::<Happenings>().waiting);
        events.sort();
        let listeners = world.resource::<Listeners>().all.clone();
        let mut reacted = false;
        for event in events {
            for listener in listeners.iter().filter(|listener| listener.trigger.meets(event)) {
                if generation == CASCADE_MAX {
                    return Err(EndlessCascade { listener: listener.name, event }.into());
                }
                world.run_system_with(listener.react, event)?;
                reacted = true;
            }
        }
        if !reacted {
            break;
        }
    }
    Ok(())
}
