//! Who an agent is, in words.

use bevy_ecs::prelude::*;

/// The place of an agent's background in [`Backgrounds`]; 4 bytes, however long the text.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Background(pub u32);

/// The distinct backgrounds of a population, each once.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Backgrounds {
    entries: Vec<(String, String)>,
}

impl Backgrounds {
    /// Backgrounds as (name, text) pairs. Without any, all agents share an empty one named "none".
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if entries.is_empty() {
            entries.push(("none".to_owned(), String::new()));
        }
        Self { entries }
    }

    /// The text of a background.
    ///
    /// # Panics
    /// If there is no such background.
    pub fn text(&self, background: Background) -> &str {
        &self.entries[background.0 as usize].1
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none, which cannot be after [`Self::new`].
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
