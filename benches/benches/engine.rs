//! What the parts of a round cost on a warmed world with a fixed seed.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use throng::engine::stream::{Purpose, Streams};
use throng::engine::{AgentId, Decimal, reduce::Cells};
use throng_benches::guessing_game;

const AGENTS: u64 = 1_000_000;

/// A whole round: policy, decision, memory, exact reductions.
fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round");
    group.throughput(Throughput::Elements(AGENTS)).sample_size(10);
    for policy in ["uniform", "human-like"] {
        let mut sim = guessing_game(AGENTS, policy, 0);
        sim.advance().expect("the first round warms the world");
        group.bench_function(policy, |bench| {
            bench.iter(|| sim.advance().expect("a round is played"));
        });
    }
    let mut sim = guessing_game(AGENTS, "uniform", 0);
    sim.advance().expect("the first round warms the world");
    group.bench_function("uniform, recorded", |bench| {
        bench.iter(|| black_box(sim.round().expect("a round is played")));
    });
    group.finish();
}

/// The first random block of each agent, and the exact distribution of a million decimals.
fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("part");
    group.throughput(Throughput::Elements(AGENTS)).sample_size(20);
    let agents: Vec<AgentId> = (0..AGENTS as u32).map(AgentId).collect();
    let streams = Streams::new(1, Purpose::new("bench"), 1);
    group.bench_function("first random word of each agent", |bench| {
        bench.iter(|| {
            let mut sum = 0_u32;
            streams.each(&agents, |_, stream| sum = sum.wrapping_add(stream.next_u32()));
            black_box(sum)
        });
    });
    let numbers: Vec<Decimal> =
        agents.iter().map(|agent| Decimal::from_units((agent.0 % 10_001) as i32 * 100)).collect();
    let empty = Cells::new(Decimal::from_units(0), Decimal::from_units(1_000_000), 2);
    group.bench_function("exact distribution of decimals", |bench| {
        bench.iter(|| {
            let mut cells = empty.clone();
            numbers.iter().for_each(|number| cells.add(*number));
            black_box(cells.quantile(0.5))
        });
    });
    group.finish();
}

criterion_group!(engine, rounds, parts);
criterion_main!(engine);
