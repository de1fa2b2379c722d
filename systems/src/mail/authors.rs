//! An index by author: whether an agent has written at all is one bit, and where its posts are a look-up.

use std::ops::Range;

use throng_engine::AgentId;

/// Agents that share a word of bits.
const WORD: usize = u64::BITS as usize;

/// Where the posts of each author are in a list ordered by author.
///
/// A bit and a half per agent of the population, so that whoever reads what a million might have written finds the
/// few who did without leaving the processor's cache.
#[derive(Clone, Debug, Default)]
pub(super) struct Authors {
    /// A bit for each agent that has written.
    has_written: Vec<u64>,
    /// Authors before each word of bits.
    before: Vec<u32>,
    /// Where the posts of each author begin; one more than authors.
    starts: Vec<u32>,
}

impl Authors {
    /// Indexes a list of posts by their authors, who ascend.
    pub(super) fn index(&mut self, authors: impl Iterator<Item = AgentId>) {
        self.has_written.clear();
        self.starts.clear();
        let mut last = None;
        let mut posts = 0;
        for author in authors {
            if last != Some(author) {
                let word = author.0 as usize / WORD;
                if word >= self.has_written.len() {
                    self.has_written.resize(word + 1, 0);
                }
                self.has_written[word] |= 1 << (author.0 as usize % WORD);
                self.starts.push(posts);
                last = Some(author);
            }
            posts += 1;
        }
        self.starts.push(posts);
        let mut sum = 0;
        self.before.clear();
        self.before.extend(self.has_written.iter().map(|word| {
            let before = sum;
            sum += word.count_ones();
            before
        }));
    }

    /// Where the posts of an author are.
    #[inline]
    pub(super) fn posts(&self, author: AgentId) -> Range<usize> {
        let (place, bit) = (author.0 as usize / WORD, author.0 as usize % WORD);
        match self.has_written.get(place) {
            Some(word) if word >> bit & 1 == 1 => {
                let earlier = (word & ((1 << bit) - 1)).count_ones();
                let author = (self.before[place] + earlier) as usize;
                self.starts[author] as usize..self.starts[author + 1] as usize
            }
            _ => 0..0,
        }
    }
}
