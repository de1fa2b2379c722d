//! Two fields that have no names to give to columns.

use throng_engine::Columns;

#[derive(Columns)]
struct Point(f32, f32);

fn main() {}
