//! What can go wrong between hosts, in words that say what to do.

use std::net::SocketAddr;

use thiserror::Error;

use crate::ledger::LedgerError;
use crate::member::Name;

impl ShardError {
    /// Whether what was given to this host is wrong, so that starting it again would not help.
    pub const fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::Name { .. }
                | Self::Bind { .. }
                | Self::Unspecified { .. }
                | Self::Seed { .. }
                | Self::Duplicate { .. }
                | Self::NotShared { .. }
                | Self::Refused { .. }
                | Self::OtherRun { .. }
        )
    }
}

/// Why a host cannot take part, or go on.
#[derive(Debug, Error)]
pub enum ShardError {
    /// The name of a host.
    #[error("`{name}` cannot name a host: 1 to 64 letters, digits, dots, hyphens and underscores")]
    Name {
        /// As given.
        name: String,
    },
    /// An address that cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// An address that peers could not connect to.
    #[error("other hosts cannot connect to {address}: name the address of one interface")]
    Unspecified {
        /// The address.
        address: SocketAddr,
    },
    /// A seed that is no address.
    #[error("`{seed}` is not HOST:PORT")]
    Seed {
        /// As given.
        seed: String,
    },
    /// Another process of the same name.
    #[error("another living process calls itself `{name}`: each host needs a name of its own")]
    Duplicate {
        /// The name.
        name: Name,
    },
    /// A store that cannot be reached or lacks what is needed.
    #[error("the store {place}: {problem}")]
    Store {
        /// Where it is.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A store that only this host sees.
    #[error(
        "host `{peer}` plays the same run from another store: all hosts must see one folder or bucket"
    )]
    NotShared {
        /// Who sees another one.
        peer: Name,
    },
    /// Another host that does not let this one in.
    #[error("the host at {peer} refuses this one: {why}")]
    Refused {
        /// The host, as it was named.
        peer: String,
        /// Why.
        why: String,
    },
    /// A run that differs.
    #[error("the store holds a run that differs: {problem}")]
    OtherRun {
        /// In what.
        problem: String,
    },
    /// An entry of the ledger that cannot be.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Gossip that ended.
    #[error("the gossip between hosts failed: {0}")]
    Gossip(String),
    /// A thread or runtime that the system refused.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The thread that decides for this host ended without a word.
    #[error("this host can no longer follow the others")]
    Ended,
    /// The mesh of a generation has ended, as it does whenever one of its hosts does.
    #[error("a host of this generation has ended")]
    Gone,
}
