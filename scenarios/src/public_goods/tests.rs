//! Reciprocal givers keep giving among themselves and stop with free riders, alike in any world.

use super::*;
use crate::trial::{Trial, number, numbers, problems};

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings: "", policies }
}

#[test]
fn members_give_alike_in_any_world() {
    let mixed = trial(&[("reciprocal", "", 0.5), ("free-rider", "", 0.3), ("altruist", "", 0.2)]);
    insta::assert_debug_snapshot!(
        "golden",
        throng_systems::testing::digests(&mixed.everywhere(13_001, 3))
    );
}

#[test]
fn everyone_gains_if_all_give_and_free_riders_gain_most() {
    let rounds = trial(&[("altruist", "", 1.0)]).played(8, 1);
    assert!(numbers(&rounds[0].agents, "earned").iter().all(|earned| (earned - 32.0).abs() < 1e-9));
    let rounds = trial(&[("altruist", "", 0.5), ("free-rider", "", 0.5)]).played(4, 1);
    let gifts = numbers(&rounds[0].agents, "gift");
    let earned = numbers(&rounds[0].agents, "earned");
    for (gift, earned) in gifts.iter().zip(earned) {
        // 1.6 × 40 / 4 = 16 for each, and 20 more for those who gave nothing.
        assert!((earned - (36.0 - gift)).abs() < 1e-9, "{gift} {earned}");
    }
}

#[test]
fn giving_declines_with_free_riders_and_lasts_without() {
    let means = |policies| -> Vec<f64> {
        let rounds = trial(policies).played(400, 15);
        rounds.iter().map(|round| number(&round.summary, "mean")).collect()
    };
    let alone = means(&[("reciprocal", "matches = 1.0", 1.0)]);
    assert!((alone[14] - 10.0).abs() < 1e-9, "{alone:?}");
    let mixed = means(&[("reciprocal", "matches = 1.0", 0.7), ("free-rider", "", 0.3)]);
    assert!(mixed[14] < 0.5 * mixed[0], "{mixed:?}");
}

#[test]
fn prompts_tell_the_last_round() {
    let prompt = trial(&[("altruist", "", 1.0)]).prompt(8, 1, 2);
    assert!(
        prompt.user.contains("you gave 20 and the others gave 20 on average"),
        "{}",
        prompt.user
    );
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(
        &scenario(),
        "members = 1\nendowment = 50\nmultiplier = -1.0",
        ("reciprocal", "matches = -1.0"),
    );
    assert_eq!(found.len(), 4, "{found:?}");
}
