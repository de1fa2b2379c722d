//! Guess a fraction of the average: its rules, and the policies that can play it.

pub mod policy;
pub mod rules;
