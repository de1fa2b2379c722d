//! A column of text in one allocation: all bytes joined, and where each row ends.

/// Texts of a column, joined; row `i` lies between two neighbouring offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    joined: String,
    offsets: Vec<usize>,
}

impl Default for Text {
    fn default() -> Self {
        Self { joined: String::new(), offsets: vec![0] }
    }
}

impl Text {
    /// No rows, with room for `rows` texts of `bytes` bytes in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { joined: String::with_capacity(bytes), offsets }
    }

    /// Takes over joined text and its offsets, which begin with 0 and end with its length.
    ///
    /// Returns `None` where the offsets do not ascend, do not cover the text, or cut a character.
    pub fn from_parts(joined: String, offsets: Vec<usize>) -> Option<Self> {
        let covers = offsets.first() == Some(&0) && offsets.last() == Some(&joined.len());
        let ascends = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let whole = offsets.iter().all(|&offset| joined.is_char_boundary(offset));
        (covers && ascends && whole).then_some(Self { joined, offsets })
    }

    /// Adds a row.
    pub fn push(&mut self, text: &str) {
        self.joined.push_str(text);
        self.offsets.push(self.joined.len());
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> &str {
        &self.joined[self.offsets[row]..self.offsets[row + 1]]
    }

    /// The texts in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.offsets.windows(2).map(|pair| &self.joined[pair[0]..pair[1]])
    }

    /// The joined text and the offsets, given away.
    pub fn into_parts(self) -> (String, Vec<usize>) {
        (self.joined, self.offsets)
    }
}

impl<T: AsRef<str>> FromIterator<T> for Text {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut text = Self::default();
        for row in texts {
            text.push(row.as_ref());
        }
        text
    }
}
