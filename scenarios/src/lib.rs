//! The scenarios that ship with Throng.

pub mod guessing_game;
