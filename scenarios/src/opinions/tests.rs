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
    let last = |settings, policy, rounds: usize| {
        let records = trial(settings, policy).played(2_000, rounds);
        let summary = &records[rounds - 1].summary;
        ["clusters", "largest", "sd", "mean"].map(|name| number(summary, name))
    };
    // Both models agree for a confidence of one half. At a tenth both find several camps: Deffuant's pairs, who
    // meet fewer that are near enough and so need more rounds, about 1 / (2 x 0.1) of them.
    let models: [(&'static [_], _, _); 2] =
        [(&[("deffuant", "", 1.0)], 200, 4.0), (&[("hegselmann-krause", "", 1.0)], 60, 3.0)];
    for (policy, rounds, camps) in models {
        let [clusters, _, sd, mean] = last(WIDE, policy, 60);
        assert!(clusters < 1.5 && sd < 0.02 && (mean - 0.5).abs() < 0.05, "{clusters} {sd} {mean}");
        let [clusters, largest, sd, _] = last(NARROW, policy, rounds);
        assert!(clusters >= camps && largest < 0.5 && sd > 0.15, "{clusters} {largest} {sd}");
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
