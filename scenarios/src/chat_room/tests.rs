//! Members hear their own room only, answer who mentions them, and talk alike in any world.

use throng_systems::engine::record::Values;

use super::*;
use crate::trial::{Trial, number, problems};

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings: "members = 5", policies }
}

#[test]
fn members_talk_alike_in_any_world() {
    let outcomes = trial(&[("polite", "", 0.8), ("silent", "", 0.2)]).everywhere(8_500, 2);
    insta::assert_debug_snapshot!("golden", throng_systems::testing::digests(&outcomes));
}

#[test]
fn whoever_is_mentioned_answers_in_the_next_exchange() {
    let rounds = trial(&[("polite", "talks = 1.0", 1.0)]).played(20, 4);
    let (name, posts) = &rounds[3].tables[0];
    assert_eq!(name, "posts");
    let Values::Text(words) = &posts.column("words").unwrap().values else {
        panic!("words are text")
    };
    assert!(words.iter().any(|words| words.starts_with("What do you think, @")), "{words:?}");
    assert!(words.iter().any(|words| words.starts_with("Glad to hear from you, @")), "{words:?}");
    let present = number(&rounds[3].summary, "present");
    assert!(present > 5.0 && present < 20.0, "{present}");
}

#[test]
fn nobody_hears_another_room() {
    let mut sim = trial(&[("polite", "talks = 1.0", 1.0)]).alone(20);
    for _ in 0..3 {
        sim.round().unwrap();
    }
    let world = sim.world_mut();
    for (agent, present) in world.query::<(&AgentId, &Present)>().iter(world) {
        for line in &present.heard {
            let from: u32 = line[1..line.find(':').unwrap()].parse().unwrap();
            assert_eq!(from / 5, agent.0 / 5, "{line}");
        }
    }
}

#[test]
fn a_mention_is_a_whole_number_after_an_at_sign() {
    for (words, expected) in [
        ("@12 hello", true),
        ("hello @12", true),
        ("@12.", true),
        ("@1", false),
        ("@123", false),
        ("12", false),
        ("@ 12", false),
    ] {
        assert_eq!(policy::mentions(words, AgentId(12)), expected, "{words}");
    }
}

#[test]
fn the_silent_say_nothing() {
    let rounds = trial(&[("silent", "", 1.0)]).played(20, 3);
    assert!(rounds.iter().all(|round| round.tables[0].1.rows() == 0));
}

#[test]
fn prompts_tell_what_was_heard() {
    let trial = trial(&[("polite", "talks = 1.0", 1.0)]);
    let prompts: Vec<_> = (0..5).map(|agent| trial.prompt(5, 6, agent)).collect();
    for (prompt, agent) in prompts.iter().zip(0..) {
        assert!(prompt.user.starts_with(&format!("You are @{agent}.")), "{}", prompt.user);
        assert!(prompt.system.contains("Be kind to each other."), "{}", prompt.system);
    }
    let heard = prompts.iter().filter(|prompt| prompt.user.contains("\n@")).count();
    assert!(heard > 0, "members in the room have heard lines: {prompts:?}");
}

#[test]
fn wrong_settings_are_named() {
    let found =
        problems(&scenario(), "members = 1\ncomes = 2.0\nexchanges = 0", ("polite", "talks = 9.0"));
    assert_eq!(found.len(), 4, "{found:?}");
}
