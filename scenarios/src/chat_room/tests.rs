//! Members hear their own room only, answer who mentions them, and talk alike in any world.

use throng_systems::engine::record::Values;

use super::*;
use crate::trial::{Trial, number, problems};

fn trial(policies: &'static [(&'static str, &'static str, f64)]) -> Trial {
    Trial { scenario: scenario(), settings: "members = 5", policies }
}

#[test]
fn members_talk_alike_in_any_world() {
    let outcomes = trial(&[("polite", "", 0.8), ("silent", "", 0.2)]).everywhere(13_000, 2);
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
    // What a room hears is what its own members have posted, in every exchange.
    let board = sim.resource::<Board<Words>>();
    for room in 0..4 {
        let posts = board.to(Audience::Group(1 + room));
        assert!(posts.into_iter().all(|post| post.from.0 / 5 == room));
    }
    let world = sim.world_mut();
    for (agent, present) in world.query::<(&AgentId, &Present)>().iter(world) {
        for line in &present.heard {
            let from = &line[1..line.find(':').unwrap()];
            let own_room = (0..5).map(|place| name_of(AgentId(place), 5));
            assert!(own_room.into_iter().any(|name| name == from), "{line}");
            assert_ne!(from, name_of(*agent, 5), "nobody hears itself");
        }
    }
}

#[test]
fn a_mention_is_a_whole_name_after_an_at_sign() {
    for (words, expected) in [
        ("@Ada hello", true),
        ("hello @Ada", true),
        ("@Ada.", true),
        ("@Ad", false),
        ("@Ada2", false),
        ("Ada", false),
        ("@ Ada", false),
    ] {
        assert_eq!(policy::mentions(words, "Ada"), expected, "{words}");
    }
}

#[test]
fn members_of_a_room_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = (0..45).map(|a| name_of(AgentId(a), 45)).collect();
    assert_eq!(names.len(), 45);
    assert_eq!(name_of(AgentId(45 + 20), 45), "Ada2");
}

#[test]
fn models_are_asked_when_they_are_inside_or_mentioned_and_hear_what_was_said_since_they_came() {
    let settings = "members = 5\ncomes = 1.0\nleaves = 0.0\nannouncements = ['Tea.', 'Cake.']";
    let (rounds, asked) = Trial { settings, ..trial(&[]) }.in_words(20, 2);
    assert_eq!((asked[0].texts.len(), asked[0].exchange), (20, 0));
    assert!(
        asked
            .iter()
            .filter(|asked| asked.exchange > 0)
            .all(|asked| { asked.with("You were mentioned.") == asked.texts.len() })
    );
    assert!(asked.iter().all(|asked| asked.with("You keep bees.") == asked.texts.len()));
    assert_eq!(
        (asked[0].with("Announcement: Tea."), asked[0].with("Announcement: Cake.")),
        (10, 10)
    );
    assert_eq!(asked[0].with(": "), asked[0].with("Announcement: "), "nothing was said before");
    let again = asked.iter().find(|asked| asked.round == 2).unwrap();
    assert!(again.with("\n@") > 10, "{} of 20 have heard something", again.with("\n@"));
    assert!(number(&rounds[1].summary, "said") > 5.0);
}

#[test]
fn whoever_comes_has_heard_nothing_yet() {
    let settings = "members = 5\ncomes = 0.5\nleaves = 0.5\nexchanges = 1";
    let policies = &[("polite", "talks = 1.0", 1.0)];
    let mut sim = Trial { settings, ..trial(policies) }.alone(50);
    let (mut newcomers, mut others) = (0, 0);
    for _ in 0..12 {
        sim.round().unwrap();
        let world = sim.world_mut();
        for present in world.query::<&Present>().iter(world).filter(|present| present.inside) {
            if present.came {
                assert!(present.heard.is_empty(), "{:?}", present.heard);
                newcomers += 1;
            } else {
                others += present.heard.len();
            }
        }
    }
    assert!(newcomers > 50 && others > 50, "{newcomers} {others}");
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
        let name = name_of(AgentId(agent), 5);
        assert!(prompt.user.starts_with(&format!("You are @{name}.")), "{}", prompt.user);
        assert!(prompt.user.contains("Announcement: Be kind to each other."), "{}", prompt.user);
    }
    let heard = prompts.iter().filter(|prompt| prompt.user.contains("\n@")).count();
    assert!(heard > 0, "members in the room have heard lines: {prompts:?}");
}

#[test]
fn wrong_settings_are_named() {
    let settings = "members = 1\ncomes = 2.0\nexchanges = 0\nannouncements = []";
    let found = problems(&scenario(), settings, ("polite", "talks = 9.0"));
    assert_eq!(found.len(), 5, "{found:?}");
}
