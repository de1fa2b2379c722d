//! Tests of the rules: exact targets, ties, theory, settling, configuration.

use proptest::prelude::*;
use throng_engine::Decimal;

use throng_systems::Settings;

use super::{CELLS_MAX, Rules};

fn rules(toml: &str) -> Rules {
    toml::from_str(toml).unwrap()
}

fn number(value: f64) -> Decimal {
    Decimal::nearest(value, 4).unwrap()
}

prop_compose! {
    /// Rules that can be played, over all ratios, offsets and ranges.
    pub(crate) fn playable()(
        numerator in prop_oneof![1_u32..12, Just(u32::MAX), 1_u32..],
        denominator in prop_oneof![1_u32..12, 1_u32..],
        offset in prop_oneof![Just(0), -2_000_000_i32..2_000_000, any::<i32>()],
        decimals in 0_u8..=4,
        start in -100_i32..100,
        width in 1_i32..2_000,
    ) -> Rules {
        let cell = Decimal::cell(decimals);
        Rules {
            ratio: format!("{numerator}/{denominator}").parse().unwrap(),
            offset: Decimal::from_units(offset.max(-i32::MAX)),
            min: Decimal::from_units(start * cell),
            max: Decimal::from_units((start + width) * cell),
            decimals,
            ..Rules::default()
        }
    }
}

#[test]
fn defaults_are_two_thirds_of_a_hundred() {
    let default = Rules::default();
    assert_eq!(rules(""), default);
    assert_eq!(default.problems(), []);
    assert_eq!(default.cells(), 10_001);
    insta::assert_snapshot!(toml::to_string(&default).unwrap(), @r#"
    ratio = "2/3"
    offset = 0
    min = 0
    max = 100
    decimals = 2
    thinking = "direct"
    note = "none"
    "#);
}

#[test]
fn configuration_survives_writing_and_reading() {
    let read = rules("ratio = \"51/100\"\noffset = 5\nmin = -0.5\nmax = 12.5\ndecimals = 4");
    assert_eq!(rules(&toml::to_string(&read).unwrap()), read);
}

#[test]
fn bad_configuration_says_what_to_write() {
    let messages: Vec<String> = [
        "ratio = 0",
        "ratio = \"2/0\"",
        "offset = 0.00001",
        "max = 1e9",
        "min = nan",
        "max = \"100\"",
        "decimals = 300",
        "ration = 1",
    ]
    .map(|text| toml::from_str::<Rules>(text).unwrap_err().message().to_owned())
    .into();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    the ratio `0` is 0, so that every answer would be aimed at the offset alone: write a number above 0, such as "2/3"
    the ratio `2/0` divides by 0: write a number from 1 below the stroke, such as "2/3"
    0.00001 has more than 4 decimals: write 0, if that is meant
    1000000000 is out of range: write a number from -214748.3647 to 214748.3647
    `nan` is not a number: write one such as 0 or 12.5
    invalid type: string "100", expected a number with at most 4 decimals
    invalid value: integer `300`, expected u8
    unknown field `ration`, expected one of `ratio`, `offset`, `min`, `max`, `decimals`, `thinking`, `note`
    "#);
}

#[test]
fn rules_that_cannot_be_played_are_found() {
    let problems: Vec<String> = [
        "decimals = 5\nmin = 7\nmax = 3",
        "min = 100\nmax = 0",
        "min = 100",
        "min = 0.25\nmax = 9.125\ndecimals = 1",
        "max = 100000\ndecimals = 4",
    ]
    .iter()
    .flat_map(|text| rules(text).problems())
    .map(|problem| problem.to_string())
    .collect();
    insta::assert_snapshot!(problems.join("\n"), @"
    decimals: 5 decimals are more than an answer keeps (write 0 to 4)
    min: the smallest answer 7 is not below the largest answer 3 (write a range such as min = 0, max = 100)
    min: the smallest answer 100 is not below the largest answer 0 (write a range such as min = 0, max = 100)
    min: the smallest answer 100 is not below the largest answer 100 (write a range such as min = 0, max = 100)
    min: 0.25 cannot be answered with 1 decimals (round it, or allow more decimals)
    max: 9.125 cannot be answered with 1 decimals (round it, or allow more decimals)
    decimals: 0 to 100000 with 4 decimals are 1000000001 possible answers, more than 4194304 (allow fewer decimals or a narrower range)
    ");
    let widest = rules("max = 200000\ndecimals = 1");
    assert!(widest.cells() <= CELLS_MAX && widest.problems().is_empty());
}

#[test]
fn targets_are_those_of_the_game() {
    let answers = |values: &[f64]| values.iter().map(|&v| i128::from(number(v).units())).sum();
    let check = |text: &str, values: &[f64], expected: f64| {
        let target = rules(text).target(answers(values), values.len() as u64);
        assert_eq!(target.to_bits(), expected.to_bits(), "{text}: {target}");
    };
    check("", &[30.0, 60.0], 30.0);
    check("ratio = \"1/2\"\noffset = 5", &[10.0, 10.0, 10.0], 10.0);
    check("ratio = \"4/3\"", &[100.0], 400.0 / 3.0);
    check("offset = -50", &[30.0, 60.0], -20.0);
    check("", &[0.01, 0.0, 0.0], 0.02 / 9.0);
}

#[test]
fn fixed_points_are_those_of_theory() {
    for (text, expected) in [
        ("", 0.0),
        ("ratio = \"1/2\"\noffset = 5", 10.0),
        ("ratio = \"1/2\"\noffset = 90", 100.0),
        ("ratio = \"1/2\"\noffset = -5", 0.0),
        ("min = 20", 20.0),
        ("ratio = \"4/3\"", 100.0),
        ("ratio = \"4/3\"\noffset = -30", 0.0),
        ("ratio = 1", 50.0),
        ("ratio = 1\noffset = 1", 100.0),
        ("ratio = 1\noffset = -1", 0.0),
        ("ratio = 2\noffset = -50", 50.0),
    ] {
        let found = rules(text).fixed_point();
        assert!((found - expected).abs() < 1e-9, "{text}: {found}");
    }
}

#[test]
fn the_nearest_answer_wins_and_ties_all_win() {
    let game = Rules::default();
    // The target is exactly 30.
    let winning = |below: Option<f64>, above: Option<f64>| {
        game.winning(below.map(number), above.map(number), 900_000, 2)
            .map(|answer| answer.map(Decimal::to_f64))
    };
    assert_eq!(winning(None, None), [None, None]);
    assert_eq!(winning(Some(10.0), None), [Some(10.0), None]);
    assert_eq!(winning(None, Some(90.0)), [Some(90.0), None]);
    assert_eq!(winning(Some(29.0), Some(30.99)), [Some(30.99), None]);
    assert_eq!(winning(Some(29.01), Some(31.0)), [Some(29.01), None]);
    assert_eq!(winning(Some(29.0), Some(31.0)), [Some(29.0), Some(31.0)]);
    assert_eq!(winning(Some(30.0), Some(30.0)), [Some(30.0), None]);
}

#[test]
fn a_tie_that_floating_point_would_miss_is_a_tie() {
    // Three agents answer 0, 0.01 and 0.02 at ratio 1/2: the target is 0.005, half-way between 0 and 0.01.
    let game = rules("ratio = \"1/2\"");
    let both = [Some(number(0.0)), Some(number(0.01))];
    assert_eq!(game.winning(both[0], both[1], 300, 3), both);
    assert_eq!(game.winning(both[0], both[1], 301, 3), [both[1], None]);
    assert_eq!(game.winning(both[0], both[1], 299, 3), [both[0], None]);
}

#[test]
fn steps_of_reasoning_are_powers_of_the_ratio() {
    let game = Rules::default();
    assert!((game.reasoned(36.0, 2.0) - 16.0).abs() < 1e-12);
    assert!((game.reasoned(36.0, 0.5) - 36.0 * libm::sqrt(2.0 / 3.0)).abs() < 1e-12);
    let shifted = rules("ratio = \"1/2\"\noffset = 5");
    assert!((shifted.reasoned(50.0, 3.0) - 15.0).abs() < 1e-12);
    assert!((rules("ratio = 1\noffset = 3").reasoned(50.0, 4.0) - 62.0).abs() < 1e-12);
}

proptest! {
    #[test]
    fn targets_are_exact(game in playable(), sum in -(1_i64 << 46)..1_i64 << 46, n in 1_u64..=1 << 32) {
        // The same rational, its whole part taken apart first, within one unit in the last place.
        let target = game.target(sum.into(), n);
        let denominator = i128::from(game.ratio.denominator()) * i128::from(n);
        let numerator = i128::from(game.offset.units()) * denominator
            + i128::from(game.ratio.numerator()) * i128::from(sum);
        let whole = numerator.div_euclid(denominator);
        let rest = numerator.rem_euclid(denominator) as f64 / denominator as f64;
        let expected = (whole as f64 + rest) / 1e4;
        prop_assert!((target - expected).abs() <= 4.0 * f64::EPSILON * (expected.abs() + 1e-4));
    }

    #[test]
    fn the_winner_is_the_nearest_of_all_answers(
        game in playable(),
        answers in prop::collection::vec(0.0_f64..1.0, 1..20),
    ) {
        let answers: Vec<Decimal> =
            answers.iter().map(|share| game.settle(game.min.to_f64() + share * game.width())).collect();
        let sum: i128 = answers.iter().map(|answer| i128::from(answer.units())).sum();
        let n = answers.len() as i128;
        let (p, q) = (i128::from(game.ratio.numerator()), i128::from(game.ratio.denominator()));
        let gap = |answer: &Decimal| {
            i128::from(answer.units()) * q * n - i128::from(game.offset.units()) * q * n - p * sum
        };
        let below = answers.iter().filter(|answer| gap(answer) <= 0).max().copied();
        let above = answers.iter().filter(|answer| gap(answer) >= 0).min().copied();
        let winning = game.winning(below, above, sum, answers.len() as u64);
        let least = answers.iter().map(|answer| gap(answer).abs()).min().unwrap();
        for answer in &answers {
            prop_assert_eq!(winning.contains(&Some(*answer)), gap(answer).abs() == least);
        }
    }

    #[test]
    fn settling_is_total_and_nearest(game in playable(), value in prop_oneof![any::<f64>(), -300.0..300.0]) {
        let settled = game.settle(value);
        prop_assert!(game.min <= settled && settled <= game.max);
        prop_assert_eq!(settled.units() % Decimal::cell(game.decimals), 0);
        let expected = Decimal::nearest(game.bounded(value), game.decimals).unwrap();
        prop_assert_eq!(settled, expected);
    }

    #[test]
    fn theory_is_finite(game in playable(), share in 0.0..1.0, depth in 0.0..6.0) {
        let mean = game.min.to_f64() + share * game.width();
        prop_assert!(game.reasoned(mean, depth).is_finite());
        let point = game.fixed_point();
        prop_assert!(game.min.to_f64() <= point && point <= game.max.to_f64());
        // Nobody gains by leaving it: the bounded response to it is itself.
        prop_assert!((game.bounded(game.response(point)) - point).abs() < 1e-6 * (1.0 + point.abs()));
    }
}
