//! What it takes to make people: the plan of a specification, its attributes, and wordings.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use throng::engine::Pool;
use throng_population::{Backgrounds, Sampler, Source, Spec, shipped};

const PEOPLE: u64 = 1_000_000;
const SPEC: &str = include_str!("../../population/examples/population_speed.toml");

/// Eight attributes and two joint tables on two threads.
fn attributes(criterion: &mut Criterion) {
    let spec = Spec::parse(SPEC).expect("the example is a specification");
    let (source, pool) = (Source::new("."), Pool::new(2));
    let make = || {
        Sampler::new(&spec, &source, Some(PEOPLE), Some(1), &pool).expect("the example makes sense")
    };
    let mut group = criterion.benchmark_group("population");
    group.sample_size(10);
    group.bench_function("plan and fit", |bench| bench.iter(|| black_box(make())));
    let sampler = make();
    group.throughput(Throughput::Elements(PEOPLE));
    group.bench_function("eight attributes of everyone", |bench| {
        bench.iter(|| black_box(sampler.sample(0..PEOPLE, &pool).expect("everyone can be made")));
    });
    group.finish();
}

/// The background of each of a thousand people.
fn wordings(criterion: &mut Criterion) {
    let shipped = shipped("education").expect("it ships");
    let spec = Spec::parse(shipped.text).expect("it is a specification");
    let (source, pool) = (shipped.source(), Pool::new(1));
    let sampler = Sampler::new(&spec, &source, None, None, &pool).expect("it makes sense");
    let sample = sampler.sample(0..sampler.size(), &pool).expect("everyone can be made");
    let wordings = Backgrounds::new(&spec, &source, &sampler).expect("its wordings do");
    let mut group = criterion.benchmark_group("population");
    group.throughput(Throughput::Elements(sampler.size())).sample_size(20);
    group.bench_function("a background each", |bench| {
        bench
            .iter(|| black_box(wordings.write(&sampler, &sample, &pool).expect("all can be told")));
    });
    group.finish();
}

criterion_group!(benches, attributes, wordings);
criterion_main!(benches);
