//! Bounded confidence makes one opinion or several, as published, and alike in any world.

use super::*;
use crate::trial::{Trial, number, problems};

const WIDE: &str =
    "confidence = 0.5\n[network]\nkind = 'erdos-renyi'\ndegree = 60.0\ndirected = false";
const NARROW: &str =
    "confidence = 0.1\n[network]\nkind = 'erdos-renyi'\ndegree = 60.0\ndirected = false";

fn trial(settings: &'static str, policy: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings, policies: policy }
}

#[test]
fn opinions_change_alike_in_any_world() {
    let policies =
        &[("deffuant", "pace = 0.5", 0.5), ("hegselmann-krause", "", 0.4), ("stubborn", "", 0.1)];
    let outcomes = trial("", policies).everywhere(9_000, 3);
    insta::assert_debug_snapshot!("golden", throng_systems::testing::digests(&outcomes));
}

#[test]
fn wide_confidence_makes_one_opinion_and_narrow_confidence_several() {
    let last = |settings, policy| {
        let rounds = trial(settings, policy).played(2_000, 60);
        let summary = &rounds[59].summary;
        (number(summary, "clusters"), number(summary, "sd"), number(summary, "mean"))
    };
    // Both models agree for a confidence of one half; at a tenth Hegselmann and Krause find several camps.
    for policy in [&[("deffuant", "", 1.0)], &[("hegselmann-krause", "", 1.0)]] {
        let (clusters, sd, mean) = last(WIDE, policy);
        assert!(clusters < 1.5 && sd < 0.02 && (mean - 0.5).abs() < 0.05, "{clusters} {sd} {mean}");
        let (clusters, sd, _) = last(NARROW, policy);
        assert!(clusters > 2.5 && sd > 0.15, "{clusters} {sd}");
    }
}

#[test]
fn the_stubborn_never_change() {
    let rounds = trial("", &[("stubborn", "", 1.0)]).played(500, 5);
    assert_eq!(rounds[0].agents.column("opinion"), rounds[4].agents.column("opinion"));
}

#[test]
fn prompts_tell_the_own_opinion() {
    let prompt = trial("", &[("stubborn", "", 1.0)]).prompt(100, 1, 3);
    assert!(
        prompt.user.contains("Of your 10 contacts") || prompt.user.contains("contacts those"),
        "{}",
        prompt.user
    );
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(&scenario(), "confidence = 2.0", ("deffuant", "pace = -1.0"));
    let keys: Vec<_> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(keys, ["confidence", "models.0.pace"]);
}
