//! The strategies score what is known of them, everyone meets everyone, and play is alike in any world.

use super::*;
use crate::trial::{Trial, numbers, problems};

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings: "rounds = 10", policies }
}

#[test]
fn players_play_alike_in_any_world() {
    let all = trial(&[
        ("tit-for-tat", "", 0.2),
        ("defector", "", 0.2),
        ("grim", "", 0.2),
        ("win-stay-lose-shift", "", 0.2),
        ("random", "", 0.2),
    ]);
    insta::assert_debug_snapshot!(
        "golden",
        throng_systems::testing::digests(&all.everywhere(13_001, 3))
    );
}

#[test]
fn everyone_meets_everyone_once_in_a_round_robin() {
    for population in 2..12_u64 {
        let mut met = std::collections::BTreeSet::new();
        let matches = population - 1 + population % 2;
        for number in 0..matches {
            for player in (0..population as u32).map(AgentId) {
                if let Some(other) = opponent(player, population, number) {
                    assert_ne!(player, other);
                    assert_eq!(opponent(other, population, number), Some(player));
                    met.insert((player, other));
                }
            }
        }
        assert_eq!(met.len() as u64, population * (population - 1));
    }
}

/// The points of two strategies after one match of ten rounds against each other.
fn duel(policies: &'static [(&'static str, &'static str, f64)]) -> Vec<f64> {
    let rounds = trial(policies).played(2, 10);
    numbers(&rounds[9].summary, "points").split_off(1)
}

#[test]
fn duels_end_as_is_known() {
    let expect = |duel: Vec<f64>, points: [f64; 2]| {
        assert!(
            duel.iter().zip(points).all(|(got, expected)| (got - expected).abs() < 1e-9),
            "{duel:?}"
        );
    };
    // The sucker's payoff once, then mutual punishment; the temptation once, likewise.
    expect(duel(&[("tit-for-tat", "", 0.5), ("defector", "", 0.5)]), [9.0, 14.0]);
    expect(duel(&[("grim", "", 0.5), ("tit-for-tat", "", 0.5)]), [30.0, 30.0]);
    expect(duel(&[("cooperator", "", 0.5), ("defector", "", 0.5)]), [0.0, 50.0]);
    // Win-stay, lose-shift cooperates every second time with a defector.
    expect(duel(&[("win-stay-lose-shift", "", 0.5), ("defector", "", 0.5)]), [5.0, 30.0]);
}

#[test]
fn reciprocity_beats_defection_among_many_reciprocal_players() {
    let rounds = trial(&[("tit-for-tat", "", 0.8), ("defector", "", 0.2)]).played(20, 190);
    let points = numbers(&rounds[189].summary, "points");
    assert!(points[1] > points[2], "{points:?}");
    assert!(points[2] < points[0] && points[0] < points[1], "{points:?}");
}

#[test]
fn prompts_tell_the_points_and_the_last_round() {
    let prompt = trial(&[("defector", "", 1.0)]).prompt(4, 1, 2);
    assert!(prompt.system.contains("gets 5 points and the other 0"), "{}", prompt.system);
    assert!(
        prompt.user.contains("you chose to defect and the other player chose to defect"),
        "{}",
        prompt.user
    );
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(&scenario(), "rounds = 0\nreward = 9", ("tit-for-tat", ""));
    assert_eq!(found.len(), 2, "{found:?}");
}
