//! Measures how long it takes to draw people: eight attributes, two of them from joint tables.
//!
//! `cargo run --release -p throng-population --example population_speed -- 1000000 2`

use std::time::Instant;

use throng_engine::Pool;
use throng_population::{Sampler, Source, Spec, report};

const SPEC: &str = r#"
size = 1
[[attribute]]
name = "age_band"
categories = ["18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+"]
[[attribute]]
name = "education"
categories = ["none", "school", "college", "bachelor", "master", "doctor"]
[[attribute]]
name = "region"
categories = ["a", "b", "c", "d"]
[[attribute]]
name = "job"
categories = ["p", "q", "r", "s", "t"]
[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.51 }, { name = "male", share = 0.49 }]
[[attribute]]
name = "age"
integer = true
normal = { mean = 46, sd = 18, min = 18, max = 95 }
[[attribute]]
name = "income"
lognormal = { median = 31000, sigma = 0.6 }
[[attribute]]
name = "children"
integer = true
poisson = { mean = 1.4 }
[[table]]
of = ["age_band", "education"]
values = [[1, 2, 6, 5, 2, 1], [1, 3, 6, 6, 3, 1], [1, 4, 6, 5, 3, 1], [2, 5, 6, 4, 2, 1], [2, 6, 5, 3, 2, 1], [3, 6, 3, 2, 1, 1], [3, 5, 2, 1, 1, 1]]
[[table]]
of = ["region", "job"]
values = [[5, 4, 3, 2, 1], [2, 3, 4, 5, 6], [7, 6, 5, 4, 3], [1, 2, 1, 2, 1]]
"#;

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
        drawn - prepared,
        start.elapsed() - drawn
    );
    std::io::Write::write_all(&mut std::io::stdout(), lines.as_bytes())?;
    Ok(())
}
