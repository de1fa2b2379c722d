//! The epidemic reaches the size that theory says, in any world, and caution stops it.

use super::*;
use crate::trial::{Trial, number, problems};

const ER: &str = "infection = 0.05\nrecovery = 0.2\nfirst_cases = 0.002\n\
                  [network]\nkind = 'erdos-renyi'\ndegree = 10.0\ndirected = false";

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings: ER, policies }
}

#[test]
fn the_disease_spreads_alike_in_any_world() {
    let mixed = trial(&[("careless", "", 0.7), ("cautious", "above = 0.01", 0.3)]);
    insta::assert_debug_snapshot!(
        "golden",
        throng_systems::testing::digests(&mixed.everywhere(13_000, 4))
    );
}

#[test]
fn the_final_size_is_that_of_theory() {
    let mut sim = trial(&[("careless", "", 1.0)]).alone(20_000);
    let mut last = sim.round().unwrap();
    while sim.ended().is_none() {
        last = sim.round().unwrap();
    }
    let size = number(&last.summary, "recovered") / 20_000.0;
    // A contact infects with probability T before it recovers; on a random network with c contacts on average
    // the share S that is reached solves S = 1 - exp(-c T S) (Newman 2002).
    let (beta, gamma) = (0.05, 0.2);
    let transmitted: f64 = 1.0 - gamma * (1.0 - beta) / (1.0 - (1.0 - gamma) * (1.0 - beta));
    let mut expected = 0.5;
    for _ in 0..200 {
        expected = 1.0 - libm::exp(-10.0 * transmitted * expected);
    }
    assert!((size - expected).abs() < 0.02, "{size} of {expected}");
    let counts = ["susceptible", "infectious", "recovered"].map(|name| number(&last.summary, name));
    assert!((counts.iter().sum::<f64>() - 20_000.0).abs() < 0.5);
}

#[test]
fn a_second_network_infects_too_and_in_any_world() {
    let both = "infection = 0.05\nrecovery = 0.2\nfirst_cases = 0.002\n[network]\nkind = 'ring'\neach_side = 1\n\
                [work]\nkind = 'erdos-renyi'\ndegree = 10.0\ndirected = false";
    let policies = &[("careless", "", 1.0)];
    let one = "infection = 0.05\nrecovery = 0.2\nfirst_cases = 0.002\n[network]\nkind = 'ring'\neach_side = 1";
    let size = |settings| {
        let rounds = Trial { settings, ..trial(policies) }.played(5_000, 60);
        number(&rounds[59].summary, "recovered")
    };
    let (ring, with_work) = (size(one), size(both));
    assert!(with_work > 10.0 * ring && with_work > 3_000.0, "{ring} {with_work}");
    Trial { settings: both, ..trial(policies) }.everywhere(13_000, 3);
}

#[test]
fn caution_keeps_the_disease_down() {
    let peak = |policies| {
        let rounds = trial(policies).played(5_000, 40);
        rounds.iter().map(|round| number(&round.summary, "infectious")).fold(0.0, f64::max)
    };
    let (careless, cautious) =
        (peak(&[("careless", "", 1.0)]), peak(&[("cautious", "above = 0.01", 1.0)]));
    assert!(cautious < 0.3 * careless, "{cautious} of {careless}");
}

#[test]
fn prompts_tell_the_news() {
    let prompt = trial(&[("careless", "", 1.0)]).prompt(100, 2, 3);
    assert!(prompt.user.contains("percent of all people are infectious"), "{}", prompt.user);
}

#[test]
fn wrong_settings_are_named() {
    let settings = "infection = 1.5\n[network]\nkind = 'ring'\neach_side = 0";
    let found = problems(&scenario(), settings, ("cautious", "above = 7.0"));
    let keys: Vec<_> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(keys, ["infection", "network.each_side", "models.0.above"]);
}
