//! Prompts, interned: each distinct text and each distinct prompt is held once, and a prompt's text
//! exists in one piece only while it is being sent.

use crate::digest::Digest;
use crate::limits::ARENA_SEGMENT;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions of the scenario.
    System,
    /// What the agent is told or asked.
    User,
    /// What the model said before.
    Assistant,
}

impl Role {
    /// The word of the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A distinct text of a `Prompts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextId(pub u32);

/// A distinct prompt of a `Prompts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PromptId(pub u32);

/// More texts or prompts than ids.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a round holds at most {} distinct texts and prompts", u32::MAX)]
pub struct TooMany;

/// A place in the arena.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u32,
    start: u32,
    length: u32,
}

/// The prompts of one exchange.
///
/// Parts are given in the order shared, group, private, so that prompts which share a beginning sort
/// next to each other and servers reuse its prefix.
#[derive(Default)]
pub struct Prompts {
    segments: Vec<String>,
    texts: Vec<Place>,
    text_by_hash: BTreeSet<(u64, u32)>,
    /// Per prompt: where its parts begin in `parts`; one more entry than prompts once any exists.
    starts: Vec<u32>,
    /// Message beginnings carry the role in the upper word, every entry a text in the lower.
    parts: Vec<(Option<Role>, TextId)>,
    digests: Vec<Digest>,
    prompt_by_hash: BTreeSet<(u64, u32)>,
}

impl Prompts {
    /// An empty interner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Interns `text`: equal texts get equal ids.
    pub fn text(&mut self, text: &str) -> Result<TextId, TooMany> {
        let hash = Digest::of([text.as_bytes()]).short();
        let known = with_hash(&self.text_by_hash, hash).find(|&id| self.part(TextId(id)) == text);
        if let Some(id) = known {
            return Ok(TextId(id));
        }
        let id = u32::try_from(self.texts.len()).map_err(|_| TooMany)?;
        let place = self.store(text)?;
        self.texts.push(place);
        self.text_by_hash.insert((hash, id));
        Ok(TextId(id))
    }

    /// Interns a prompt: messages of parts. Prompts whose messages read the same get equal ids, however
    /// they are cut into parts.
    pub fn prompt(&mut self, messages: &[(Role, &[TextId])]) -> Result<PromptId, TooMany> {
        let digest = self.digest_of(messages);
        let known = with_hash(&self.prompt_by_hash, digest.short())
            .find(|&id| self.digests[id as usize] == digest);
        if let Some(id) = known {
            return Ok(PromptId(id));
        }
        let id = u32::try_from(self.digests.len()).map_err(|_| TooMany)?;
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        let nothing = [self.text("")?];
        for (role, texts) in messages {
            let texts = if texts.is_empty() { &nothing } else { *texts };
            for (rank, text) in texts.iter().enumerate() {
                self.parts.push(((rank == 0).then_some(*role), *text));
            }
        }
        self.starts.push(u32::try_from(self.parts.len()).map_err(|_| TooMany)?);
        self.digests.push(digest);
        self.prompt_by_hash.insert((digest.short(), id));
        Ok(PromptId(id))
    }

    /// Interns a prompt given as whole texts, one per message.
    pub fn ask(&mut self, messages: &[(Role, &str)]) -> Result<PromptId, TooMany> {
        let mut texts = Vec::with_capacity(messages.len());
        for (role, text) in messages {
            texts.push((*role, [self.text(text)?]));
        }
        let messages: Vec<(Role, &[TextId])> =
            texts.iter().map(|(role, text)| (*role, text.as_slice())).collect();
        self.prompt(&messages)
    }

    /// Ends the interning: what is needed to find texts again is let go.
    pub fn shared(mut self) -> Arc<Self> {
        self.text_by_hash.clear();
        self.prompt_by_hash.clear();
        Arc::new(self)
    }

    /// Number of distinct prompts.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there is no prompt.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Bytes of distinct text held.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(String::len).sum()
    }

    /// Digest of a prompt's messages.
    pub fn digest(&self, prompt: PromptId) -> Digest {
        self.digests[prompt.0 as usize]
    }

    /// The messages of `prompt`, in order.
    pub fn messages(&self, prompt: PromptId) -> impl Iterator<Item = Message<'_>> {
        let parts = self.parts_of(prompt);
        let mut next = 0;
        std::iter::from_fn(move || {
            let role = parts.get(next)?.0?;
            let length = 1 + parts[next + 1..].iter().take_while(|part| part.0.is_none()).count();
            let message = Message { prompts: self, role, parts: &parts[next..next + length] };
            next += length;
            Some(message)
        })
    }

    /// Bytes of all messages of `prompt`.
    pub fn length(&self, prompt: PromptId) -> usize {
        self.parts_of(prompt)
            .iter()
            .map(|(_, text)| self.texts[text.0 as usize].length as usize)
            .sum()
    }

    /// Per prompt its place in an order in which prompts that share leading parts are neighbours.
    pub fn prefix_ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.digests.len()).map(|id| id as u32).collect();
        order.sort_unstable_by_key(|&id| self.parts_of(PromptId(id)));
        let mut ranks = vec![0; order.len()];
        for (rank, id) in order.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }

    /// A number that prompts share when their first two parts are equal: such prompts are best sent to the
    /// same endpoint.
    pub fn affinity(&self, prompt: PromptId) -> u64 {
        let parts = self.parts_of(prompt);
        let lead = parts
            .iter()
            .take(2)
            .fold(0, |sum, (_, text)| crate::digest::mix(sum ^ u64::from(text.0).wrapping_add(1)));
        crate::digest::mix(lead)
    }

    fn parts_of(&self, prompt: PromptId) -> &[(Option<Role>, TextId)] {
        let id = prompt.0 as usize;
        &self.parts[self.starts[id] as usize..self.starts[id + 1] as usize]
    }

    fn part(&self, text: TextId) -> &str {
        let place = self.texts[text.0 as usize];
        let start = place.start as usize;
        &self.segments[place.segment as usize][start..start + place.length as usize]
    }

    /// Appends to the arena; segments never move, so growth copies nothing.
    fn store(&mut self, text: &str) -> Result<Place, TooMany> {
        let full =
            self.segments.last().is_none_or(|last| last.capacity() - last.len() < text.len());
        if full {
            self.segments.push(String::with_capacity(ARENA_SEGMENT.max(text.len())));
        }
        let segment = self.segments.len() - 1;
        let arena = &mut self.segments[segment];
        let place = Place {
            segment: u32::try_from(segment).map_err(|_| TooMany)?,
            start: u32::try_from(arena.len()).map_err(|_| TooMany)?,
            length: u32::try_from(text.len()).map_err(|_| TooMany)?,
        };
        arena.push_str(text);
        Ok(place)
    }

    fn digest_of(&self, messages: &[(Role, &[TextId])]) -> Digest {
        let mut hasher = Sha256::new();
        for (role, texts) in messages {
            let length: usize = texts.iter().map(|&text| self.part(text).len()).sum();
            hasher.update([*role as u8]);
            hasher.update((length as u64).to_le_bytes());
            for &text in *texts {
                hasher.update(self.part(text).as_bytes());
            }
        }
        Digest(hasher.finalize().into())
    }
}

/// The ids that were entered under `hash`.
fn with_hash(index: &BTreeSet<(u64, u32)>, hash: u64) -> impl Iterator<Item = u32> + '_ {
    index.range((hash, 0)..=(hash, u32::MAX)).map(|(_, id)| *id)
}

impl fmt::Debug for Prompts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Prompts({} prompts, {} texts)", self.len(), self.texts.len())
    }
}

/// One message of an interned prompt; displays as its text.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    prompts: &'a Prompts,
    /// Who says it.
    pub role: Role,
    parts: &'a [(Option<Role>, TextId)],
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|(_, text)| formatter.write_str(self.prompts.part(*text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(prompts: &Prompts, id: PromptId) -> Vec<(Role, String)> {
        prompts.messages(id).map(|message| (message.role, message.to_string())).collect()
    }

    #[test]
    fn equal_messages_are_one_prompt_however_they_are_cut() {
        let mut prompts = Prompts::new();
        let [rules, of, game] =
            ["Rules", " of the game", "Rules of the game"].map(|text| prompts.text(text).unwrap());
        let cut = prompts.prompt(&[(Role::System, &[rules, of])]).unwrap();
        let whole = prompts.prompt(&[(Role::System, &[game])]).unwrap();
        let other_role = prompts.prompt(&[(Role::User, &[game])]).unwrap();
        assert_eq!(cut, whole);
        assert_ne!(whole, other_role);
        assert_eq!(read(&prompts, cut), [(Role::System, "Rules of the game".to_owned())]);
    }

    #[test]
    fn texts_longer_than_a_segment_are_kept() {
        let mut prompts = Prompts::new();
        let long = "x".repeat(ARENA_SEGMENT + 1);
        let id =
            prompts.ask(&[(Role::User, &long), (Role::Assistant, ""), (Role::User, "b")]).unwrap();
        assert_eq!(prompts.length(id), ARENA_SEGMENT + 2);
        assert_eq!(prompts.messages(id).count(), 3);
    }

    #[test]
    fn a_shared_beginning_makes_neighbours() {
        let mut prompts = Prompts::new();
        let [a, b, p, q] = ["a", "b", "p", "q"].map(|text| prompts.text(text).unwrap());
        let ids: Vec<PromptId> = [[a, p], [b, p], [a, q], [b, q]]
            .iter()
            .map(|parts| prompts.prompt(&[(Role::User, parts)]).unwrap())
            .collect();
        let ranks = prompts.prefix_ranks();
        assert_eq!(ids.iter().map(|id| ranks[id.0 as usize]).collect::<Vec<_>>(), [0, 2, 1, 3]);
        assert_ne!(prompts.affinity(ids[0]), prompts.affinity(ids[1]));
    }

    proptest! {
        #[test]
        fn ids_are_equal_exactly_when_messages_are(
            lists in prop::collection::vec(prop::collection::vec("[ab]{0,2}", 1..4), 1..12)
        ) {
            let mut prompts = Prompts::new();
            let ids: Vec<PromptId> = lists.iter().map(|list| {
                let messages: Vec<(Role, &str)> =
                    list.iter().map(|text| (Role::User, text.as_str())).collect();
                prompts.ask(&messages).unwrap()
            }).collect();
            for (left, left_id) in lists.iter().zip(&ids) {
                for (right, right_id) in lists.iter().zip(&ids) {
                    prop_assert_eq!(left == right, left_id == right_id);
                }
                let texts: Vec<String> =
                    prompts.messages(*left_id).map(|message| message.to_string()).collect();
                prop_assert_eq!(left, &texts);
            }
        }
    }
}
