//! People keep to the clock, meet who is there, remember whom they talked to, and do so alike in any world.

use throng_systems::engine::record::Values;

use super::*;
use crate::trial::{Trial, number, numbers, problems};

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial {
        scenario: scenario(),
        settings: "days = 2\nhousehold = 3\nstaff = 10\nparks = 2",
        policies,
    }
}

#[test]
fn people_live_alike_in_any_world() {
    let outcomes = trial(&[("sociable", "", 0.8), ("shy", "", 0.2)]).everywhere(9_000, 10);
    insta::assert_debug_snapshot!("golden", throng_systems::testing::digests(&outcomes));
}

#[test]
fn the_day_goes_from_setting_out_to_setting_out_until_the_end() {
    let mut sim = trial(&[("sociable", "", 1.0)]).alone(60);
    let (mut times, mut awake) = (Vec::new(), 0.0);
    while sim.ended().is_none() {
        let record = sim.round().unwrap();
        let Values::Text(time) = &record.summary.column("time").unwrap().values else {
            panic!("a time is text")
        };
        times.push(time[0].clone());
        awake += number(&record.summary, "awake");
    }
    assert!(times[0].starts_with("Monday 2026-06-01 0"), "{times:?}");
    assert!(times.iter().any(|time| time.starts_with("Tuesday")), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[0] != pair[1]));
    // Everyone sets out three times a day.
    assert!((awake - 60.0 * 3.0 * 2.0).abs() < 0.5, "{awake}");
    assert_eq!(sim.ended(), Some("the clock has reached Wednesday 2026-06-03 06:00"));
}

#[test]
fn people_meet_and_remember() {
    let rounds = trial(&[("sociable", "strangers = 1.0", 1.0)]).played(60, 40);
    let talks: f64 = numbers(&rounds[39].agents, "talks").iter().sum();
    let spoke: f64 = rounds.iter().map(|round| number(&round.summary, "spoke")).sum();
    assert!(spoke > 60.0 && talks > 1.5 * spoke, "both remember: {talks} {spoke}");
    let mut company = Company::default();
    for agent in [1, 2, 3, 2, 4, 5] {
        company.remember(AgentId(agent));
    }
    let met: Vec<_> = company.met().map(|agent| agent.0).collect();
    assert_eq!(met, [5, 4, 2, 3]);
}

#[test]
fn the_shy_never_talk() {
    let rounds = trial(&[("shy", "", 1.0)]).played(30, 20);
    assert!(rounds.iter().all(|round| number(&round.summary, "spoke") < 0.5));
}

#[test]
fn prompts_tell_time_and_place() {
    let prompt = trial(&[("sociable", "strangers = 1.0", 1.0)]).prompt(30, 5, 3);
    assert!(prompt.user.starts_with("It is Monday 2026-06-01"), "{}", prompt.user);
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(&scenario(), "start = 'dawn'\ndays = 0", ("sociable", "strangers = 9.0"));
    assert_eq!(found.len(), 3, "{found:?}");
}
