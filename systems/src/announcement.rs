//! What the configuration lets everyone be told in one round, above their questions.

use bevy_ecs::prelude::*;

/// How it reads; `{announcement}` is what is announced.
const TEXT: &str = include_str!("prompts/announcement.txt");

/// What is announced in the round being played; nothing in most rounds. Policies do not read it.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    above: String,
}

impl Announcement {
    /// These texts, one above the other; none takes back what was announced before.
    pub fn of(texts: &[String]) -> Self {
        Self { above: texts.iter().map(|text| TEXT.replace("{announcement}", text)).collect() }
    }

    /// A question below what is announced.
    pub fn above(&self, question: String) -> String {
        if self.above.is_empty() { question } else { format!("{}{question}", self.above) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_stand_above_the_question() {
        let question = || "How many?".to_owned();
        assert_eq!(Announcement::default().above(question()), "How many?");
        let two = Announcement::of(&["It rains.".to_owned(), "It {announcement}.".to_owned()]);
        let text = "Announcement: It rains.\n\nAnnouncement: It {announcement}.\n\nHow many?";
        assert_eq!(two.above(question()), text);
    }
}
