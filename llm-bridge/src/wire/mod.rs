//! The protocol: bodies of requests, bodies of replies, and the ways to send them.

mod direct;
pub mod http;
pub mod lanes;
pub mod request;
pub mod response;
pub mod scripted;
pub mod transport;
