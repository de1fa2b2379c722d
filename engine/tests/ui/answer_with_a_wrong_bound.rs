//! A bound that does not exist.

use throng_engine::Answer;

#[derive(Answer, Clone)]
struct Bid {
    /// How much.
    #[answer(least = 3)]
    amount: f64,
}

fn main() {}
