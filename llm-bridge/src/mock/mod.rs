//! An OpenAI-compatible server without a model, for load, tests and demonstrations.
//!
//! Its answers conform to the schema asked for and follow from prompt and seed alone, its faults follow
//! from its own seed, and it counts what it does, so that a client's accounts can be reconciled with it.
//! `Core` decides and knows no socket; `server` puts it on a port; `transport` plays it in-process.

pub mod batch;
pub mod chat;
pub mod core;
pub mod fault;
pub mod options;
pub mod sample;
pub mod server;
pub mod transport;

pub use core::{Core, Counts};
pub use fault::{Fault, Faults};
pub use options::{Latency, MockOptions, Policy};
pub use server::{Mock, serve};
