//! A part that no model can be asked for.

use throng_engine::Answer;

#[derive(Answer, Clone)]
struct Bid {
    /// When.
    day: std::time::Duration,
}

fn main() {}
