//! Reads the one number that a free text answers with, or says why there is no such number.
//!
//! It never guesses: a text that leaves a doubt is refused, and the question is asked again.

use crate::limits::NUMBER_DIGITS_MAX;

/// Why a text does not answer with one number; the wording is for the model that is asked again.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum NumberError {
    /// No number at all.
    #[error("there is no number in it")]
    None,
    /// Several numbers and no telling which is meant.
    #[error("it holds several numbers and does not say which one is the answer")]
    Several,
    /// A bound or an estimate instead of a number.
    #[error("`{0}` is not one exact number")]
    Inexact(String),
    /// Digits other than 0 to 9.
    #[error("`{0}` is not written with the digits 0 to 9")]
    Digits(char),
    /// Something like `1,5` or `1.2.3`.
    #[error("`{0}` cannot be read as a number")]
    Malformed(String),
    /// A percentage.
    #[error("`{0}%` is a percentage, not a plain number")]
    Percent(String),
    /// Beyond what a double can hold.
    #[error("the number is too large or has too many digits")]
    Range,
}

/// Words before a number that make it a bound or an estimate.
const INEXACT: [&str; 12] = [
    "than",
    "least",
    "most",
    "above",
    "below",
    "under",
    "over",
    "about",
    "around",
    "approximately",
    "roughly",
    "between",
];

/// Phrases that introduce the final answer; compared without regard to case.
const INTRODUCTIONS: [&str; 12] = [
    "answer is",
    "answer:",
    "answer =",
    "number is",
    "number:",
    "i choose",
    "i will choose",
    "i guess",
    "guess is",
    "guess:",
    "choice is",
    "choice:",
];

/// Characters that dress a number up without changing it.
const DRESS: &[char] = &[' ', '\t', '*', '_', '`', '"', '\'', '$', ':', '=', '(', '[', '{'];

/// Characters that may follow a final number.
const TAIL: &[char] = &['.', '!', '*', '_', '`', '"', '\'', '$', ')', ']', '}'];

/// A number in a text, with its place.
#[derive(Clone, Copy, Debug)]
struct Token {
    value: f64,
    start: usize,
    end: usize,
}

/// Reads the number that `text` answers with.
pub fn read(text: &str) -> Result<f64, NumberError> {
    let tokens = tokens(text)?;
    match tokens.as_slice() {
        [] => Err(NumberError::None),
        [only] => exact(text, only),
        several => final_answer(text, several),
    }
}

/// The value of `token` unless the word before it makes it a bound.
fn exact(text: &str, token: &Token) -> Result<f64, NumberError> {
    let before = text[..token.start].trim_end_matches(DRESS);
    let word =
        before.rsplit(|character: char| !character.is_alphabetic()).next().unwrap_or_default();
    let word = word.to_ascii_lowercase();
    if INEXACT.contains(&word.as_str()) {
        return Err(NumberError::Inexact(format!("{word} {}", &text[token.start..token.end])));
    }
    let after = text[token.end..].trim_start();
    if after.starts_with(['+', '~']) || after.starts_with("or more") || after.starts_with("or less")
    {
        return Err(NumberError::Inexact(text[token.start..token.end].to_owned() + " and a bound"));
    }
    Ok(token.value)
}

/// The one number that a text with several introduces as its answer.
fn final_answer(text: &str, tokens: &[Token]) -> Result<f64, NumberError> {
    let free = |place: usize| !is_linked(text, tokens, place);
    let boxed = |place: usize| text[..tokens[place].start].ends_with("\\boxed{") && free(place);
    let introduced = |place: usize| is_introduced(text, &tokens[place]) && free(place);
    let alone = |place: usize| is_alone(text, &tokens[place]);
    let result = |place: usize| place + 1 == tokens.len() && is_result(text, &tokens[place]);
    let rules: [&dyn Fn(usize) -> bool; 4] = [&boxed, &introduced, &alone, &result];
    for rule in rules {
        let mut found = (0..tokens.len()).filter(|&place| rule(place));
        if let Some(first) = found.next() {
            let first = &tokens[first];
            let same = |place: usize| tokens[place].value.to_bits() == first.value.to_bits();
            return if found.all(same) { exact(text, first) } else { Err(NumberError::Several) };
        }
    }
    Err(NumberError::Several)
}

/// Whether the number at `place` is part of a range, a list or an expression.
fn is_linked(text: &str, tokens: &[Token], place: usize) -> bool {
    const LINKS: [&str; 14] =
        ["or", "to", "and", "-", "–", "—", "/", "~", "*", "+", "×", "^", ",", ".."];
    let links = |left: usize, right: usize| {
        let gap = text[tokens[left].end..tokens[right].start].trim().to_ascii_lowercase();
        LINKS.contains(&gap.as_str())
    };
    place + 1 < tokens.len() && links(place, place + 1) || place > 0 && links(place - 1, place)
}

fn is_introduced(text: &str, token: &Token) -> bool {
    let before =
        text[..token.start].trim_end_matches([' ', '\t', '*', '_', '`', '"', '\'', '$', '(', '[']);
    INTRODUCTIONS.iter().any(|phrase| ends_with_ignoring_case(before, phrase))
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    text.len() >= end.len()
        && text.as_bytes()[text.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

/// Whether the number stands alone on its line and that line is the last.
fn is_alone(text: &str, token: &Token) -> bool {
    let start = text[..token.start].rfind('\n').map_or(0, |place| place + 1);
    let end = text[token.end..].find('\n').map_or(text.len(), |place| token.end + place);
    text[start..token.start].trim_matches(DRESS).is_empty()
        && text[token.end..end].trim().trim_matches(TAIL).is_empty()
}

/// Whether the text ends with the number as the result of one chain of equations on its last line.
fn is_result(text: &str, token: &Token) -> bool {
    if !text[token.end..].trim().trim_matches(TAIL).trim().is_empty() {
        return false;
    }
    let before =
        text[..token.start].trim_end_matches([' ', '\t', '*', '_', '`', '"', '\'', '$', '(', '[']);
    let Some(first) = text.find('=') else { return false };
    let chain = &text[first..token.start];
    before.ends_with('=') && !chain.contains(['\n', ';', '<', '>']) && !chain.contains(", ")
}

/// All numbers of `text`. Digits glued to letters (`3rd`, `GPT4`) are words, not numbers.
fn tokens(text: &str) -> Result<Vec<Token>, NumberError> {
    let mut tokens = Vec::new();
    let bytes = text.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        let starts = bytes[place].is_ascii_digit()
            || bytes[place] == b'.' && bytes.get(place + 1).is_some_and(u8::is_ascii_digit);
        if !starts {
            let character = text[place..].chars().next().expect("the place is inside the text");
            if character.is_numeric() {
                return Err(NumberError::Digits(character));
            }
            place += character.len_utf8();
            continue;
        }
        let end = number_end(bytes, place);
        let before = text[..place].chars().next_back();
        let after = text[end..].chars().next();
        let glued =
            |side: Option<char>| side.is_some_and(|side| side.is_alphabetic() || side == '_');
        if !glued(before) && !glued(after) {
            tokens.push(token(text, place, end)?);
        }
        place = end;
    }
    Ok(tokens)
}

/// Where the run of digits, points, grouping commas and an exponent that begins at `start` ends.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let mut end = start;
    loop {
        match bytes.get(end) {
            Some(byte) if byte.is_ascii_digit() => end += 1,
            Some(b'.' | b',') if digit(end + 1) => end += 1,
            Some(b'e' | b'E') if digit(end + 1) => end += 2,
            Some(b'e' | b'E')
                if matches!(bytes.get(end + 1), Some(b'+' | b'-')) && digit(end + 2) =>
            {
                end += 3;
            }
            _ => return end,
        }
    }
}

/// The number written at `start..end`, with the sign before it if that is a sign and not a dash.
fn token(text: &str, start: usize, end: usize) -> Result<Token, NumberError> {
    let written = &text[start..end];
    if text[end..].starts_with('%') {
        return Err(NumberError::Percent(written.to_owned()));
    }
    if written.len() > NUMBER_DIGITS_MAX {
        return Err(NumberError::Range);
    }
    let plain = ungrouped(written).ok_or_else(|| NumberError::Malformed(written.to_owned()))?;
    let magnitude: f64 = plain.parse().map_err(|_| NumberError::Malformed(written.to_owned()))?;
    if !magnitude.is_finite() {
        return Err(NumberError::Range);
    }
    let (negative, start) = sign(text, start);
    Ok(Token { value: if negative { -magnitude } else { magnitude }, start, end })
}

/// `written` without the commas that group thousands; none where commas do not group thousands.
fn ungrouped(written: &str) -> Option<String> {
    let Some(last) = written.rfind(',') else { return Some(written.to_owned()) };
    let whole = written.find('.').unwrap_or(written.len());
    if last > whole {
        return None;
    }
    let mut groups = written[..whole].split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()));
    grouped.then(|| written.replace(',', ""))
}

/// Whether a minus stands before `start`, and where the number then begins.
fn sign(text: &str, start: usize) -> (bool, usize) {
    let before = &text[..start];
    let Some(mark @ ('-' | '−' | '+')) = before.chars().next_back() else {
        return (false, start);
    };
    let sign_start = start - mark.len_utf8();
    let operand =
        |character: char| character.is_alphanumeric() || character == ')' || character == '%';
    if text[..sign_start].chars().next_back().is_some_and(operand) {
        return (false, start);
    }
    (mark != '+', sign_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_a_person_would() {
        let cases: [(&str, f64); 21] = [
            ("-5", -5.0),
            ("−5", -5.0),
            ("+5", 5.0),
            ("1,000", 1000.0),
            ("1,234,567.5", 1_234_567.5),
            ("2/3 of 50 = 33.33", 33.33),
            (".5", 0.5),
            ("1e1", 10.0),
            ("I choose 42.", 42.0),
            ("**42**", 42.0),
            ("My answer: 0", 0.0),
            ("In the 1st round I take 40", 40.0),
            ("The average is 50, so 2/3 of it is 33. The answer is 33", 33.0),
            ("Half of 50 is 25.\n\n25", 25.0),
            ("First 10, then 20.\n\\boxed{15}", 15.0),
            ("50 * 2/3 = 100/3 = 33.3.", 33.3),
            ("x = 20.5", 20.5),
            ("(12)", 12.0),
            ("$7$", 7.0),
            ("Answer: **21** because 2/3 of 32 is 21.3", 21.0),
            ("-0.5", -0.5),
        ];
        for (text, number) in cases {
            let read = read(text);
            assert!(
                read.as_ref().is_ok_and(|read| read.to_bits() == number.to_bits()),
                "{text}: {read:?}"
            );
        }
    }

    #[test]
    fn doubtful_texts_are_refused() {
        let cases = [
            ("", NumberError::None),
            ("NaN", NumberError::None),
            ("infinity", NumberError::None),
            ("I can't.", NumberError::None),
            ("50kg", NumberError::None),
            ("between 20 and 30", NumberError::Several),
            ("20-30", NumberError::Several),
            ("20 30", NumberError::Several),
            ("20\n30", NumberError::Several),
            ("2/3", NumberError::Several),
            ("5 or 6", NumberError::Several),
            ("The answer is 20 or 30", NumberError::Several),
            ("x = 20, y = 30", NumberError::Several),
            ("Answer: 20. No, answer: 30", NumberError::Several),
            ("12:30", NumberError::Several),
            ("０５", NumberError::Digits('０')),
            ("½", NumberError::Digits('½')),
            ("1,5", NumberError::Malformed("1,5".to_owned())),
            ("1.2.3", NumberError::Malformed("1.2.3".to_owned())),
            ("50%", NumberError::Percent("50".to_owned())),
            ("1e400", NumberError::Range),
            ("more than 20", NumberError::Inexact("than 20".to_owned())),
            ("at least **20**", NumberError::Inexact("least 20".to_owned())),
            ("about 20", NumberError::Inexact("about 20".to_owned())),
        ];
        for (text, error) in cases {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_finitely(text in "\\PC*") {
            if let Ok(number) = read(&text) {
                prop_assert!(number.is_finite());
            }
        }

        #[test]
        fn texts_of_digits_and_marks_are_read_without_panic(text in "[-−+0-9.,eE =/%\n*a]{0,24}") {
            if let Ok(number) = read(&text) {
                prop_assert!(number.is_finite());
            }
        }

        #[test]
        fn a_lone_number_is_read_exactly(number in -1e15_f64..1e15) {
            prop_assert_eq!(read(&format!("{number}")).unwrap().to_bits(), number.to_bits());
        }
    }
}
