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
    let outcomes = trial(&[("sociable", "", 0.8), ("shy", "", 0.2)]).everywhere(13_000, 10);
    insta::assert_debug_snapshot!("golden", throng_systems::testing::digests(&outcomes));
}

#[test]
fn the_day_goes_from_setting_out_to_setting_out_until_the_end() {
    let mut sim = trial(&[("sociable", "", 1.0)]).alone(60);
    let (mut times, mut arrivals, mut before) = (Vec::new(), 0, vec![0.0; 60]);
    while sim.ended().is_none() {
        let record = sim.round().unwrap();
        let Values::Text(time) = &record.summary.column("time").unwrap().values else {
            panic!("a time is text")
        };
        times.push(time[0].clone());
        arrivals += numbers(&record.agents, "whereabouts")
            .iter()
            .zip(&before)
            .filter(|(now, before)| {
                let settles = [0.0, 2.0, 4.0].iter().any(|place| (**now - place).abs() < 0.5);
                settles && (**now - **before).abs() > 0.5
            })
            .count();
        before = numbers(&record.agents, "whereabouts");
    }
    assert!(times[0].starts_with("Monday 2026-06-01 0"), "{times:?}");
    assert!(times.iter().any(|time| time.starts_with("Tuesday")), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[0] != pair[1]));
    // Everyone comes to work, to the park and home every day.
    assert_eq!(arrivals, 60 * 3 * 2);
    assert_eq!(sim.ended(), Some("the clock has reached Wednesday 2026-06-03 06:00"));
}

#[test]
fn people_meet_converse_and_remember() {
    let rounds = trial(&[("sociable", "strangers = 1.0", 1.0)]).played(60, 100);
    let talks: f64 = numbers(&rounds[99].agents, "talks").iter().sum();
    let said: f64 = rounds.iter().map(|round| number(&round.summary, "said")).sum();
    let (name, _) = &rounds[0].tables[0];
    assert_eq!(name, "letters");
    let letters: Vec<String> = rounds.iter().flat_map(|round| words(&round.tables[0].1)).collect();
    assert!(said > 60.0, "{said}");
    // Who speaks and who hears both remember; what was said last of all is not heard any more.
    assert!(talks > 1.9 * said - 60.0 && talks <= 2.0 * said, "{talks} {said}");
    assert!(letters.iter().any(|words| words.starts_with("Good to see you")), "{letters:?}");
    assert!(letters.iter().any(|words| words.starts_with("How are you")), "{letters:?}");
    let lost: f64 = rounds.iter().map(|round| number(&round.summary, "lost")).sum();
    assert!(lost < 0.5, "{lost}");
    let mut company = Company::default();
    for agent in [1, 2, 3, 2, 4, 5] {
        company.remember(AgentId(agent));
    }
    let met: Vec<_> = company.met().map(|agent| agent.0).collect();
    assert_eq!(met, [5, 4, 2, 3]);
}

fn words(table: &throng_systems::engine::record::Table) -> Vec<String> {
    match &table.column("words").unwrap().values {
        Values::Text(words) => words.clone(),
        other => panic!("words are no {other:?}"),
    }
}

#[test]
fn people_are_on_the_map_where_their_day_takes_them() {
    let mut sim = trial(&[("sociable", "", 1.0)]).alone(200);
    let mut visits = Vec::new();
    while sim.ended().is_none() {
        let record = sim.round().unwrap();
        visits.push(number(&record.summary, "park_visits"));
        let now = sim.resource::<Clock>().now();
        let (map, plane) = (sim.resource::<Map>().clone(), sim.resource::<Plane>().clone());
        let world = sim.world_mut();
        for (agent, place, at) in world.query::<(&AgentId, &Whereabouts, &Position)>().iter(world) {
            let away = |spot| plane.distance_squared(*at, spot).sqrt();
            match place {
                Whereabouts::Home => assert!(away(map.home(*agent)) < 1e-9),
                Whereabouts::Work => assert!(away(map.workplace(*agent)) < 1e-9),
                Whereabouts::Park => {
                    let open = (6..=21).contains(&(now.time_of_day() / 3_600));
                    assert!(open, "nobody is in a park at {now}");
                }
                _ => (),
            }
        }
    }
    // Everyone goes to the park every day, and every midnight the count begins anew.
    assert!(visits.iter().any(|count| (count - 200.0).abs() < 0.5), "{visits:?}");
    assert!(visits.windows(2).any(|pair| pair[1] < 0.5 && pair[0] > 199.5), "{visits:?}");
    assert!(visits.iter().all(|count| *count <= 200.0), "{visits:?}");
}

#[test]
fn only_who_meets_someone_or_is_spoken_to_is_asked_in_words() {
    let (rounds, asked) = trial(&[]).in_words(60, 60);
    let arrivals: usize =
        asked.iter().filter(|asked| asked.exchange == 0).map(|a| a.texts.len()).sum();
    assert!(arrivals > 30 && arrivals < 60 * 6, "{arrivals} of 60 agents in 60 rounds");
    for asked in asked.iter().filter(|asked| asked.exchange > 0) {
        assert_eq!(asked.with("has spoken to you"), asked.texts.len());
        assert_eq!(asked.with("You hear: "), asked.texts.len());
    }
    assert!(asked.iter().all(|asked| asked.with("You keep bees.") == asked.texts.len()));
    let written: usize = rounds.iter().map(|round| round.tables[0].1.rows()).sum();
    assert!(written > 10, "{written}");
}

#[test]
fn the_shy_never_talk() {
    let rounds = trial(&[("shy", "", 1.0)]).played(30, 40);
    assert!(rounds.iter().all(|round| number(&round.summary, "said") < 0.5));
}

#[test]
fn prompts_tell_time_and_place() {
    let prompt = trial(&[("sociable", "strangers = 1.0", 1.0)]).prompt(30, 5, 3);
    assert!(prompt.user.contains("You are person 3.\nIt is Monday 2026-06-01"), "{}", prompt.user);
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(
        &scenario(),
        "start = 'dawn'\ndays = 0\nparks_close = 5\nside_m = nan",
        ("sociable", "strangers = 9.0"),
    );
    assert_eq!(found.len(), 5, "{found:?}");
}
