//! Groups report the mean of their members, aim at a share of the mean of groups, and play alike anywhere.

use super::*;
use crate::trial::{Trial, number, numbers, problems};

fn trial() -> Trial {
    let policies = &[("best-response", "error = 3.0", 0.8), ("uniform", "", 0.2)];
    Trial { scenario: scenario(), settings: "groups = 3", policies }
}

#[test]
fn groups_are_told_the_same_in_any_world() {
    let outcomes = trial().everywhere(13_000, 3);
    insta::assert_debug_snapshot!("golden", throng_systems::testing::digests(&outcomes));
}

#[test]
fn the_target_is_a_share_of_the_mean_of_groups() {
    let rounds = trial().played(300, 6);
    let (all, targets) =
        (numbers(&rounds[0].summary, "number"), numbers(&rounds[0].summary, "target"));
    // The first row is that of everyone.
    let groups = &all[1..];
    assert!((all[0] - groups.iter().sum::<f64>() / 3.0).abs() < 0.006, "{all:?}");
    let expected = groups.iter().sum::<f64>() / 3.0 * 2.0 / 3.0;
    assert!((targets[0] - expected).abs() < 0.006, "{groups:?} {targets:?}");
    let guesses = numbers(&rounds[0].agents, "number");
    let first: Vec<f64> = guesses.iter().step_by(3).copied().collect();
    assert!((groups[0] - first.iter().sum::<f64>() / first.len() as f64).abs() < 0.006);
    let won = numbers(&rounds[0].summary, "won");
    let closest = (0..3)
        .min_by(|a, b| (groups[*a] - targets[0]).abs().total_cmp(&(groups[*b] - targets[0]).abs()));
    assert!(won[1 + closest.unwrap()] > 0.5);
    assert!(number(&rounds[5].summary, "target") < targets[0], "targets fall");
}

#[test]
fn prompts_tell_the_rules_and_every_group() {
    let prompt = trial().prompt(9, 1, 4);
    assert!(
        prompt.system.contains("a game of 3 groups") && prompt.system.contains("0.6667"),
        "{}",
        prompt.system
    );
    assert!(
        prompt.user.contains("You are in group 2.") && prompt.user.contains("Group 3 reported"),
        "{}",
        prompt.user
    );
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(&scenario(), "groups = 0\nratio = 3.0", ("best-response", "eror = 1.0"));
    let keys: Vec<_> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(keys, ["groups", "ratio", "models.0.eror"]);
    let found = problems(&scenario(), "", ("best-response", "error = nan"));
    assert!(found[0].starts_with("models.0.error: "), "{found:?}");
    assert!(problems(&scenario(), "", ("guess", ""))[0].contains("there is no policy `guess`"));
}
