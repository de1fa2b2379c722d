//! Human-like play against the published figures, which are read from `reference/human_guess.toml`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "figures of known size"
)]

use serde::Deserialize;
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, Decimal};

use super::first_round::{BELLS, SPREADS, TREATMENTS};
use super::{HumanLike, HumanLikeRound, later_rounds};
use crate::guessing_game::policy::{GuessPolicy, Own, Policy, View};
use crate::guessing_game::rules::Rules;

/// Agents of a population on which a figure is measured.
const AGENTS: u32 = 250_000;

#[derive(Deserialize)]
struct Reference {
    nagel_1995: Experiments,
    first_round_mixture: Mixture,
}

#[derive(Deserialize)]
struct Experiments {
    two_thirds: TwoThirds,
    one_half: Treatment,
    four_thirds: Treatment,
}

#[derive(Deserialize)]
struct TwoThirds {
    mean: Vec<Vec<f64>>,
    median: Vec<Vec<f64>>,
    mean_of_session_means: Vec<f64>,
    pooled_first_round_mean: f64,
    pooled_first_round_median: f64,
    first_round_sd_about: f64,
    first_round_bins: Vec<(i32, i32, u32)>,
    step_classes: Vec<String>,
    step_share_percent: Vec<Vec<f64>>,
    decreasing_transitions: (f64, f64),
    learning_direction_agreement: (f64, f64),
}

#[derive(Deserialize)]
struct Treatment {
    ratio: String,
    pooled_first_round_mean: f64,
    pooled_first_round_median: f64,
}

#[derive(Deserialize)]
struct Mixture {
    weights: Vec<f64>,
    components: Vec<String>,
}

fn reference() -> Reference {
    toml::from_str(include_str!("../../../../reference/human_guess.toml")).unwrap()
}

/// A game as it was played: answers of each round, and what was told.
struct Game {
    rules: Rules,
    answers: Vec<Vec<f64>>,
    means: Vec<f64>,
    targets: Vec<f64>,
}

fn human_like() -> HumanLike {
    HumanLike::read(&toml::Table::new()).unwrap()
}

fn play(rules: &Rules, agents: u32, rounds: u32, seed: u64) -> Game {
    let first = human_like().begin(&View { rules, means: &[], targets: &[] });
    play_after(&first, rules, agents, rounds, seed)
}

/// A game whose first round, the same in all games under these rules, is prepared already.
fn play_after(first: &HumanLikeRound, rules: &Rules, agents: u32, rounds: u32, seed: u64) -> Game {
    let policy = human_like();
    let (mut means, mut targets, mut answers): (Vec<f64>, Vec<f64>, Vec<Vec<f64>>) =
        Default::default();
    let mut last: Vec<Decimal> = Vec::new();
    for round in 1..=rounds {
        let later =
            (round > 1).then(|| policy.begin(&View { rules, means: &means, targets: &targets }));
        let begun = later.as_ref().unwrap_or(first);
        let streams = Streams::new(seed, Purpose::new("guess"), round);
        let guess = |agent: u32| {
            let guesses = last.get(agent as usize..=agent as usize).unwrap_or_default();
            rules.settle(policy.guess(begun, &Own { guesses }, &mut streams.agent(AgentId(agent))))
        };
        last = (0..agents).map(guess).collect();
        answers.push(last.iter().map(|answer| answer.to_f64()).collect());
        means.push(mean(&answers[answers.len() - 1]));
        let units = last.iter().map(|answer| i128::from(answer.units())).sum();
        targets.push(rules.target(units, u64::from(agents)));
    }
    Game { rules: rules.clone(), answers, means, targets }
}

fn two_thirds() -> Game {
    play(&Rules::default(), AGENTS, 4, 1)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

fn standard_deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    libm::sqrt(mean(
        &values.iter().map(|value| (value - centre) * (value - centre)).collect::<Vec<_>>(),
    ))
}

#[track_caller]
fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
    println!("{what}: {found:.3}, expected {expected} ± {tolerance}");
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} against {expected} ± {tolerance}"
    );
}

#[track_caller]
fn assert_within(what: &str, found: f64, low: f64, high: f64) {
    println!("{what}: {found:.3}, expected {low} to {high}");
    assert!((low..=high).contains(&found), "{what}: {found} outside {low} to {high}");
}

fn envelope(sessions: &[f64]) -> (f64, f64) {
    let fold = |pick: fn(f64, f64) -> f64| sessions.iter().copied().reduce(pick).unwrap();
    (fold(f64::min), fold(f64::max))
}

/// Shares of the transitions that were decreasing, and of those that agreed with learning direction, where
/// neither winners nor exact hits count for the latter.
fn transitions(game: &Game) -> (f64, f64) {
    let (mut all, mut lower, mut judged, mut agreed) = (0_u32, 0_u32, 0_u32, 0_u32);
    for round in 0..game.answers.len() - 1 {
        let before = if round == 0 { game.rules.midpoint() } else { game.means[round - 1] };
        let (target, mean) = (game.targets[round], game.means[round]);
        let nearest =
            game.answers[round].iter().map(|x| (x - target).abs()).fold(f64::MAX, f64::min);
        for (&x, &next) in game.answers[round].iter().zip(&game.answers[round + 1]) {
            all += 1;
            lower += u32::from(next < x);
            if (x - target).abs() > nearest {
                judged += 1;
                let (factor, next_factor) = (x / before, next / mean);
                let follows = if x > target { next_factor < factor } else { next_factor > factor };
                agreed += u32::from(follows);
            }
        }
    }
    (f64::from(lower) / f64::from(all), f64::from(agreed) / f64::from(judged))
}

/// Percent of answers by class of steps from the previous mean, named as in the reference.
fn class_percents(game: &Game, round: usize) -> [f64; 6] {
    let (mean, ratio) = (game.means[round - 1], game.rules.ratio.to_f64());
    let mut counts = [0_u32; 6];
    for &answer in &game.answers[round] {
        // Half a step on either side of a whole one; depth 0 ends at the mean.
        let depth = libm::log(answer / mean) / libm::log(ratio);
        let class = if answer > mean { 5 } else { 4 - (depth + 0.5).floor().min(4.0) as usize };
        counts[class] += 1;
    }
    counts.map(|count| 100.0 * f64::from(count) / game.answers[round].len() as f64)
}

#[test]
fn constants_are_those_of_the_reference() {
    let reference = reference();
    let mixture = reference.first_round_mixture;
    assert_eq!(mixture.weights, TREATMENTS[1].weights);
    let mut expected = vec!["uniform(0,100)".to_owned()];
    let mut centre = 50.0;
    let centres: Vec<f64> = (0..BELLS)
        .map(|_| {
            centre *= 2.0 / 3.0;
            centre
        })
        .collect();
    for (bell, spread) in SPREADS.iter().enumerate() {
        let centre = if bell == BELLS - 1 { 50.0 } else { (centres[bell] * 10.0).round() / 10.0 };
        expected.push(format!("normal({centre},{:.1})", spread * 100.0));
    }
    assert_eq!(mixture.components, expected);
    assert_eq!(reference.nagel_1995.two_thirds.step_share_percent, later_rounds::SHARES);
}

#[test]
fn first_round_moments_are_people_s() {
    let expected = reference().nagel_1995.two_thirds;
    let answers = &two_thirds().answers[0];
    assert_near("mean", mean(answers), expected.pooled_first_round_mean, 3.0);
    assert_near("median", median(answers), expected.pooled_first_round_median, 3.0);
    assert_near("sd", standard_deviation(answers), expected.first_round_sd_about, 4.0);
}

#[test]
fn first_round_histogram_is_people_s() {
    let bins = reference().nagel_1995.two_thirds.first_round_bins;
    let players: u32 = bins.iter().map(|bin| bin.2).sum();
    let answers: Vec<i32> = two_thirds().answers[0].iter().map(|x| x.round() as i32).collect();
    let mut gap = 0.0;
    let mut binned = 0.0;
    for (low, high, count) in bins {
        let inside = answers.iter().filter(|answer| (low..=high).contains(answer)).count();
        let share = inside as f64 / answers.len() as f64;
        binned += share;
        gap += (share - f64::from(count) / f64::from(players)).abs();
    }
    // Answers in no bin (nobody of the 67 chose 19) are a bin of their own.
    assert_within("total variation", 0.5 * (gap + 1.0 - binned), 0.0, 0.18);
}

#[test]
fn later_rounds_lie_inside_the_envelope_of_sessions() {
    let expected = reference().nagel_1995.two_thirds;
    let game = two_thirds();
    for round in 1..4 {
        let (low, high) = envelope(&expected.mean[round]);
        assert_within(
            &format!("mean of round {}", round + 1),
            mean(&game.answers[round]),
            low,
            high,
        );
        let (low, high) = envelope(&expected.median[round]);
        assert_within(
            &format!("median of round {}", round + 1),
            median(&game.answers[round]),
            low,
            high,
        );
    }
}

#[test]
fn steps_of_reasoning_have_people_s_shares_and_mode() {
    let expected = reference().nagel_1995.two_thirds;
    let game = two_thirds();
    for (round, shares) in (1..4).zip(&expected.step_share_percent) {
        let found = class_percents(&game, round);
        let total: f64 = shares.iter().sum();
        for ((name, &found), share) in expected.step_classes.iter().zip(&found).zip(shares) {
            assert_near(
                &format!("{name} in round {}", round + 1),
                found,
                100.0 * share / total,
                0.5,
            );
        }
        let modal = (0..6).max_by(|&a, &b| found[a].total_cmp(&found[b])).unwrap();
        assert_eq!(expected.step_classes[modal], "step2");
    }
}

#[test]
fn transitions_decrease_and_follow_learning_direction_as_often_as_people_s() {
    let expected = reference().nagel_1995.two_thirds;
    let (decreasing, agreement) = transitions(&two_thirds());
    let (lower, all) = expected.decreasing_transitions;
    assert_near("decreasing transitions", decreasing, lower / all, 0.06);
    let (low, high) = expected.learning_direction_agreement;
    assert_within("learning direction", agreement, low, high);
}

#[test]
fn sessions_of_sixteen_vary_as_people_s_did() {
    const SESSIONS: u64 = 12_500;
    let expected = reference().nagel_1995.two_thirds;
    let rules = Rules::default();
    let first = human_like().begin(&View { rules: &rules, means: &[], targets: &[] });
    let games: Vec<Game> =
        (0..SESSIONS).map(|seed| play_after(&first, &rules, 16, 4, seed)).collect();
    for round in 0..4 {
        for (what, figure, human) in [
            ("mean", mean as fn(&[f64]) -> f64, &expected.mean[round]),
            ("median", median, &expected.median[round]),
        ] {
            let mut figures: Vec<f64> =
                games.iter().map(|game| figure(&game.answers[round])).collect();
            figures.sort_by(f64::total_cmp);
            let quantile = |share: f64| figures[(share * figures.len() as f64) as usize];
            let what = format!("{what} of round {}, average over sessions", round + 1);
            let (low, high) = envelope(human);
            assert_within(&what, mean(&figures), low, high);
            for &session in human {
                assert_within(
                    &format!("a human session's {what}"),
                    session,
                    quantile(0.005),
                    quantile(0.995),
                );
            }
        }
        let means: Vec<f64> = games.iter().map(|game| game.means[round]).collect();
        assert_near(
            "mean of session means",
            mean(&means),
            expected.mean_of_session_means[round],
            2.0,
        );
    }
    let shares: Vec<(f64, f64)> = games.iter().map(transitions).collect();
    let average = |pick: fn(&(f64, f64)) -> f64| mean(&shares.iter().map(pick).collect::<Vec<_>>());
    let (lower, all) = expected.decreasing_transitions;
    assert_near("decreasing transitions", average(|share| share.0), lower / all, 0.06);
    let (low, high) = expected.learning_direction_agreement;
    assert_within("learning direction", average(|share| share.1), low, high);
}

fn first_round(rules: &Rules) -> Vec<f64> {
    play(rules, AGENTS, 1, 1).answers.swap_remove(0)
}

#[test]
fn other_ratios_start_as_published() {
    let experiments = reference().nagel_1995;
    for expected in [experiments.one_half, experiments.four_thirds] {
        let rules = Rules { ratio: expected.ratio.parse().unwrap(), ..Rules::default() };
        let answers = first_round(&rules);
        let name = |what| format!("{what} at {}", expected.ratio);
        assert_near(&name("mean"), mean(&answers), expected.pooled_first_round_mean, 1.0);
        assert_near(&name("median"), median(&answers), expected.pooled_first_round_median, 1.0);
    }
}

#[test]
fn ratios_between_experiments_lie_between_their_means() {
    let at = |ratio: &str| {
        mean(&first_round(&Rules { ratio: ratio.parse().unwrap(), ..Rules::default() }))
    };
    let means = ["1/10", "1/2", "51/100", "3/5", "2/3", "67/100", "9/10", "1", "4/3"].map(at);
    println!("{means:?}");
    assert!(means.is_sorted(), "{means:?}");
}

#[test]
fn guesses_scale_with_the_range() {
    let base = first_round(&Rules::default());
    let wide = first_round(&Rules {
        max: Decimal::from_units(10_000_000),
        decimals: 1,
        ..Rules::default()
    });
    assert_near("mean", mean(&wide) / 10.0, mean(&base), 0.01);
    assert_near("sd", standard_deviation(&wide) / 10.0, standard_deviation(&base), 0.01);
}

#[test]
fn play_converges_to_the_fixed_point_of_shifted_and_rising_games() {
    for (text, expected, tolerance) in [
        ("", 0.0, 0.5),
        ("ratio = \"1/2\"\noffset = 5", 10.0, 0.5),
        ("ratio = \"4/3\"", 100.0, 2.0),
    ] {
        let game = play(&toml::from_str(text).unwrap(), 20_000, 12, 3);
        let last = game.means[game.means.len() - 1];
        assert_near(text, last, expected, tolerance);
    }
}

#[test]
fn habit_changes_the_order_of_players_but_not_the_distribution() {
    let rules = Rules::default();
    let means = [40.0];
    let view = View { rules: &rules, means: &means, targets: &[] };
    let mut averages = Vec::new();
    for habit in [0.0, 1.0] {
        let policy = HumanLike { habit };
        let begins = [policy.begin(&View { means: &[], ..view }), policy.begin(&view)];
        let answers: Vec<f64> = (0..AGENTS)
            .map(|agent| {
                let stream =
                    |round| Streams::new(1, Purpose::new("guess"), round).agent(AgentId(agent));
                let first = rules.settle(policy.guess(&begins[0], &Own::default(), &mut stream(1)));
                policy.guess(&begins[1], &Own { guesses: &[first] }, &mut stream(2))
            })
            .collect();
        averages.push((mean(&answers), standard_deviation(&answers)));
    }
    // Four standard errors of the difference between two samples.
    assert_near("mean", averages[1].0, averages[0].0, 0.2);
    assert_near("sd", averages[1].1, averages[0].1, 0.2);
}

#[test]
fn without_memory_the_habit_has_nothing_to_keep() {
    let rules = Rules::default();
    let begun = human_like().begin(&View { rules: &rules, means: &[36.0], targets: &[24.0] });
    let mut stream = Streams::new(1, Purpose::new("guess"), 2).agent(AgentId(0));
    let guess = human_like().guess(&begun, &Own::default(), &mut stream);
    assert!((0.0..=100.0).contains(&guess));
}

#[test]
fn the_default_is_the_calibrated_habit() {
    assert_eq!(
        Policy::parse("human-like", &toml::Table::new()).unwrap(),
        Policy::HumanLike(HumanLike { habit: 0.25 })
    );
}
