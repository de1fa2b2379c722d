//! A field of a type that no analyst's tool reads.

use throng_engine::Columns;

#[derive(Columns)]
struct Diary {
    /// Every page.
    pages: Vec<String>,
}

fn main() {}
