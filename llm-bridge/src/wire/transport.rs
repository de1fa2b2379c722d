//! The way a request takes to its endpoint, as a trait, so that tests need no sockets.

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use std::time::Duration;

/// An endpoint of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The model's place in the configuration.
    pub model: u16,
    /// The endpoint's place in the model's list.
    pub endpoint: u16,
}

/// A whole reply of a server, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// The HTTP status.
    pub status: u16,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// The body, within the limits.
    pub body: Vec<u8>,
}

/// Why there was no whole reply. The words never hold a key.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// No connection could be opened.
    #[error("no connection: {0}")]
    Refused(String),
    /// The connection broke, or what came was not HTTP.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The body is larger than allowed.
    #[error("the reply is larger than {0} bytes")]
    TooLarge(usize),
    /// No whole reply in time.
    #[error("no whole reply within {0:?}")]
    Timeout(Duration),
}

/// Sends requests. Dropping the future of a request must reach the server.
pub trait Transport {
    /// Posts `body` to `path` (which begins with a slash) at `address`.
    fn post(
        &self,
        address: Address,
        path: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>>;
}
