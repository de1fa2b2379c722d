//! An enum whose variants are more than labels.

use throng_engine::Columns;

#[derive(Columns)]
enum Mood {
    /// Nothing happened.
    Calm,
    /// Something did.
    Glad(u8),
}

fn main() {}
