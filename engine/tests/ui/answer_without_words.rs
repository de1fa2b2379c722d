//! A choice that the model would have to guess the meaning of.

use throng_engine::Answer;

#[derive(Answer, Clone)]
enum Plan {
    /// Stay at home this week.
    Stay,
    Go,
}

fn main() {}
