//! A column name that readers would have to quote.

use throng_engine::Columns;

#[derive(Columns)]
struct Room {
    /// Degrees Celsius.
    #[column(name = "Warmth in C")]
    warmth: f32,
}

fn main() {}
