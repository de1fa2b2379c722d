//! Letters: from one agent to another, delivered in the next exchange, by recipient, sender and sequence.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::record::{Column, ColumnSpec, Columns};
use throng_engine::reduce::Reduction;
use throng_engine::{
    AgentId, AgentRange, Exchanges, Invariant, Mesh, Phase, Population, Round, Simulation, Tables,
    check,
};

use super::Message;
use crate::environment::{AttributeSystems, Happening, Happenings, ListenSystems};
use crate::rows::each_in_order;

/// What happens to letters that a full mailbox cannot take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The letters that come last are lost.
    #[default]
    DropNewest,
    /// The letters that came first are lost.
    DropOldest,
    /// The run fails.
    Fail,
}

/// The bounds of letters; what goes beyond them is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailRules {
    /// Letters that an agent may send in an exchange; later ones are not sent.
    pub outbox_max: u32,
    /// Letters that an agent may receive in an exchange.
    pub mailbox_max: u32,
    /// What happens to the others.
    pub overflow: Overflow,
}

impl Default for MailRules {
    fn default() -> Self {
        Self { outbox_max: 64, mailbox_max: 1_024, overflow: Overflow::DropNewest }
    }
}

/// The letters that an agent sends in this exchange.
#[derive(Component, Clone, Debug)]
pub struct Outbox<M: Message> {
    letters: Vec<(AgentId, M)>,
}

impl<M: Message> Default for Outbox<M> {
    fn default() -> Self {
        Self { letters: Vec::new() }
    }
}

impl<M: Message> Outbox<M> {
    /// Sends a letter, to be delivered in the next exchange. Agents may write to themselves.
    pub fn send(&mut self, to: AgentId, body: M) {
        self.letters.push((to, body));
    }
}

/// Who wrote a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sender {
    /// The run itself, through a listener.
    World,
    /// An agent.
    Agent(AgentId),
}

/// A letter on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter<M> {
    /// Who wrote it.
    pub from: Sender,
    /// Whom it is for.
    pub to: AgentId,
    /// What it says.
    pub body: M,
}

/// What became of the letters of a world's agents: `sent` is the sum of the others over all worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailCounts {
    /// Letters written.
    pub sent: u64,
    /// Letters in mailboxes.
    pub delivered: u64,
    /// Letters lost since the mailbox was full.
    pub overflowed: u64,
    /// Letters not sent since the sender had written too many.
    pub unsent: u64,
    /// Letters to agents that do not exist.
    pub unknown: u64,
}

impl Reduction for MailCounts {
    fn merge(&mut self, later: &Self) {
        self.sent += later.sent;
        self.delivered += later.delivered;
        self.overflowed += later.overflowed;
        self.unsent += later.unsent;
        self.unknown += later.unknown;
    }
}

/// The mailboxes of this world's agents, filled anew in every exchange.
#[derive(Resource, Debug)]
pub struct Mail<M: Message> {
    rules: MailRules,
    range: AgentRange,
    /// All letters received, by sender and sequence.
    letters: Vec<Letter<M>>,
    /// Places of letters, by recipient and then as above.
    order: Vec<u32>,
    /// Where each mailbox begins and ends in the order.
    boxes: Vec<(u32, u32)>,
    /// Letters of the run itself, for the next exchange.
    own: Vec<Letter<M>>,
    counts: MailCounts,
    /// The first agent of each world.
    starts: Vec<u64>,
}

impl<M: Message> Mail<M> {
    /// The letters of an agent, by sender and sequence; those of the run itself come first.
    ///
    /// # Panics
    /// If the agent does not live in this world.
    pub fn mailbox(&self, agent: AgentId) -> impl ExactSizeIterator<Item = &Letter<M>> + Clone {
        let (start, end) = self.boxes.get(self.range.offset(agent)).copied().unwrap_or_default();
        self.order[start as usize..end as usize].iter().map(|&place| &self.letters[place as usize])
    }

    /// What became of the letters of this exchange in all worlds.
    pub const fn counts(&self) -> MailCounts {
        self.counts
    }

    /// Writes to an agent in the name of the run itself. Listeners do, and the same ones in all worlds: each
    /// world delivers to its own agents.
    pub fn write(&mut self, to: AgentId, body: M) {
        self.own.push(Letter { from: Sender::World, to, body });
    }

    /// Sorts the letters into mailboxes by a counting pass, which keeps their order within each.
    fn sort(&mut self) -> Result<u64, BevyError> {
        let mut ends = vec![0_u32; self.range.len()];
        let range = self.range;
        self.letters.iter().for_each(|letter| ends[range.offset(letter.to)] += 1);
        let mut sum = 0;
        self.boxes.clear();
        for end in &mut ends {
            let start = sum;
            sum += std::mem::replace(end, start);
            self.boxes.push((start, sum));
        }
        self.order.clear();
        self.order.resize(self.letters.len(), 0);
        for (letter, place) in self.letters.iter().zip(0..) {
            let next = &mut ends[range.offset(letter.to)];
            self.order[*next as usize] = place;
            *next += 1;
        }
        self.bound()
    }

    /// Keeps every mailbox to its bound and returns how many letters were lost.
    fn bound(&mut self) -> Result<u64, BevyError> {
        let max = self.rules.mailbox_max;
        let mut lost = 0;
        for (place, (start, end)) in self.boxes.iter_mut().enumerate() {
            let over = (*end - *start).saturating_sub(max);
            lost += u64::from(over);
            match self.rules.overflow {
                Overflow::DropNewest => *end -= over,
                Overflow::DropOldest => *start += over,
                Overflow::Fail if over > 0 => {
                    let agent = self.range.start + place as u64;
                    let count = max + over;
                    return Err(format!(
                        "agent {agent} gets {count} letters, and its mailbox takes {max}"
                    )
                    .into());
                }
                Overflow::Fail => (),
            }
        }
        Ok(lost)
    }
}

/// The systems of Observe that deliver letters; what reads them runs after.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverSystems;

/// Letters, as an extension of the simulation.
pub trait Letters {
    /// Lets agents send letters of this kind.
    fn letters<M: Message>(&mut self, rules: MailRules) -> &mut Self;
    /// Tells listeners who has received letters of this kind, under a name; see
    /// [`crate::environment::Trigger::Received`].
    fn announces_letters<M: Message>(&mut self, letters: &'static str) -> &mut Self;
    /// Keeps the delivered letters of this kind as a table of every round; `agent` received the letter.
    fn keeps_letters<M: Message + Columns>(&mut self, table: &'static str) -> &mut Self;
}

impl Letters for Simulation {
    fn letters<M: Message>(&mut self, rules: MailRules) -> &mut Self {
        let range = self.resource::<Population>().range;
        let mail = Mail::<M> {
            rules,
            range,
            letters: Vec::new(),
            order: Vec::new(),
            boxes: Vec::new(),
            own: Vec::new(),
            counts: MailCounts::default(),
            starts: Vec::new(),
        };
        self.insert_resource(mail)
            .carries::<Outbox<M>>()
            .add_systems(Phase::Observe, deliver::<M>.in_set(DeliverSystems))
    }

    fn announces_letters<M: Message>(&mut self, letters: &'static str) -> &mut Self {
        let announce =
            move |mesh: Res<Mesh>, mail: Res<Mail<M>>, mut events: ResMut<Happenings>| {
                let found = mail.range.agents().filter(|agent| mail.mailbox(*agent).len() > 0);
                for agent in mesh.gather(found.collect::<Vec<_>>())?.into_iter().flatten() {
                    events.note(Happening::Received { agent, letters });
                }
                Ok::<(), BevyError>(())
            };
        // What is noted is sorted before anyone hears of it, so that the order of kinds does not matter.
        let announce = announce.in_set(AnnounceSystems).ambiguous_with(AnnounceSystems);
        let before = announce.ambiguous_with(AttributeSystems).before(ListenSystems);
        self.init_resource::<Happenings>().add_systems(Phase::Settle, before)
    }

    fn keeps_letters<M: Message + Columns>(&mut self, table: &'static str) -> &mut Self {
        let keep = move |round: Res<Round>,
                         exchanges: Res<Exchanges>,
                         mail: Res<Mail<M>>,
                         mut tables: ResMut<Tables>| {
            let exchange = exchanges.current();
            let letters = mail.range.agents().flat_map(|agent| mail.mailbox(agent));
            let rows: Vec<_> = letters
                .map(|letter| (letter.to, Kept { exchange, letter: letter.clone() }))
                .collect();
            tables.extend(table, *round, &rows);
        };
        self.keeps::<Kept<M>>(table).add_systems(
            Phase::Observe,
            keep.after(DeliverSystems).in_set(KeepSystems).ambiguous_with(KeepSystems),
        )
    }
}

/// The systems that tell listeners of letters.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct AnnounceSystems;

/// The systems that write tables of what was delivered or posted; they only add rows.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeepSystems;

/// A letter as a row.
struct Kept<M> {
    exchange: u32,
    letter: Letter<M>,
}

impl<M: Columns> Columns for Kept<M> {
    fn columns() -> Vec<ColumnSpec> {
        let mut columns = vec![
            ColumnSpec::of::<u32>("exchange", "The exchange in which it was delivered, from 0."),
            ColumnSpec::of::<Option<AgentId>>("from", "Who wrote it; missing for the run itself."),
        ];
        columns.extend(M::columns());
        columns
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column])
    where
        M: 'a,
    {
        let (own, body) = columns.split_at_mut(2);
        for row in rows {
            let from = row.and_then(|row| match row.letter.from {
                Sender::World => None,
                Sender::Agent(agent) => Some(agent),
            });
            own[0].extend(std::iter::once(row.map(|row| &row.exchange)));
            own[1].extend(std::iter::once(Some(&from)));
            M::extend(std::iter::once(row.map(|row| &row.letter.body)), body);
        }
    }
}

/// Takes the letters out of all outboxes and into the recipients' mailboxes, across all worlds.
fn deliver<M: Message>(
    (mesh, population): (Res<Mesh>, Res<Population>),
    mut mail: ResMut<Mail<M>>,
    mut writers: Query<(&AgentId, &mut Outbox<M>)>,
) -> Result<(), BevyError> {
    let mail = &mut *mail;
    if mail.starts.is_empty() {
        mail.starts = mesh.gather(population.range.start)?;
    }
    let mut counts = MailCounts::default();
    let mut parcels: Vec<Vec<Letter<M>>> = vec![Vec::new(); mail.starts.len()];
    for (ids, mut outboxes) in writers.contiguous_iter_mut()? {
        let outboxes = outboxes.bypass_change_detection();
        each_in_order(ids, |row| {
            let letters = &mut outboxes[row].letters;
            counts.sent += letters.len() as u64;
            let sent = letters.len().min(mail.rules.outbox_max as usize);
            counts.unsent += (letters.len() - sent) as u64;
            letters.truncate(sent);
            for (to, body) in letters.drain(..) {
                if u64::from(to.0) >= population.size {
                    counts.unknown += 1;
                    continue;
                }
                let rank = mail.starts.partition_point(|start| *start <= u64::from(to.0)) - 1;
                parcels[rank].push(Letter { from: Sender::Agent(ids[row]), to, body });
            }
        });
    }
    let range = mail.range.to_range();
    let own = mail.own.drain(..).filter(|letter| range.contains(&u64::from(letter.to.0)));
    mail.letters = own.collect();
    let of_run = mail.letters.len() as u64;
    counts.sent += of_run;
    mail.letters.extend(mesh.exchange(parcels)?.into_iter().flatten());
    counts.overflowed = mail.sort()?;
    counts.delivered = mail.letters.len() as u64 - counts.overflowed;
    mail.counts = mesh.total(counts)?;
    let MailCounts { sent, delivered, overflowed, unsent, unknown } = mail.counts;
    check(
        Invariant::LettersAreConserved,
        sent == delivered + overflowed + unsent + unknown,
        || format!("{:?}", mail.counts),
    )?;
    Ok(())
}
