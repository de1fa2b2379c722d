//! Who an agent is, in words.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

/// The place of an agent's background in [`Backgrounds`]; 4 bytes, however long the text.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Background(pub u32);

/// The distinct backgrounds of a world's agents, each once: a few that have names and are groups, or one for
/// almost every agent, without names.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Backgrounds {
    names: Vec<String>,
    /// All texts, one behind the other.
    joined: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Backgrounds {
    /// Backgrounds as (name, text) pairs. Without any, all agents share an empty one named "none".
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut backgrounds = Self::default();
        for (name, text) in entries {
            backgrounds.names.push(name);
            backgrounds.push(&text);
        }
        if backgrounds.ends.is_empty() {
            backgrounds.names.push("none".to_owned());
            backgrounds.push("");
        }
        backgrounds
    }

    /// The backgrounds of agents that each have a text of their own, and the place of each agent's. Equal
    /// texts are kept once.
    pub fn of_agents<'t>(texts: impl IntoIterator<Item = &'t str>) -> (Self, Vec<Background>) {
        let mut backgrounds = Self::default();
        let mut known: BTreeMap<&'t str, Background> = BTreeMap::new();
        let place = |text: &'t str| {
            let next = Background(backgrounds.ends.len() as u32);
            *known.entry(text).or_insert_with(|| {
                backgrounds.push(text);
                next
            })
        };
        let places = texts.into_iter().map(place).collect();
        (backgrounds, places)
    }

    fn push(&mut self, text: &str) {
        self.joined.push_str(text);
        self.ends.push(self.joined.len());
    }

    /// The text of a background.
    ///
    /// # Panics
    /// If there is no such background.
    pub fn text(&self, background: Background) -> &str {
        let place = background.0 as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.joined[start..self.ends[place]]
    }

    /// The names in order; none where agents have texts of their own.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many have a name, and so are a group.
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none has a name: agents have texts of their own.
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let (backgrounds, places) = Backgrounds::of_agents(["a", "bc", "", "bc"]);
        let told: Vec<&str> = places.iter().map(|place| backgrounds.text(*place)).collect();
        assert_eq!(told, ["a", "bc", "", "bc"]);
        assert_eq!((backgrounds.ends.len(), backgrounds.len()), (3, 0));
    }

    #[test]
    fn without_backgrounds_there_is_an_empty_one() {
        let none = Backgrounds::new([]);
        assert_eq!((none.text(Background(0)), none.len()), ("", 1));
    }
}
