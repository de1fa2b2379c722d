//! Measures how long it takes to draw people: eight attributes, two of them from joint tables.
//!
//! `cargo run --release -p throng-population --example population_speed -- 1000000 2`

use std::time::Instant;

use throng_engine::Pool;
use throng_population::{Sampler, Source, Spec, report};

const SPEC: &str = include_str!("population_speed.toml");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let size: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let pool = Pool::new(threads);
    let spec = Spec::parse(SPEC)?;
    let start = Instant::now();
    let sampler = Sampler::new(&spec, &Source::new("."), Some(size), Some(1), &pool)?;
    let prepared = start.elapsed();
    let sample = sampler.sample(0..size, &pool)?;
    let drawn = start.elapsed();
    drop(sample);
    let report = report(&sampler, &pool)?;
    let miss = report.margins.iter().map(|margin| margin.largest_miss).fold(0.0, f64::max);
    let lines = format!(
        "{size} people, {threads} threads: prepared in {prepared:?}, drawn in {:?}; drawn again and compared in {:?}; largest miss {miss:.2}\n",
        drawn.saturating_sub(prepared),
        start.elapsed().saturating_sub(drawn)
    );
    std::io::Write::write_all(&mut std::io::stdout(), lines.as_bytes())?;
    Ok(())
}
