//! Requests in, completions out, in order: the bridge between a round and the models that answer it.
//!
//! A round hands over a `Batch`: a question per agent, whose texts are interned in `Prompts`, and whose
//! answers are typed by `AnswerSpec`. Agents that ask the same form a cohort and share requests. The
//! `Bridge` sends them to whichever endpoint has room, makes every completion durable through a
//! `CompletionStore`, checks it, asks again where it is invalid, and gives every agent exactly one `Reply`.
//!
//! Reading order: `exchange` (what goes in and out), `cohort`, `engine` (the queue and its endpoints),
//! `wire` (the protocol), `mock` (a server for tests). Every bound stands in `limits`.

pub mod adaptive;
pub mod answer;
pub mod batch_file;
pub mod batched;
pub mod bridge;
pub mod budget;
pub mod circuit;
pub mod cohort;
pub mod constraint;
pub mod digest;
pub mod distribution;
mod engine;
pub mod exchange;
pub mod forecast;
pub mod fuzz;
pub mod limits;
pub mod mock;
pub mod model;
pub mod money;
pub mod number;
pub mod parse;
pub mod pattern;
pub mod probe;
pub mod prompt;
pub mod quirk;
pub mod quota;
pub mod reach;
pub mod recorded;
pub mod rehearsal;
pub mod reply;
pub mod retry;
pub mod secret;
pub mod service;
pub mod store;
pub mod wire;

pub use answer::{Answer, AnswerSpec, Field};
pub use batched::Batched;
pub use bridge::{Bridge, Exchange, StartError};
pub use cohort::{Ask, CohortKey};
pub use engine::EndpointCounters;
pub use exchange::{Apart, Batch, ExchangeError, Exchanged, Responder, Stop};
pub use model::{BridgeConfig, BudgetConfig, EndpointConfig, ModelConfig};
pub use prompt::{PromptId, Prompts, Role};
pub use rehearsal::Rehearsal;
pub use reply::{Cause, Failure, Reply, Status, Totals};
pub use store::{CompletionStore, MemoryStore, Moment};
