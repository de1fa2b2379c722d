//! What agents write: letters to one, posts to many, delivered in the next exchange.

mod authors;
mod letters;
mod posts;

pub use letters::{
    DeliverSystems, Letter, Letters, Mail, MailCounts, MailRules, Outbox, Overflow, Sender,
};
pub use posts::{Audience, Board, Post, PostRules, PostSystems, Posting, Posts};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a letter or a post says: text or any typed value.
pub trait Message: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

impl<M: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> Message for M {}

#[cfg(test)]
mod tests;
