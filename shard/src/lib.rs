//! Hosts that play one run together: who takes part, which agents each owns, and what happens when one dies.
//!
//! A *generation* is one fixed list of hosts joined by one mesh. The run's *ledger*, a sequence of
//! entries in a store that all hosts see, orders generations and commits: whoever creates the next
//! entry has it, so that a generation which has been replaced can commit nothing more. The decisions
//! ([`Node`]) know no clock, socket or file, which is why a simulation can try them against faults.
//!
//! What is not here: no agent, no scenario, no table. A caller gets a transport and a range of agents,
//! plays rounds, and hands over the record of each as text.

mod door;
pub mod errand;
mod error;
mod gossip;
mod host;
mod layout;
mod ledger;
mod member;
mod mesh;
mod node;
mod secret;
mod store;

pub use error::ShardError;
pub use host::{Host, HostSettings, Seat, Turn};
pub use layout::{Layout, Load, Owner};
pub use ledger::{Commit, Entry, Event, Generation, HOSTS_MAX, Ledger, LedgerError, Opening};
pub use member::{Member, Name};
pub use mesh::{CHUNK_BYTES, MeshHandle, TimelyMesh};
pub use node::{Action, Node, Patience, Peer, Phase, Status, View};
pub use secret::Secret;
pub use store::{Appended, Store};
