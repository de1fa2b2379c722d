//! Environments: the world, groups and places as entities in a tree, with typed attributes that agents read
//! and ask to change, and listeners that react to what happens.

mod attribute;
mod listen;
mod tree;

pub use attribute::{
    Attribute, AttributeSystems, Attributes, Edit, First, HasAttributes, Max, Min, Request, Rule,
    Sum, Union,
};
pub(crate) use listen::Happenings;
pub use listen::{CASCADE_MAX, EndlessCascade, Happening, Listen, ListenSystems, Trigger};
pub use tree::{Announcement, EnvironmentId, EnvironmentProblem, Environments, Within};

#[cfg(test)]
mod tests;
