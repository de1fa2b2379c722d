//! What a host decides, from what it has read in the ledger and heard of its peers: without clock, socket or file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::layout::Load;
use crate::ledger::{Entry, Generation, Ledger, LedgerError};
use crate::member::{Member, Name};

/// How long a host waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For word from a host whose connection closed, before the next generation does without it.
    pub grace: Duration,
    /// For more hosts, once there are enough to begin.
    pub settle: Duration,
    /// For a sign of life of a generation that this host is no member of, before it may be replaced.
    pub silence: Duration,
    /// Until two hosts that could not connect to each other are tried again.
    pub forgive: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            grace: Duration::from_millis(500),
            settle: Duration::from_millis(500),
            silence: Duration::from_secs(10),
            forgive: Duration::from_secs(30),
        }
    }
}

/// What a host is doing, as it tells the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In no mesh, ready for a generation.
    Idle,
    /// In a generation, or connecting to it.
    Playing,
    /// Wants to take part no more.
    Leaving,
}

/// What a host tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// The generation that it plays, or else the last one that it has ended.
    pub generation: u64,
    /// Which ledger it reads.
    pub nonce: u64,
    /// Hosts to which it could not connect.
    pub cut_off: Vec<Name>,
}

/// A host as another one sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub member: Member,
    /// The verdict of the failure detector.
    pub alive: bool,
    /// What it said last.
    pub status: Status,
}

/// All hosts heard of, each once, in its latest life; the one that looks may be among them.
pub type View<'a> = &'a [Peer];

/// What a host should do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until it hears more.
    Wait,
    /// Write this generation into the next place of the ledger.
    Propose(Generation),
    /// Connect to the members of this generation and play.
    Join(Generation),
    /// End the mesh of this generation.
    Abort(u64),
    /// The run has ended.
    Over,
    /// It may end: it wanted to leave, and plays nothing.
    Left,
    /// A later process of its name lives.
    Superseded,
    /// That host reads another ledger.
    NotShared(Name),
}

/// One host's knowledge, and its decisions.
#[derive(Debug, Clone)]
pub struct Node {
    me: Member,
    /// Fewest hosts of a generation. More than half of all keeps the smaller part of a divided network still.
    min: usize,
    patience: Patience,
    ledger: Ledger,
    playing: Option<u64>,
    ended: u64,
    ended_at: Duration,
    suspects: BTreeSet<Name>,
    cut_off: BTreeMap<Name, Duration>,
    enough_since: Option<Duration>,
    last_sign: Duration,
    beat: Option<Vec<u8>>,
    leaving: bool,
}

impl Node {
    /// A host that has read nothing yet; `now` counts from any moment of its own.
    pub fn new(me: Member, min: usize, patience: Patience, now: Duration) -> Self {
        Self::with_load(me, min, patience, (Load::default(), now))
    }

    /// As [`Self::new`], for a run whose agents do not all cost the same.
    pub fn with_load(
        me: Member,
        min: usize,
        patience: Patience,
        (load, now): (Load, Duration),
    ) -> Self {
        Self {
            me,
            min: min.max(1),
            patience,
            ledger: Ledger::with_load(load),
            playing: None,
            ended: 0,
            ended_at: now,
            suspects: BTreeSet::new(),
            cut_off: BTreeMap::new(),
            enough_since: None,
            last_sign: now,
            beat: None,
            leaving: false,
        }
    }

    /// What it has read.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Who it is.
    pub const fn me(&self) -> &Member {
        &self.me
    }

    /// Takes the next entry of the ledger.
    ///
    /// # Errors
    /// Where the entry cannot follow.
    pub fn learn(&mut self, entry: &Entry, now: Duration) -> Result<(), LedgerError> {
        self.ledger.learn(entry)?;
        self.last_sign = now;
        Ok(())
    }

    /// Takes the beat that the generation leaves in the store. One that cannot be read is a sign of life, too:
    /// somebody writes it.
    pub fn saw_beat(&mut self, beat: Option<&[u8]>, now: Duration) {
        if beat.is_none() || beat != self.beat.as_deref() {
            self.beat = beat.map(<[u8]>::to_vec);
            self.last_sign = now;
        }
    }

    /// The mesh of a generation has ended; `suspects` closed their connections.
    pub fn mesh_ended(&mut self, suspects: &[Name], now: Duration) {
        self.ended = self.ended.max(self.playing.take().unwrap_or(0));
        self.ended_at = now;
        self.enough_since = None;
        self.suspects = suspects.iter().cloned().collect();
    }

    /// The mesh of a generation did not come up, since these could not be reached.
    pub fn mesh_failed(&mut self, unreached: &[Name], now: Duration) {
        self.mesh_ended(&[], now);
        self.cut_off.extend(unreached.iter().map(|name| (name.clone(), now)));
    }

    /// The mesh of the generation stands.
    pub fn mesh_stands(&mut self) {
        self.cut_off.clear();
    }

    /// Takes part until the round ends, and no longer.
    pub const fn leave(&mut self) {
        self.leaving = true;
    }

    /// What the others should know.
    pub fn status(&self) -> Status {
        let phase = match (self.leaving, self.playing) {
            (true, _) => Phase::Leaving,
            (false, Some(_)) => Phase::Playing,
            (false, None) => Phase::Idle,
        };
        Status {
            phase,
            generation: self.playing.unwrap_or(self.ended),
            nonce: self.ledger.opening().map_or(0, |opening| opening.nonce),
            cut_off: self.cut_off.keys().cloned().collect(),
        }
    }

    /// What to do next.
    pub fn decide(&mut self, now: Duration, view: View<'_>) -> Action {
        self.cut_off.retain(|_, since| now.saturating_sub(*since) < self.patience.forgive);
        if self.ledger.is_over() {
            return Action::Over;
        }
        if view.iter().any(|peer| peer.alive && self.is_superseded_by(&peer.member)) {
            return Action::Superseded;
        }
        if let Some(stranger) = view.iter().find(|peer| self.is_stranger(peer)) {
            return Action::NotShared(stranger.member.name.clone());
        }
        match self.playing {
            Some(generation) => self.while_playing(generation, view),
            None => self.while_idle(now, view),
        }
    }

    /// Whether the round's end is the moment for another generation: somebody wants in, or out.
    pub fn wants_boundary(&self, view: View<'_>) -> bool {
        let Some(current) = self.ledger.generation() else { return false };
        let leaves =
            |peer: &Peer| peer.status.phase == Phase::Leaving && self.is_inside(&peer.member);
        if self.leaving || view.iter().any(leaves) {
            return true;
        }
        let room = current.members.len() < self.ledger.places();
        let cut_off = |peer: &Peer| {
            current.members.iter().any(|member| self.are_cut_off(view, member, &peer.member))
        };
        room && view
            .iter()
            .any(|peer| self.is_ready(peer) && !self.is_inside(&peer.member) && !cut_off(peer))
    }

    fn is_me(&self, member: &Member) -> bool {
        self.me.is(member)
    }

    fn is_superseded_by(&self, member: &Member) -> bool {
        member.name == self.me.name && member.incarnation > self.me.incarnation
    }

    /// A living host that reads another ledger, which has come further: of the two it is this host that must go.
    /// While neither has played anything, the doors tell which of them was there first.
    fn is_stranger(&self, peer: &Peer) -> bool {
        let mine = self.ledger.opening().map_or(0, |opening| opening.nonce);
        let theirs = peer.status.nonce;
        let differs = peer.alive && mine != 0 && theirs != 0 && theirs != mine;
        let come = self.ledger.generation().map_or(0, |generation| generation.id);
        differs && peer.status.generation > 0 && (peer.status.generation, theirs) > (come, mine)
    }

    /// A living host that reads this ledger and waits for a generation.
    fn is_ready(&self, peer: &Peer) -> bool {
        let mine = self.ledger.opening().map(|opening| opening.nonce);
        let (alive, idle) = (peer.alive, peer.status.phase == Phase::Idle);
        // An earlier life of this host may still count as alive.
        let other = peer.member.name != self.me.name;
        alive && idle && mine == Some(peer.status.nonce) && other
    }

    fn while_playing(&self, generation: u64, view: View<'_>) -> Action {
        let replaced = self.ledger.generation().is_some_and(|current| current.id > generation);
        if replaced || view.iter().any(|peer| self.has_gone(peer, generation)) {
            return Action::Abort(generation);
        }
        Action::Wait
    }

    /// Whether a member of the generation lives no more, or not in its mesh.
    fn has_gone(&self, peer: &Peer, generation: u64) -> bool {
        let Status { phase, generation: theirs, .. } = peer.status;
        if peer.alive && phase == Phase::Playing && theirs == generation {
            return false;
        }
        let Some((incarnation, _)) = self.ledger.seat_of(&peer.member.name) else { return false };
        let restarted = peer.member.incarnation > incarnation;
        let has_ended = phase == Phase::Idle && theirs >= generation;
        let same = peer.member.incarnation == incarnation;
        !self.is_me(&peer.member) && (restarted || (same && (!peer.alive || has_ended)))
    }

    fn while_idle(&mut self, now: Duration, view: View<'_>) -> Action {
        if self.leaving {
            return Action::Left;
        }
        if self.ledger.is_empty() {
            return Action::Wait;
        }
        let current = self.ledger.generation();
        if let Some(next) = current.filter(|g| g.id > self.ended && self.is_inside(&self.me)) {
            let next = next.clone();
            self.playing = Some(next.id);
            self.suspects.clear();
            return Action::Join(next);
        }
        if !self.may_lead(now, view) {
            self.enough_since = None;
            return Action::Wait;
        }
        self.propose(now, view)
    }

    /// Whether it is this host that writes the next generation, and everybody it should wait for has spoken.
    fn may_lead(&self, now: Duration, view: View<'_>) -> bool {
        let awaited = |peer: &Peer| self.is_awaited(peer, now) && self.is_inside(&peer.member);
        if view.iter().any(awaited) {
            return false;
        }
        let mut ready = view.iter().filter(|peer| self.is_ready(peer)).map(|peer| &peer.member);
        if self.is_inside(&self.me) {
            // Those who have been in the generation know that it has ended; the first of them leads.
            return !ready.any(|member| member.name < self.me.name && self.is_inside(member));
        }
        let begins = self.ledger.generation().is_none();
        let quiet = now.saturating_sub(self.last_sign) >= self.patience.silence;
        let free = begins || quiet || self.is_vacated(view);
        free && !ready.any(|member| member.name < self.me.name || self.is_inside(member))
    }

    fn is_inside(&self, member: &Member) -> bool {
        self.ledger.seat(member).is_some()
    }

    /// Whether a member of the generation may yet report that it has ended it.
    fn is_awaited(&self, peer: &Peer, now: Duration) -> bool {
        let waited = now.saturating_sub(self.ended_at) >= self.patience.grace;
        let given_up = waited && self.suspects.contains(&peer.member.name);
        let playing = peer.status.phase == Phase::Playing;
        !self.is_me(&peer.member) && peer.alive && playing && !given_up
    }

    /// Whether every member is known to have been started again.
    fn is_vacated(&self, view: View<'_>) -> bool {
        let restarted = |member: &Member| {
            self.ledger.seat_of(&member.name).is_some_and(|(life, _)| member.incarnation > life)
        };
        let peers =
            view.iter().map(|peer| &peer.member).filter(|member| member.name != self.me.name);
        let restarted = peers.chain([&self.me]).filter(|member| restarted(member)).count();
        restarted == self.ledger.generation().map_or(0, |current| current.members.len())
    }

    fn propose(&mut self, now: Duration, view: View<'_>) -> Action {
        let chosen = self.choose(view);
        if chosen.len() < self.min {
            self.enough_since = None;
            return Action::Wait;
        }
        let since = *self.enough_since.get_or_insert(now);
        if !self.is_inside(&self.me) && now.saturating_sub(since) < self.patience.settle {
            return Action::Wait;
        }
        self.ledger.plan(&chosen).map_or(Action::Wait, Action::Propose)
    }

    /// The hosts of the next generation: of those that are ready, the most that can all reach each other.
    fn choose(&self, view: View<'_>) -> Vec<Member> {
        let ready = view.iter().filter(|peer| self.is_ready(peer)).map(|peer| &peer.member);
        let mut ready: Vec<&Member> = ready.chain([&self.me]).collect();
        ready.sort();
        let connected = self.cut_off.is_empty()
            && view.iter().all(|peer| !self.is_ready(peer) || peer.status.cut_off.is_empty());
        if connected {
            return ready.into_iter().cloned().collect();
        }
        let mut best: Vec<&Member> = Vec::new();
        for first in 0..ready.len() {
            let mut chosen: Vec<&Member> = Vec::new();
            for &member in ready[first..].iter().chain(&ready[..first]) {
                if chosen.iter().all(|other| !self.are_cut_off(view, other, member)) {
                    chosen.push(member);
                }
            }
            if chosen.len() > best.len() {
                best = chosen;
            }
        }
        best.into_iter().cloned().collect()
    }

    /// Whether one of the two could not reach the other.
    fn are_cut_off(&self, view: View<'_>, one: &Member, other: &Member) -> bool {
        let misses = |member: &Member, missed: &Name| {
            if self.is_me(member) {
                return self.cut_off.contains_key(missed);
            }
            let mut peers = view.iter().filter(|peer| peer.member.is(member));
            peers.any(|peer| peer.status.cut_off.contains(missed))
        };
        misses(one, &other.name) || misses(other, &one.name)
    }
}

#[cfg(test)]
mod tests;
