//! The run's history as hosts agree on it: one sequence of generations and commits, in which each place is taken once.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use throng_engine::AgentRange;

use crate::layout::{Layout, Load, Owner, arrange, blocks};
use crate::member::{Member, Name};

/// Most hosts of a generation.
pub const HOSTS_MAX: usize = 4_096;
/// Shard numbers, by which files are named.
const SHARDS_MAX: u64 = 10_000;
/// Rounds that a generation may have begun to write and not committed: one that waits for its commit, and the next.
const ROUNDS_AHEAD: u32 = 2;

/// One place of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Which place, from 0.
    pub position: u64,
    /// Names the attempt: who retries recognises an entry of its own by it.
    pub attempt: String,
    /// What happened.
    pub event: Event,
}

/// What happens to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run begins; always at place 0.
    Opening(Opening),
    /// A list of hosts plays from here on, and no earlier one.
    Generation(Generation),
    /// A round is part of the run.
    Commit(Commit),
}

/// What all hosts must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// A number of this ledger alone; hosts that see another one see another store.
    pub nonce: u64,
    /// Digest of program and configuration.
    pub digest: String,
    /// Agents.
    pub agents: u64,
}

/// A fixed list of hosts with one mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// From 1.
    pub id: u64,
    /// The hosts by rank.
    pub members: Vec<Member>,
    /// Their ranges, by rank.
    pub layout: Layout,
    /// The shard number of rank 0's files; those of other ranks follow.
    pub first_shard: u32,
}

/// A round that every member of the generation has played and written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Who played it.
    pub generation: u64,
    /// The round; 0 is the population before anything was played.
    pub round: u32,
    /// The caller's record, as text: numbers in it come back as they were written.
    pub record: String,
    /// Whether the run ends with this round.
    pub last: bool,
}

/// An entry that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("entry {position} of the ledger cannot follow those before it: {problem}")]
pub struct LedgerError {
    /// Its place.
    pub position: u64,
    /// Why.
    pub problem: String,
}

/// The ledger as far as it has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    opening: Option<Opening>,
    generation: Option<Generation>,
    /// Its members by name, with incarnation and rank.
    seats: Vec<(Name, u64, usize)>,
    /// The last commit before the generation began: where all its members start.
    resume: Option<Commit>,
    committed: Option<Commit>,
    len: u64,
    /// Shard numbers, from and to, of generations whose files could have the names of the next one's.
    taken: Vec<(u64, u64)>,
    load: Load,
}

impl Ledger {
    /// A ledger of which nothing has been read, of a run with this load; all hosts know the same.
    pub fn with_load(load: Load) -> Self {
        Self { load, ..Self::default() }
    }

    /// Entries read; also the next place.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the run has not begun.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What all hosts agree on.
    pub const fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// The generation that may commit.
    pub const fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// The rank of a process in the current generation; none for another life of the same name.
    pub fn seat(&self, host: &Member) -> Option<usize> {
        let (incarnation, rank) = self.seat_of(&host.name)?;
        (incarnation == host.incarnation).then_some(rank)
    }

    /// The incarnation and rank of the member of that name in the current generation.
    pub fn seat_of(&self, name: &Name) -> Option<(u64, usize)> {
        let place = self.seats.binary_search_by(|(other, _, _)| other.cmp(name)).ok()?;
        let (_, incarnation, rank) = &self.seats[place];
        Some((*incarnation, *rank))
    }

    /// The last committed round.
    pub const fn committed(&self) -> Option<&Commit> {
        self.committed.as_ref()
    }

    /// The commit from which the current generation starts. It is read off the generation's place, not
    /// looked for: a member that looks later sees the same one.
    pub const fn resume(&self) -> Option<&Commit> {
        self.resume.as_ref()
    }

    /// Whether the run has ended.
    pub fn is_over(&self) -> bool {
        self.committed.as_ref().is_some_and(|commit| commit.last)
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`LedgerError`] where it cannot follow; the ledger is then as it was.
    pub fn learn(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let fail = |problem| Err(LedgerError { position: entry.position, problem });
        if entry.position != self.len {
            return fail(format!("the next place is {}", self.len));
        }
        if self.is_over() {
            return fail("the run has ended".to_owned());
        }
        let checked = match &entry.event {
            Event::Opening(opening) => self.open(opening),
            Event::Generation(generation) => self.begin(generation),
            Event::Commit(commit) => self.commit(commit),
        };
        checked.or_else(fail)?;
        self.len += 1;
        Ok(())
    }

    fn open(&mut self, opening: &Opening) -> Result<(), String> {
        if self.opening.is_some() {
            return Err("the run has begun already".to_owned());
        }
        if opening.agents == 0 {
            return Err("a run without agents".to_owned());
        }
        self.opening = Some(opening.clone());
        Ok(())
    }

    fn begin(&mut self, next: &Generation) -> Result<(), String> {
        let opening = self.opening.as_ref().ok_or("the run has not begun")?;
        let expected = self.generation.as_ref().map_or(1, |generation| generation.id + 1);
        if next.id != expected {
            return Err(format!("it is generation {}, and {expected} is next", next.id));
        }
        let hosts = next.members.len();
        if hosts == 0 || hosts > HOSTS_MAX || hosts != next.layout.len() {
            return Err(format!("{hosts} hosts share {} ranges", next.layout.len()));
        }
        if seats(next).windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("a host takes part twice".to_owned());
        }
        if next.layout.agents() != opening.agents {
            return Err(format!("{} agents of {}", next.layout.agents(), opening.agents));
        }
        let (taken, first) = self.shards(hosts as u64);
        if u64::from(next.first_shard) != first {
            return Err(format!("its files begin with shard {}, not {first}", next.first_shard));
        }
        self.taken = taken;
        self.taken.push((first, first + hosts as u64));
        self.seats = seats(next);
        self.generation = Some(next.clone());
        self.resume = self.committed.clone();
        Ok(())
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), String> {
        let current = self.generation.as_ref().map(|generation| generation.id);
        if current != Some(commit.generation) {
            return Err(format!("generation {} has been replaced", commit.generation));
        }
        let expected = self.committed.as_ref().map_or(0, |before| before.round + 1);
        if commit.round != expected {
            return Err(format!("it is round {}, and {expected} is next", commit.round));
        }
        self.committed = Some(commit.clone());
        Ok(())
    }

    /// The generation that these hosts would be; hosts beyond the number of blocks stay out.
    ///
    /// # Errors
    /// Where the shard numbers of the run are used up.
    pub fn plan(&self, hosts: &[Member]) -> Result<Generation, LedgerError> {
        let agents = self.opening.as_ref().map_or(0, |opening| opening.agents);
        let names: Vec<Name> = hosts.iter().map(|host| host.name.clone()).collect();
        let mut order = arrange(agents, &self.load, &self.owners(), &names);
        order.truncate(HOSTS_MAX);
        let (_, first) = self.shards(order.len() as u64);
        if first + order.len() as u64 > SHARDS_MAX {
            let problem = format!(
                "the {SHARDS_MAX} shard numbers are used up by generations that committed nothing"
            );
            return Err(LedgerError { position: self.len, problem });
        }
        let find = |name| hosts.iter().find(|host| host.name == name).cloned();
        Ok(Generation {
            id: self.generation.as_ref().map_or(1, |generation| generation.id + 1),
            layout: self.load.layout(agents, order.len()),
            members: order.into_iter().filter_map(find).collect(),
            first_shard: first as u32,
        })
    }

    /// Shard numbers that the next generation of that many hosts must leave alone, and its first one.
    ///
    /// A host that was frozen may wake up and move a finished file into its place. It must not meet a file of that
    /// name, so that generations which may have written the same round share no shard number.
    fn shards(&self, hosts: u64) -> (Vec<(u64, u64)>, u64) {
        let before = self.resume.as_ref().map_or(0, |commit| commit.round + 1);
        let after = self.committed.as_ref().map_or(0, |commit| commit.round + 1);
        let clear = after - before >= ROUNDS_AHEAD;
        let from = if clear { self.taken.len().saturating_sub(1) } else { 0 };
        let taken = self.taken[from..].to_vec();
        let lowest = taken.iter().map(|(first, _)| *first).min().unwrap_or(u64::MAX);
        let highest = taken.iter().map(|(_, end)| *end).max().unwrap_or(0);
        (taken, if hosts <= lowest { 0 } else { highest })
    }

    fn owners(&self) -> Vec<Owner> {
        self.generation.as_ref().map(Generation::owners).unwrap_or_default()
    }

    /// Most hosts that can have a range of their own.
    pub fn places(&self) -> usize {
        let blocks = blocks(self.opening.as_ref().map_or(0, |opening| opening.agents));
        (blocks as usize).min(HOSTS_MAX)
    }
}

fn seats(generation: &Generation) -> Vec<(Name, u64, usize)> {
    let seat = |(rank, member): (usize, &Member)| (member.name.clone(), member.incarnation, rank);
    let mut seats: Vec<_> = generation.members.iter().enumerate().map(seat).collect();
    seats.sort();
    seats
}

impl Generation {
    /// The rank of a process; none for another life of the same name.
    pub fn rank(&self, host: &Member) -> Option<usize> {
        self.members.iter().position(|member| member.is(host))
    }

    /// The agents of a rank.
    ///
    /// # Panics
    /// If there is no such rank.
    pub fn range(&self, rank: usize) -> AgentRange {
        self.layout.range(rank)
    }

    /// The number in the names of a rank's files.
    pub const fn shard(&self, rank: usize) -> u32 {
        self.first_shard + rank as u32
    }

    fn owners(&self) -> Vec<Owner> {
        let owner = |(rank, member): (usize, &Member)| Owner {
            name: member.name.clone(),
            range: self.layout.range(rank),
        };
        self.members.iter().enumerate().map(owner).collect()
    }
}

#[cfg(test)]
mod tests;
