//! What agents that meet cost, capability by capability, on a warmed world with a fixed seed.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use throng::engine::Pool;
use throng::systems::network::Sources;
use throng_benches::meeting::{CASES, graphs, warmed};

const AGENTS: u64 = 1_000_000;

/// A round of each capability.
fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meeting");
    group.throughput(Throughput::Elements(AGENTS)).sample_size(10);
    for case in &CASES {
        let mut sim = warmed(case, AGENTS, 0);
        group.bench_function(case.name, |bench| {
            bench.iter(|| sim.advance().expect("a round is played"));
        });
    }
    group.finish();
}

/// Building a network of each kind.
fn networks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("network");
    group.throughput(Throughput::Elements(AGENTS)).sample_size(10);
    let pool = Pool::new(0);
    for (name, graph) in graphs() {
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(graph.build(&pool, AGENTS, 1, Sources::default())));
        });
    }
    group.finish();
}

criterion_group!(meeting, rounds, networks);
criterion_main!(meeting);
