//! Tests of the reply parser: an adversarial set, and properties.

use super::*;
use proptest::prelude::*;

fn percent() -> AnswerSpec {
    AnswerSpec::Number { min: 0.0, max: 100.0, decimals: 2 }
}

fn choice() -> AnswerSpec {
    AnswerSpec::Choice { options: vec!["left".to_owned(), "right".to_owned(), "5".to_owned()] }
}

fn reasoned() -> AnswerSpec {
    AnswerSpec::reasoned(percent(), "number", 50)
}

#[test]
fn the_adversarial_set_for_a_number_from_0_to_100() {
    let read = |text: &str| match parse(&percent(), text) {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.to_string(),
    };
    let texts = [
        "-5",
        "1,000",
        "2/3 of 50 = 33.33",
        ".5",
        "1e1",
        "between 20 and 30",
        "０５",
        "NaN",
        "20 30",
        "",
        "{\"answer\": 41}",
        "```json\n{\"answer\": 41}\n```",
        "<think>50? 30?</think>22",
        "<think>22",
        "{\"answer\": \"41\"}",
        "{\"answer\": 1e999}",
        "33.337",
        "100.001",
        "-0",
    ];
    let table: Vec<String> =
        texts.iter().map(|text| format!("{text:?} -> {}", read(text))).collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    "-5" -> -5 is not from 0 to 100
    "1,000" -> 1000 is not from 0 to 100
    "2/3 of 50 = 33.33" -> Number(33.33)
    ".5" -> Number(0.5)
    "1e1" -> Number(10.0)
    "between 20 and 30" -> it holds several numbers and does not say which one is the answer
    "０５" -> `０` is not written with the digits 0 to 9
    "NaN" -> there is no number in it
    "20 30" -> it holds several numbers and does not say which one is the answer
    "" -> there is no number in it
    "{\"answer\": 41}" -> Number(41.0)
    "```json\n{\"answer\": 41}\n```" -> Number(41.0)
    "<think>50? 30?</think>22" -> Number(22.0)
    "<think>22" -> there is no number in it
    "{\"answer\": \"41\"}" -> it is not the JSON object asked for: in `answer`: invalid type: string "41", expected one number from 0 to 100 with at most 2 decimals at line 1 column 15
    "{\"answer\": 1e999}" -> it is not the JSON object asked for: in `answer`: number out of range at line 1 column 16
    "33.337" -> Number(33.34)
    "100.001" -> 100.001 is not from 0 to 100
    "-0" -> Number(0.0)
    "#);
}

#[test]
fn whole_numbers_are_exact() {
    let spec = AnswerSpec::Integer { min: i64::MIN, max: i64::MAX };
    assert_eq!(parse(&spec, "9223372036854775807"), Ok(Answer::Integer(i64::MAX)));
    assert_eq!(parse(&spec, "{\"answer\":-9223372036854775808}"), Ok(Answer::Integer(i64::MIN)));
    assert_eq!(parse(&spec, "40.0"), Ok(Answer::Integer(40)));
    assert_eq!(parse(&spec, "40.5"), Err(Invalid::Whole(40.5)));
    assert!(parse(&spec, "9223372036854775808").is_err());
    assert!(parse(&spec, "{\"answer\":9223372036854775808}").is_err());
}

#[test]
fn choices_are_taken_only_when_they_stand_alone() {
    for text in
        ["left", " Left. ", "**left**", "\"left\"", "Answer: left", "I thought.\nAnswer: LEFT."]
    {
        assert_eq!(parse(&choice(), text), Ok(Answer::Choice(0)), "{text}");
    }
    assert_eq!(parse(&choice(), "5"), Ok(Answer::Choice(2)));
    for text in ["not left", "left or right", "I would never go left", "lef", "", "answer: é"] {
        assert_eq!(parse(&choice(), text), Err(Invalid::Option), "{text}");
    }
}

#[test]
fn objects_hold_exactly_the_fields_asked_for() {
    let good = r#"{"number": 12.5, "reasoning": "half of 25"}"#;
    let answer =
        Answer::Object(Box::new([Answer::Text("half of 25".into()), Answer::Number(12.5)]));
    assert_eq!(parse(&reasoned(), good), Ok(answer.clone()));
    assert_eq!(parse(&reasoned(), &format!("Here:\n```json\n{good}\n```")), Ok(answer));
    let bad = [
        r#"{"reasoning": "x"}"#,
        r#"{"reasoning": "x", "number": 1, "more": 2}"#,
        r#"{"reasoning": "x", "number": 1, "number": 2}"#,
        r#"{"reasoning": "x", "number": null}"#,
        r#"{"reasoning": "x", "number": 101}"#,
        r#"{"reasoning": "", "number": 1}"#,
        r#"{"reasoning": "x", "number": 1"#,
        r#"{"reasoning": "x", "number": 1} {"#,
        r#"["x", 1]"#,
        "I choose 12",
    ];
    for text in bad {
        assert!(matches!(parse(&reasoned(), text), Err(Invalid::Json(_))), "{text}");
    }
}

#[test]
fn texts_are_counted_in_characters() {
    let spec = AnswerSpec::Text { length_max: 3 };
    assert_eq!(parse(&spec, " äöü "), Ok(Answer::Text("äöü".into())));
    assert_eq!(parse(&spec, "four"), Err(Invalid::Length(4, 3)));
    assert_eq!(parse(&spec, " "), Err(Invalid::Length(0, 3)));
    assert_eq!(parse(&spec, "{a}"), Ok(Answer::Text("{a}".into())));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_or_break_its_bounds(text in "\\PC{0,60}") {
        crate::fuzz::reply_parser(&text);
    }

    #[test]
    fn no_near_json_makes_the_parser_panic(text in r#"[{}\[\]":,0-9a-e.` \n-]{0,40}"#) {
        crate::fuzz::reply_parser(&text);
    }

    #[test]
    fn every_number_in_bounds_comes_back(hundredths in 0_u32..=10_000) {
        let number = f64::from(hundredths) / 100.0;
        let expected = Ok(Answer::Number(number));
        prop_assert_eq!(parse(&percent(), &format!("{number}")), expected.clone());
        prop_assert_eq!(parse(&percent(), &format!("{{\"answer\":{number}}}")), expected);
    }
}
