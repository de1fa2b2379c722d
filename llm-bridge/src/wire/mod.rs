//! The protocol: bodies of requests, bodies of replies, and the ways to send them.

pub mod http;
pub mod request;
pub mod response;
pub mod scripted;
pub mod transport;
