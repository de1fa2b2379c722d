//! Tests of all policies: finite guesses for any past, catalogue, parameters, published means.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "figures of known size"
)]

use proptest::prelude::*;
use serde::Deserialize;
use throng_engine::stream::{Purpose, Stream, Streams};
use throng_engine::{AgentId, Decimal};

use super::{GuessPolicy, Own, Policy, View};
use crate::guessing_game::rules::Rules;
use crate::guessing_game::rules::tests::playable;

fn parse(name: &str, parameters: &str) -> Policy {
    Policy::parse(name, &parameters.parse().unwrap()).unwrap()
}

fn stream(round: u32, agent: u32) -> Stream {
    Streams::new(1, Purpose::new("guess"), round).agent(AgentId(agent))
}

/// Guesses of agents 0..n in the round after `view`, all with the same memory.
fn guesses(policy: &Policy, view: &View<'_>, own: &Own<'_>, n: u32) -> Vec<f64> {
    fn all<P: GuessPolicy>(policy: &P, view: &View<'_>, own: &Own<'_>, n: u32) -> Vec<f64> {
        let begun = policy.begin(view);
        let round = u32::try_from(view.means.len()).unwrap() + 1;
        (0..n).map(|agent| policy.guess(&begun, own, &mut stream(round, agent))).collect()
    }
    match policy {
        Policy::HumanLike(policy) => all(policy, view, own, n),
        Policy::LevelK(policy) => all(policy, view, own, n),
        Policy::CognitiveHierarchy(policy) => all(policy, view, own, n),
        Policy::BestResponse(policy) => all(policy, view, own, n),
        Policy::LearningDirection(policy) => all(policy, view, own, n),
        Policy::Uniform(policy) => all(policy, view, own, n),
        Policy::Equilibrium(policy) => all(policy, view, own, n),
    }
}

fn first_round(policy: &Policy, n: u32) -> Vec<f64> {
    let rules = Rules::default();
    guesses(policy, &View { rules: &rules, means: &[], targets: &[] }, &Own::default(), n)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} against {expected} ± {tolerance}");
}

#[test]
fn catalogue() {
    let mut lines = Vec::new();
    for info in Policy::catalogue() {
        lines.push(format!("{}: {}", info.name, info.sentence));
        for p in info.parameters {
            lines.push(format!("  {} = {}: {}; {}", p.name(), p.default(), p.meaning(), p.range()));
        }
        lines.push(format!("  [{}]", info.source));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    human-like: guesses as people in experiments did, in the first round and after
      habit = 0.25: the probability that an agent keeps its place among all players' depths of reasoning from one round to the next; 0 to 1
      [R. Nagel, "Unraveling in Guessing Games: An Experimental Study", American Economic Review 85(5), 1995]
    level-k: answers after k steps of reasoning from a uniform player, in later rounds from the previous mean
      level = 2: the level of every agent, unless `shares` is written; 0 to 32
      shares = none: the shares of the levels 0, 1, 2 and so on; each agent draws its level anew in each round; up to 33 numbers from 0 to 1 that add up to 1
      noise = 0: the standard deviation of a normal error, as a share of the width of the range; 0 to 1
      [D. O. Stahl and P. W. Wilson, "On Players' Models of Other Players", Games and Economic Behavior 10(1), 1995; R. Nagel, "Unraveling in Guessing Games", American Economic Review 85(5), 1995]
    cognitive-hierarchy: draws a level from a Poisson distribution and answers the mix of all lower levels
      tau = 1.5: the mean number of steps of reasoning; 0 to 20
      [C. F. Camerer, T.-H. Ho and J.-K. Chong, "A Cognitive Hierarchy Model of Games", Quarterly Journal of Economics 119(3), 2004]
    best-response: answers offset + ratio × previous mean, in round 1 with the midpoint as the mean, with an error
      noise = 0.02: the standard deviation of a normal error, as a share of the width of the range; 0 to 1
      [A. Cournot, "Recherches sur les principes mathématiques de la théorie des richesses", 1838; for this game T.-H. Ho, C. Camerer and K. Weigelt, "Iterated Dominance and Iterated Best Response in Experimental p-Beauty Contests", American Economic Review 88(4), 1998]
    learning-direction: moves its own last answer toward the previous target, more often than away from it; in round 1 any number
      toward = 0.73: the probability of moving toward the previous target rather than away from it; 0 to 1
      pace = 0.5: the mean share of the distance to the previous target that a move covers; shares are uniform from 0 to twice this; 0 to 1
      [R. Selten and R. Stoecker, "End Behavior in Sequences of Finite Prisoner's Dilemma Supergames", Journal of Economic Behavior & Organization 7(1), 1986; its frequency in this game from R. Nagel, American Economic Review 85(5), 1995]
    uniform: answers any number of the range with equal probability
      think_ms = 0: how long an agent thinks, in milliseconds; who runs the policy decides how to wait; 0 to 3600000
      [level 0 of R. Nagel, "Unraveling in Guessing Games", American Economic Review 85(5), 1995; with a think time the dummy agent of X. Pan et al., "Very Large-Scale Multi-Agent Simulation in AgentScope", arXiv 2407.17789, 2024]
    equilibrium: answers the fixed point offset / (1 - ratio), bounded to the range; from ratio 1 on the end of the range that reasoning leads to
      [iterated elimination of dominated answers: H. Moulin, "Game Theory for the Social Sciences", 1986; R. Nagel, American Economic Review 85(5), 1995]
    "#);
}

#[test]
fn every_policy_has_its_defaults_and_survives_writing_and_reading() {
    for info in Policy::catalogue() {
        let policy = parse(info.name, "");
        assert_eq!(policy.info().name, info.name);
        assert_eq!(Policy::parse(info.name, &policy.parameters()).unwrap(), policy);
    }
    let mixed = parse("level-k", "shares = [0.25, 0.5, 0.25]\nnoise = 0.1");
    assert_eq!(Policy::parse("level-k", &mixed.parameters()).unwrap(), mixed);
}

#[test]
fn bad_parameters_say_what_to_write() {
    let problems: Vec<String> = [
        ("humanlike", ""),
        ("human-like", "habits = 1"),
        ("human-like", "habit = 1.5"),
        ("human-like", "habit = nan"),
        ("human-like", "habit = \"often\""),
        ("level-k", "level = -1"),
        ("level-k", "level = 2.5"),
        ("level-k", "level = 33"),
        ("level-k", "shares = []"),
        ("level-k", "shares = [0.5, 0.4]"),
        ("level-k", "shares = [1.5, -0.5]"),
        ("level-k", "level = 1\nshares = [1.0]"),
        ("cognitive-hierarchy", "tau = 21"),
        ("best-response", "noise = -0.1"),
        ("learning-direction", "toward = true"),
        ("uniform", "think_ms = 3600001"),
        ("equilibrium", "noise = 0"),
    ]
    .map(|(name, text)| Policy::parse(name, &text.parse().unwrap()).unwrap_err().to_string())
    .into();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    policy: there is no policy `humanlike` (write one of human-like, level-k, cognitive-hierarchy, best-response, learning-direction, uniform, equilibrium)
    habits: `human-like` has no parameter `habits` (write one of habit)
    habit: `1.5` is not a value of `habit` (write 0 to 1)
    habit: `nan` is not a value of `habit` (write 0 to 1)
    habit: `"often"` is not a value of `habit` (write 0 to 1)
    level: `-1` is not a value of `level` (write 0 to 32)
    level: `2.5` is not a value of `level` (write 0 to 32)
    level: `33` is not a value of `level` (write 0 to 32)
    shares: `[]` is not a value of `shares` (write up to 33 numbers from 0 to 1 that add up to 1)
    shares: the shares add up to 0.9, not 1 (change one of them)
    shares: `[1.5, -0.5]` is not a value of `shares` (write up to 33 numbers from 0 to 1 that add up to 1)
    shares: `level` and `shares` both say how far agents reason (write only one of them)
    tau: `21` is not a value of `tau` (write 0 to 20)
    noise: `-0.1` is not a value of `noise` (write 0 to 1)
    toward: `true` is not a value of `toward` (write 0 to 1)
    think_ms: `3600001` is not a value of `think_ms` (write 0 to 3600000)
    noise: `equilibrium` has no parameter `noise` (remove it: this policy takes none)
    "#);
}

#[test]
fn the_documentation_names_every_policy_parameter_and_source() {
    let page = include_str!("../../../../docs/policies.md");
    for info in Policy::catalogue() {
        assert!(page.contains(&format!("## `{}`", info.name)), "{}", info.name);
        assert!(page.contains(info.source), "the source of {}", info.name);
        for parameter in info.parameters {
            let row = format!(
                "| `{}` | {} | {} |",
                parameter.name(),
                parameter.default(),
                parameter.range()
            );
            assert!(page.contains(&row), "{row}");
        }
    }
}

#[test]
fn cognitive_hierarchy_has_the_published_means() {
    #[derive(Deserialize)]
    struct Table {
        cognitive_hierarchy: Means,
    }
    #[derive(Deserialize)]
    struct Means {
        tau: Vec<f64>,
        mean: Vec<f64>,
    }
    let table: Table = toml::from_str(include_str!("../../../reference/human_guess.toml")).unwrap();
    let expected = table.cognitive_hierarchy;
    assert_eq!(expected.tau.len(), expected.mean.len());
    for (tau, expected) in expected.tau.iter().zip(expected.mean) {
        let found =
            mean(&first_round(&parse("cognitive-hierarchy", &format!("tau = {tau:?}")), 200_000));
        println!("tau {tau}: {found:.2}, expected {expected}");
        assert_near(found, expected, 0.3);
    }
}

#[test]
fn cognitive_hierarchy_of_no_steps_is_uniform_and_of_many_is_low() {
    assert_near(mean(&first_round(&parse("cognitive-hierarchy", "tau = 0"), 100_000)), 50.0, 0.5);
    let deep = mean(&first_round(&parse("cognitive-hierarchy", "tau = 20"), 100_000));
    assert!((0.0..2.0).contains(&deep), "{deep}");
}

#[test]
fn levels_reason_from_the_midpoint_and_then_from_the_mean() {
    let rules = Rules::default();
    for (level, share) in [(1, 2.0 / 3.0), (2, 4.0 / 9.0), (3, 8.0 / 27.0)] {
        let policy = parse("level-k", &format!("level = {level}"));
        assert_near(first_round(&policy, 1)[0], 50.0 * share, 1e-9);
        let view = View { rules: &rules, means: &[30.0], targets: &[20.0] };
        assert_near(guesses(&policy, &view, &Own::default(), 1)[0], 30.0 * share, 1e-9);
    }
}

#[test]
fn shares_of_levels_and_noise_are_kept() {
    let answers = first_round(&parse("level-k", "shares = [0, 0.25, 0.75]"), 100_000);
    let first = answers.iter().filter(|&&answer| (answer - 100.0 / 3.0).abs() < 1e-9).count();
    assert_near(first as f64 / 1e5, 0.25, 0.01);
    let noisy = first_round(&parse("level-k", "level = 1\nnoise = 0.05"), 100_000);
    assert_near(mean(&noisy), 100.0 / 3.0, 0.1);
    let squares: Vec<f64> = noisy.iter().map(|x| (x - 100.0 / 3.0) * (x - 100.0 / 3.0)).collect();
    assert_near(libm::sqrt(mean(&squares)), 5.0, 0.1);
}

#[test]
fn best_responses_answer_the_previous_mean() {
    let rules: Rules = toml::from_str("ratio = \"1/2\"\noffset = 5").unwrap();
    let policy = parse("best-response", "noise = 0");
    let view = View { rules: &rules, means: &[], targets: &[] };
    assert_near(guesses(&policy, &view, &Own::default(), 1)[0], 30.0, 1e-9);
    let view = View { rules: &rules, means: &[44.0, 20.0], targets: &[27.0, 15.0] };
    assert_near(guesses(&policy, &view, &Own::default(), 1)[0], 15.0, 1e-9);
}

#[test]
fn learning_moves_toward_the_target_as_often_as_set() {
    let rules = Rules::default();
    let view = View { rules: &rules, means: &[36.0], targets: &[24.0] };
    for (last, sign) in [(60.0, -1.0), (6.0, 1.0)] {
        let own = [Decimal::nearest(last, 2).unwrap()];
        let moved =
            guesses(&parse("learning-direction", ""), &view, &Own { guesses: &own }, 100_000);
        let toward = moved.iter().filter(|&&guess| (guess - last) * sign > 0.0).count();
        assert_near(toward as f64 / 1e5, 0.73, 0.01);
        assert!(moved.iter().all(|guess| (guess - last).abs() <= (24.0_f64 - last).abs()));
    }
}

#[test]
fn learning_without_memory_starts_from_the_mean() {
    let rules = Rules::default();
    let view = View { rules: &rules, means: &[36.0], targets: &[24.0] };
    let still = parse("learning-direction", "pace = 0");
    assert_near(guesses(&still, &view, &Own::default(), 1)[0], 36.0, 1e-9);
}

#[test]
fn uniform_answers_are_equally_likely_up_to_the_ends() {
    let rules = Rules { max: Decimal::from_units(30_000), decimals: 0, ..Rules::default() };
    let view = View { rules: &rules, means: &[], targets: &[] };
    let mut counts = [0_u32; 4];
    for guess in guesses(&parse("uniform", "think_ms = 5"), &view, &Own::default(), 100_000) {
        counts[rules.settle(guess).units() as usize / 10_000] += 1;
    }
    assert!(counts.iter().all(|&count| (24_000..26_000).contains(&count)), "{counts:?}");
    let Policy::Uniform(policy) = parse("uniform", "think_ms = 5") else {
        panic!("another policy")
    };
    assert_eq!(policy.think_ms(), 5);
}

#[test]
fn equilibrium_is_the_fixed_point() {
    let rules: Rules = toml::from_str("ratio = \"1/2\"\noffset = 5").unwrap();
    let view = View { rules: &rules, means: &[90.0], targets: &[50.0] };
    assert_near(guesses(&parse("equilibrium", ""), &view, &Own::default(), 1)[0], 10.0, 1e-9);
}

#[test]
fn rounds_that_nobody_answered_are_passed_over() {
    let rules = Rules::default();
    let told = View { rules: &rules, means: &[30.0], targets: &[20.0] };
    let gap = View { rules: &rules, means: &[30.0, f64::NAN], targets: &[20.0, f64::NAN] };
    let policy = parse("best-response", "noise = 0");
    let guess = |view| guesses(&policy, view, &Own::default(), 1)[0];
    assert_near(guess(&gap), guess(&told), 0.0);
}

fn told() -> impl Strategy<Value = Vec<f64>> {
    let figure = prop_oneof![-300.0..300.0, any::<f64>(), Just(0.0)];
    prop::collection::vec(figure, 0..6)
}

fn any_policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        (0.0..=1.0).prop_map(|habit| parse("human-like", &format!("habit = {habit:?}"))),
        (0_u32..=32, 0.0..=1.0).prop_map(|(level, noise)| parse(
            "level-k",
            &format!("level = {level}\nnoise = {noise:?}")
        )),
        (0.0..=20.0).prop_map(|tau| parse("cognitive-hierarchy", &format!("tau = {tau:?}"))),
        (0.0..=1.0).prop_map(|noise| parse("best-response", &format!("noise = {noise:?}"))),
        (0.0..=1.0, 0.0..=1.0).prop_map(|(toward, pace)| {
            parse("learning-direction", &format!("toward = {toward:?}\npace = {pace:?}"))
        }),
        Just(parse("uniform", "")),
        Just(parse("equilibrium", "")),
    ]
}

proptest! {
    #[test]
    fn guesses_are_finite_and_answers_possible(
        rules in playable(),
        means in told(),
        targets in told(),
        own in prop::collection::vec(any::<i32>().prop_map(|units| units.max(-i32::MAX)), 0..3),
        policy in any_policy(),
    ) {
        let own: Vec<Decimal> = own.into_iter().map(Decimal::from_units).collect();
        let view = View { rules: &rules, means: &means, targets: &targets };
        for guess in guesses(&policy, &view, &Own { guesses: &own }, 50) {
            prop_assert!(guess.is_finite(), "{policy:?} guesses {guess}");
            let answer = rules.settle(guess);
            prop_assert!(rules.min <= answer && answer <= rules.max);
        }
    }

    #[test]
    fn a_guess_depends_on_its_stream_alone(policy in any_policy(), agent in any::<u32>()) {
        let rules = Rules::default();
        let view = View { rules: &rules, means: &[36.0], targets: &[24.0] };
        let own = [Decimal::from_units(300_000)];
        let again = || guesses(&policy, &view, &Own { guesses: &own }, agent % 8 + 1);
        prop_assert_eq!(again(), again());
    }
}
