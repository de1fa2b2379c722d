//! Run directories end to end: written, read, broken on purpose, fought over.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where something fails, and made-up values may be cut to any width"
)]

mod bad_input;
mod crash;
mod describe;
mod disk;
mod fixture;
mod fuzz;
mod lock;
mod round_trip;
mod verify;
