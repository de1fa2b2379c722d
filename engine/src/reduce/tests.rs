//! Reductions give the same bits for every split and order, and the right ones.

use proptest::prelude::*;

use super::*;
use crate::Decimal;

fn decimals() -> impl Strategy<Value = Vec<Decimal>> {
    prop::collection::vec(
        (0..=10_000_i32).prop_map(|cents| Decimal::from_units(cents * 100)),
        1..200,
    )
}

fn fold<R: Reduction, T: Copy>(empty: &R, values: &[T], add: fn(&mut R, T)) -> R {
    let mut partial = empty.clone();
    for &value in values {
        add(&mut partial, value);
    }
    partial
}

/// Folds `values` in three pieces and merges them in every order.
fn check_splits<R: OrderFree + PartialEq + std::fmt::Debug, T: Copy>(
    empty: &R,
    values: &[T],
    cuts: (usize, usize),
    add: fn(&mut R, T),
) {
    let (a, b) = (cuts.0.min(cuts.1) % values.len(), cuts.0.max(cuts.1) % values.len());
    let (a, b) = (a.min(b), a.max(b));
    let pieces = [&values[..a], &values[a..b], &values[b..]].map(|piece| fold(empty, piece, add));
    let whole = fold(empty, values, add);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(merge_all(empty, order.map(|index| &pieces[index])), whole);
    }
}

proptest! {
    #[test]
    fn integer_reductions_do_not_depend_on_splits(
        values in decimals(),
        cuts in (0_usize..200, 0_usize..200),
    ) {
        let empty = Cells::new(Decimal::from_units(0), Decimal::from_units(1_000_000), 2);
        check_splits(&empty, &values, cuts, Cells::add);
        check_splits(&Moments::default(), &values, cuts, Moments::add);
        let numbered: Vec<(u32, Decimal)> = (0..).zip(values.iter().copied()).collect();
        check_splits(&ArgMin::default(), &numbered, cuts, |r: &mut ArgMin<_>, (i, v)| r.add(AgentId(i), v));
        check_splits(&ArgMax::default(), &numbered, cuts, |r: &mut ArgMax<_>, (i, v)| r.add(AgentId(i), v));
        check_splits(&TopTwo::default(), &numbered, cuts, |r: &mut TopTwo<_>, (i, v)| r.add(AgentId(i), v));
    }

    #[test]
    fn the_two_largest_are_those_of_a_sorted_list(values in prop::collection::vec(0_u8..9, 0..20)) {
        let mut top = TopTwo::default();
        let mut sorted: Vec<(u8, AgentId)> =
            values.iter().zip(0..).map(|(value, agent)| (*value, AgentId(agent))).collect();
        sorted.iter().rev().for_each(|(value, agent)| top.add(*agent, *value));
        sorted.sort_by_key(|(value, agent)| (std::cmp::Reverse(*value), *agent));
        prop_assert_eq!(top.first(), sorted.first().copied());
        prop_assert_eq!(top.second(), sorted.get(1).map(|(value, _)| *value));
    }

    #[test]
    fn clusters_are_further_apart_than_the_gap(values in decimals(), gap in 0.0..30.0_f64) {
        let mut cells = Cells::new(Decimal::from_units(0), Decimal::from_units(1_000_000), 2);
        values.iter().for_each(|value| cells.add(*value));
        let mut sorted = values;
        sorted.sort_unstable();
        let near = |one: &Decimal, next: &Decimal| next.to_f64() - one.to_f64() <= gap;
        let expected: Vec<u64> = sorted.chunk_by(near).map(|group| group.len() as u64).collect();
        prop_assert_eq!(cells.clusters(gap), expected);
    }

    #[test]
    fn cells_know_the_sorted_values(values in decimals(), p in 0.0..=1.0_f64) {
        let mut cells = Cells::new(Decimal::from_units(0), Decimal::from_units(1_000_000), 2);
        for &value in &values {
            cells.add(value);
        }
        let mut sorted: Vec<f64> = values.iter().map(|value| value.to_f64()).collect();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() - 1) as f64 * p;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        let expected = sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor());
        prop_assert!((cells.quantile(p).unwrap() - expected).abs() < 1e-9);
        prop_assert_eq!(cells.moments(), fold(&Moments::default(), &values, Moments::add));
        prop_assert_eq!(cells.histogram(20).iter().sum::<u64>(), values.len() as u64);
        let target = sorted[low] + 0.003;
        let below = sorted.iter().copied().filter(|&value| value <= target).fold(f64::MIN, f64::max);
        prop_assert_eq!(cells.around(target).0.map(Decimal::to_f64), Some(below));
    }

    #[test]
    fn exact_sums_do_not_depend_on_order(
        mut values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 1..60),
        cut in 0_usize..60,
    ) {
        let forward = fold(&ExactSum::default(), &values, ExactSum::add);
        let cut = cut % values.len();
        let mut merged = fold(&ExactSum::default(), &values[cut..], ExactSum::add);
        merged.merge(&fold(&ExactSum::default(), &values[..cut], ExactSum::add));
        prop_assert_eq!(merged.sum().to_bits(), forward.sum().to_bits());
        values.reverse();
        let backward = fold(&ExactSum::default(), &values, ExactSum::add);
        prop_assert_eq!(backward.sum().to_bits(), forward.sum().to_bits());
    }

    #[test]
    fn exact_sums_round_once(values in prop::collection::vec(-(1_i64 << 62)..(1 << 62), 1..50), shift in -80_i32..80) {
        // Integers times a power of two: the exact sum is an integer of 128 bits.
        let scale = libm::exp2(f64::from(shift));
        let floats: Vec<f64> = values.iter().map(|&value| value as f64).collect();
        let exact: i128 = floats.iter().map(|&value| value as i128).sum();
        let sum = fold(&ExactSum::default(), &floats.iter().map(|v| v * scale).collect::<Vec<_>>(), ExactSum::add);
        prop_assert_eq!(sum.sum(), exact as f64 * scale);
    }

    #[test]
    fn blocks_merge_across_ranges_into_the_same_bits(n in 1_usize..20_000, cut in 0_usize..5, seed in any::<u64>()) {
        let agents: Vec<AgentId> = (0..n as u32).map(AgentId).collect();
        let values: Vec<f64> = agents.iter().map(|agent| f64::from(agent.0 ^ seed as u32) * 1e-3).collect();
        let whole = by_blocks(&agents, &values, &FloatSum(0.0), FloatSum::add);
        let at = (cut * BLOCK).min(n);
        let mut parts = by_blocks(&agents[..at], &values[..at], &FloatSum(0.0), FloatSum::add);
        parts.extend(by_blocks(&agents[at..], &values[at..], &FloatSum(0.0), FloatSum::add));
        prop_assert_eq!(&parts, &whole);
        let backward: Vec<AgentId> = agents.iter().rev().copied().collect();
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        prop_assert_eq!(by_blocks(&backward, &reversed, &FloatSum(0.0), FloatSum::add), whole);
    }
}

/// A reduction that does depend on order, as a plain float sum does.
#[derive(Clone, Debug, PartialEq)]
struct FloatSum(f64);

impl FloatSum {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that a fold has")]
    fn add(&mut self, _: AgentId, value: &f64) {
        self.0 += value;
    }
}

impl Reduction for FloatSum {
    fn merge(&mut self, later: &Self) {
        self.0 += later.0;
    }
}

#[test]
fn exact_sum_of_numbers_that_plain_addition_loses() {
    let check = |values: &[f64], expected: f64| {
        let sum = fold(&ExactSum::default(), values, ExactSum::add).sum();
        assert_eq!(sum.to_bits(), expected.to_bits(), "{values:?}: {sum} against {expected}");
    };
    check(&[1e300, 1.0, -1e300], 1.0);
    check(&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX);
    check(&[f64::MAX, f64::MAX], f64::INFINITY);
    check(&[5e-324, -5e-324, 5e-324], 5e-324);
    check(&[1.0, 1e-17, 1e-17], 1.0);
    check(&[1.0, libm::exp2(-53.0), libm::exp2(-80.0)], 1.0 + f64::EPSILON);
    check(&[], 0.0);
}

#[test]
fn exact_sum_counts_what_is_not_finite() {
    let sum = fold(&ExactSum::default(), &[1.0, f64::NAN, f64::INFINITY, 2.0], ExactSum::add);
    assert_eq!((sum.sum(), sum.n(), sum.not_finite()), (3.0, 2, 2));
}

#[test]
fn ties_go_to_the_smallest_agent() {
    let mut least = ArgMin::default();
    for (agent, value) in [(4, 7), (9, 3), (2, 3), (5, 8)] {
        least.add(AgentId(agent), value);
    }
    assert_eq!(least.best(), Some((3, AgentId(2), 2)));
}

#[test]
fn variance_is_exact_where_floats_cancel() {
    let base = 214_748;
    let mut moments = Moments::default();
    for units in [base * 10_000, base * 10_000 + 1, base * 10_000 + 2] {
        moments.add(Decimal::from_units(units));
    }
    assert!((moments.variance().unwrap() - 1e-8).abs() < 1e-20);
    assert_eq!(Moments::default().mean(), None);
}

#[test]
fn histogram_counts_every_number_once() {
    let mut histogram = Histogram::new(0.0, 10.0, 5);
    for value in [-1.0, 0.0, 1.9, 2.0, 10.0, 11.0, f64::NAN] {
        histogram.add(value);
    }
    assert_eq!(histogram.counts(), [2, 1, 0, 0, 1]);
    assert_eq!(histogram.outside(), (1, 1, 1));
    assert_eq!(histogram.quantile(0.0), Some(1.0));
}
