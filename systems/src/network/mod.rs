//! Social networks: who is in contact with whom, as rows of contacts, and what agents hear from them.

mod build;
mod change;
mod graph;
mod heard;
mod random;

pub use build::{AttributeOf, Networks, Sources, TieLists};
pub use change::{TieChange, TieRequests, TieSystems};
pub use graph::Graph;
pub use heard::{Audible, HearSystems, Heard, Hears};

use std::marker::PhantomData;

use bevy_ecs::prelude::Resource;
use thiserror::Error;
use throng_engine::{AgentId, AgentRange, Pool};

/// A network of a run by a type that names it, for runs with several: friends beside colleagues.
pub trait Layer: Send + Sync + 'static {
    /// Its name. Networks of different names have different random ties.
    const NAME: &'static str;
}

/// The network of a run that has only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contacts;

impl Layer for Contacts {
    const NAME: &'static str = "contacts";
}

/// Whether a tie joins both or leads from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// Each is a contact of the other.
    Mutual,
    /// The second is a contact of the first, who follows it.
    Directed,
}

/// Why something is no network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NetworkError {
    /// A tie with an agent that does not exist.
    #[error("agent {agent} is not in a population of {population}")]
    UnknownAgent {
        /// The number given.
        agent: u64,
        /// Agents in all.
        population: u64,
    },
    /// A tie of an agent with itself.
    #[error("agent {0} cannot be its own contact")]
    SelfLoop(AgentId),
    /// A line of a list of ties that cannot be read.
    #[error(
        "line {line} of the ties is `{text}`; write two agent numbers with a comma between them"
    )]
    Line {
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// A setting that no network has.
    #[error("{key}: {message} ({hint})")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What is wrong.
        message: String,
        /// What to write.
        hint: String,
    },
    /// An attribute that nobody has.
    #[error(
        "by: agents have no attribute `{0}` (write `model`, `background` or a group of the population)"
    )]
    Attribute(String),
    /// A file whose ties have not been read.
    #[error("file: the ties of `{0}` have not been read (put them into `TieLists`)")]
    File(String),
}

/// The contacts of each agent of a range, ascending, in compressed sparse rows: 4 bytes per contact and 8 per
/// agent. Nobody is its own contact, and nobody is a contact twice.
#[derive(Resource, Clone, Debug, PartialEq, Eq)]
pub struct Network<L: Layer = Contacts> {
    layer: PhantomData<fn() -> L>,
    ties: Ties,
    population: u64,
    rows: AgentRange,
    /// Where each agent's contacts begin; one more than agents.
    starts: Vec<u64>,
    contacts: Vec<AgentId>,
    erased: u64,
}

impl Network {
    /// The network with these ties; a tie that is given twice counts once.
    ///
    /// # Errors
    /// When a tie names an agent that does not exist, or joins an agent with itself.
    pub fn from_edges(
        pool: &Pool,
        population: u64,
        ties: Ties,
        edges: Vec<(AgentId, AgentId)>,
    ) -> Result<Self, NetworkError> {
        for &(one, other) in &edges {
            check_tie(population, one, other)?;
        }
        Ok(Self::of_pairs(pool, population, ties, &[edges]))
    }

    /// The same network under another name.
    pub fn over<L: Layer>(self) -> Network<L> {
        let Self { layer: _, ties, population, rows, starts, contacts, erased } = self;
        Network { layer: PhantomData, ties, population, rows, starts, contacts, erased }
    }

    /// The network of a text with a tie in each line, as two agent numbers with a comma between them. A first
    /// line without a digit is a heading; empty lines are passed over.
    ///
    /// # Errors
    /// When a line cannot be read, names an unknown agent or joins an agent with itself.
    pub fn from_csv(
        pool: &Pool,
        population: u64,
        ties: Ties,
        text: &str,
    ) -> Result<Self, NetworkError> {
        let is_heading =
            |line: usize, text: &str| line == 0 && !text.contains(|c: char| c.is_ascii_digit());
        let mut edges = Vec::new();
        for (line, row) in text.lines().enumerate() {
            if row.trim().is_empty() || is_heading(line, row) {
                continue;
            }
            let wrong = || NetworkError::Line { line: line + 1, text: row.to_owned() };
            let (one, other) = row.split_once(',').ok_or_else(wrong)?;
            let read = |text: &str| text.trim().parse().map(AgentId).map_err(|_| wrong());
            edges.push((read(one)?, read(other)?));
        }
        Self::from_edges(pool, population, ties, edges)
    }

    /// The network of pairs that come in parts; loops and repetitions are erased and counted.
    fn of_pairs(
        pool: &Pool,
        population: u64,
        ties: Ties,
        parts: &[impl AsRef<[(AgentId, AgentId)]>],
    ) -> Self {
        let mutual = ties == Ties::Mutual;
        let n = population as usize;
        let mut next = vec![0_u64; n + 1];
        let given = || parts.iter().flat_map(AsRef::as_ref);
        let pairs = || given().filter(|(one, other)| one != other);
        for (one, other) in pairs() {
            next[one.0 as usize] += 1;
            next[other.0 as usize] += u64::from(mutual);
        }
        let mut sum = 0;
        for start in &mut next {
            sum += std::mem::replace(start, sum);
        }
        let mut contacts = vec![AgentId(0); sum as usize];
        let mut put = |row: AgentId, contact| {
            contacts[next[row.0 as usize] as usize] = contact;
            next[row.0 as usize] += 1;
        };
        for &(one, other) in pairs() {
            put(one, other);
            if mutual {
                put(other, one);
            }
        }
        let loops = given().count() - pairs().count();
        // After the pass each row's place is its end, which is the start of the next one.
        next.rotate_right(1);
        next[0] = 0;
        next[n] = sum;
        let mut network = Self {
            layer: PhantomData,
            ties,
            population,
            rows: AgentRange::all(population),
            starts: next,
            contacts,
            erased: loops as u64,
        };
        network.sort_rows(pool);
        network
    }

    /// Sorts each row and erases repetitions.
    fn sort_rows(&mut self, pool: &Pool) {
        let before = self.contacts.len();
        let numbers: Vec<u32> = (0..self.rows.len() as u32).collect();
        let sorted = pool.chunks(numbers.as_slice(), |rows| {
            let mut lengths = Vec::with_capacity(rows.len());
            let mut contacts = Vec::new();
            for &row in rows {
                let row = row as usize;
                let begun = contacts.len();
                contacts.extend_from_slice(self.row(row));
                contacts[begun..].sort_unstable();
                let mut length = contacts.len() - begun;
                if contacts[begun..].windows(2).any(|pair| pair[0] == pair[1]) {
                    let mut row = contacts.split_off(begun);
                    row.dedup();
                    length = row.len();
                    contacts.extend(row);
                }
                lengths.push(length as u64);
            }
            (lengths, contacts)
        });
        let mut starts = Vec::with_capacity(self.starts.len());
        let mut contacts = Vec::with_capacity(before);
        let mut sum = 0;
        for (lengths, part) in sorted {
            contacts.extend(part);
            for length in lengths {
                starts.push(sum);
                sum += length;
            }
        }
        starts.push(sum);
        let halves = if self.ties == Ties::Mutual { 2 } else { 1 };
        self.erased += (before - contacts.len()) as u64 / halves;
        (self.starts, self.contacts) = (starts, contacts);
    }
}

impl<L: Layer> Network<L> {
    fn row(&self, row: usize) -> &[AgentId] {
        &self.contacts[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// The contacts of an agent, ascending.
    ///
    /// # Panics
    /// If the agent's row is not held here.
    #[inline]
    pub fn contacts(&self, agent: AgentId) -> &[AgentId] {
        self.row(self.rows.offset(agent))
    }

    /// Whether the second is a contact of the first.
    pub fn joins(&self, agent: AgentId, contact: AgentId) -> bool {
        self.contacts(agent).binary_search(&contact).is_ok()
    }

    /// Contacts in all rows held here; a mutual tie counts twice.
    pub const fn len(&self) -> usize {
        self.contacts.len()
    }

    /// Whether nobody here has a contact.
    pub const fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Ties that were drawn and erased, since they were loops or repetitions.
    pub const fn erased(&self) -> u64 {
        self.erased
    }

    /// Whether ties are mutual.
    pub const fn ties(&self) -> Ties {
        self.ties
    }

    /// The agents whose rows are held here.
    pub const fn rows(&self) -> AgentRange {
        self.rows
    }

    /// Forgets the rows of all other agents.
    ///
    /// # Panics
    /// If the range is not within the rows held here.
    pub fn keep(&mut self, range: AgentRange) {
        assert!(self.rows.start <= range.start && range.end <= self.rows.end, "rows held here");
        let (from, to) =
            ((range.start - self.rows.start) as usize, (range.end - self.rows.start) as usize);
        let (first, last) = (self.starts[from], self.starts[to]);
        self.contacts = self.contacts[first as usize..last as usize].to_vec();
        self.starts = self.starts[from..=to].iter().map(|start| start - first).collect();
        self.rows = range;
    }
}

/// Whether two agents may be joined.
fn check_tie(population: u64, one: AgentId, other: AgentId) -> Result<(), NetworkError> {
    for agent in [one, other] {
        if u64::from(agent.0) >= population {
            return Err(NetworkError::UnknownAgent { agent: agent.0.into(), population });
        }
    }
    if one == other { Err(NetworkError::SelfLoop(one)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
