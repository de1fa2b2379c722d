//! Run directories end to end: written, read, broken on purpose, fought over.

mod bad_input;
mod crash;
mod describe;
mod disk;
mod fixture;
mod fuzz;
mod lock;
mod round_trip;
mod verify;
