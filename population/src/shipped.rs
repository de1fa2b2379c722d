//! The populations that ship with this crate.

use crate::source::Source;

/// A population within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its specification.
    pub text: &'static str,
}

/// All of them.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "education", text: include_str!("../populations/education.toml") },
    Shipped { name: "occupations", text: include_str!("../populations/occupations.toml") },
    Shipped { name: "united-states", text: include_str!("../populations/united-states.toml") },
];

const TEXTS: &[(&str, &str)] = &[
    ("education.j2", include_str!("../populations/education.j2")),
    ("occupations.j2", include_str!("../populations/occupations.j2")),
    ("occupations.de.j2", include_str!("../populations/occupations.de.j2")),
    ("united-states.j2", include_str!("../populations/united-states.j2")),
    ("united-states-short.j2", include_str!("../populations/united-states-short.j2")),
];

/// The shipped population of a name.
pub fn shipped(name: &str) -> Option<Shipped> {
    SHIPPED.iter().copied().find(|shipped| shipped.name == name)
}

impl Shipped {
    /// Where its templates are.
    pub fn source(&self) -> Source {
        Source::shipped(TEXTS)
    }
}
