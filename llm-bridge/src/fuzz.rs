//! Bodies of the fuzz targets, also run as property tests: what must hold for any input.

use crate::answer::{Answer, AnswerSpec};
use crate::wire::response;

/// Any text parses without panic, and what parses keeps its type's bounds.
pub fn reply_parser(text: &str) {
    let number = AnswerSpec::Number { min: -1.5, max: 100.0, decimals: 2 };
    let integer = AnswerSpec::Integer { min: -3, max: 9 };
    let options = vec!["left".to_owned(), "5".to_owned()];
    let choice = AnswerSpec::Choice { options };
    let words = AnswerSpec::Text { length_max: 8 };
    let object = AnswerSpec::reasoned(number.clone(), "number", 20);
    for spec in [number, integer, choice, words, object] {
        if let Ok(answer) = crate::parse::parse(&spec, text) {
            assert!(keeps(&spec, &answer), "{spec}: {answer:?}");
        }
    }
}

/// Any body decodes without panic into at most the wanted choices, in order and distinct.
pub fn response_decoder(body: &[u8], wanted: u32) {
    let wanted = wanted.min(64);
    if let Ok(decoded) = response::decode(body, wanted) {
        assert!(!decoded.choices.is_empty() && decoded.choices.len() <= wanted as usize);
        assert!(decoded.choices.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(decoded.choices.iter().all(|(index, _, _)| *index < wanted));
        assert!(decoded.usage.cached_tokens <= decoded.usage.prompt_tokens);
    }
    if let Ok(decoded) = response::chances(body) {
        assert_eq!(decoded.choices.len(), 1);
        let of = Box::new(AnswerSpec::Integer { min: 0, max: 9 });
        let spec = AnswerSpec::Chances { of, begun: String::new() };
        assert!(crate::parse::parse(&spec, &decoded.choices[0].1).is_ok());
    }
    let _ = response::error_words(body);
}

fn keeps(spec: &AnswerSpec, answer: &Answer) -> bool {
    match (spec, answer) {
        (AnswerSpec::Number { min, max, .. }, Answer::Number(number)) => {
            number.is_finite() && (min..=max).contains(&number)
        }
        (AnswerSpec::Integer { min, max }, Answer::Integer(number)) => {
            (min..=max).contains(&number)
        }
        (AnswerSpec::Choice { options }, Answer::Choice(place)) => {
            (*place as usize) < options.len()
        }
        (AnswerSpec::Text { length_max }, Answer::Text(text)) => {
            !text.is_empty() && text.chars().count() <= *length_max as usize
        }
        (AnswerSpec::Object { fields }, Answer::Object(answers)) => {
            fields.len() == answers.len()
                && fields.iter().zip(answers).all(|(field, answer)| keeps(&field.answer, answer))
        }
        _ => false,
    }
}
