//! Bounded confidence makes one opinion or several, as published, and alike in any world.

use throng_systems::engine::record::Values;

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
    let outcomes = trial("", policies).everywhere(13_000, 3);
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
fn a_rumour_goes_round_by_posts_unless_nobody_listens() {
    let informed = |settings, policy| {
        let rounds = trial(settings, policy).played(2_000, 25);
        let counts: Vec<f64> =
            rounds.iter().map(|round| number(&round.summary, "informed")).collect();
        assert!(counts.is_sorted(), "{counts:?}");
        (counts[0], counts[24], rounds)
    };
    // Everyone listens to everyone: on a connected network everyone hears it.
    let (first, last, rounds) = informed("confidence = 1.0", &[("stubborn", "tells = 0.8", 1.0)]);
    assert!(first < 50.0 && last > 1_990.0, "{first} {last}");
    let (name, posts) = &rounds[3].tables[0];
    assert_eq!(name, "posts");
    let Values::Text(words) = &posts.column("words").unwrap().values else { panic!("words") };
    assert!(words.iter().all(|words| words.contains("moved to Friday")), "{words:?}");
    assert!((number(&rounds[3].summary, "posts") - words.len() as f64).abs() < 0.5);
    // Each passes it on once.
    let written: usize = rounds.iter().map(|round| round.tables[0].1.rows()).sum();
    assert!(written <= 2_000, "{written}");
    let (first, last, _) = informed("confidence = 0.0", &[("stubborn", "tells = 1.0", 1.0)]);
    assert!(last < 1.5 * first, "{first} {last}");
    let (first, last, _) = informed("confidence = 1.0", &[("stubborn", "tells = 0.0", 1.0)]);
    assert!((first - last).abs() < 0.5, "{first} {last}");
}

#[test]
fn who_unfollows_ends_among_those_who_think_alike() {
    let near = |settings| {
        let mut sim = trial(settings, &[("stubborn", "", 1.0)]).alone(1_000);
        (0..40).for_each(|_| drop(sim.round().unwrap()));
        let world = sim.world_mut();
        let (mut near, mut all) = (0, 0);
        for seen in world.query::<&Seen>().iter(world) {
            (near, all) = (near + seen.near, all + seen.contacts);
        }
        f64::from(near) / f64::from(all)
    };
    let (before, after) = (near("unfollow = 0.0"), near("unfollow = 0.5"));
    // Opinions are uniform: at a confidence of 0.2 somebody is near with probability 0.36.
    assert!((before - 0.36).abs() < 0.05 && after > 0.8, "{before} {after}");
}

#[test]
fn polarisation_is_one_when_half_are_at_either_end() {
    let mut sim = trial("", &[("stubborn", "", 1.0)]).alone(100);
    sim.start().unwrap();
    let world = sim.world_mut();
    for (agent, mut opinion) in world.query::<(&AgentId, &mut Opinion)>().iter_mut(world) {
        opinion.0 = Decimal::from_units(10_000 * (agent.0 % 2) as i32);
    }
    let record = sim.round().unwrap();
    assert!((number(&record.summary, "polarisation") - 1.0).abs() < 1e-9);
}

#[test]
fn models_write_posts_and_read_those_of_whom_they_follow() {
    let (rounds, asked) = trial("first_told = 0.5", &[]).in_words(50, 2);
    assert!(number(&rounds[1].summary, "posts") > 20.0, "{:?}", rounds[1].summary);
    assert_eq!((asked.len(), asked[0].texts.len()), (2, 50));
    assert_eq!(asked[0].with("\n@"), 0, "nothing was written before");
    assert!(asked[1].with("\n@") > 40, "{} of 50 were shown posts", asked[1].with("\n@"));
    let told = asked[0].with("You have heard:");
    assert!((10..40).contains(&told), "{told}");
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
    let settings = "confidence = 2.0\nrumour = ''\n[network]\nkind = 'ring'\neach_side = 0";
    let found = problems(&scenario(), settings, ("deffuant", "pace = -1.0"));
    let keys: Vec<_> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(keys, ["confidence", "rumour", "network.each_side", "models.0.pace"]);
    let found = problems(&scenario(), "", ("stubborn", "tells = 7.0"));
    assert!(found[0].starts_with("models.0.tells"), "{found:?}");
}
