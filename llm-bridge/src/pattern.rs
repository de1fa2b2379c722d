//! Patterns of closed answers, printed as a regular expression or as a GBNF grammar.

use std::fmt::Write as _;

/// A pattern over characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This text.
    Literal(String),
    /// One character from `.0` to `.1`.
    Range(char, char),
    /// All in order.
    All(Vec<Pattern>),
    /// Any one.
    Any(Vec<Pattern>),
    /// From `.1` to `.2` times.
    Times(Box<Pattern>, u32, u32),
}

/// How a pattern is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Regex,
    Gbnf,
}

impl Pattern {
    /// The pattern of exactly `text`.
    pub fn literal(text: &str) -> Self {
        Self::Literal(text.to_owned())
    }

    fn digits(times: usize) -> Self {
        let digit = Self::Range('0', '9');
        match u32::try_from(times).expect("a number has fewer digits than that") {
            1 => digit,
            times => Self::Times(Box::new(digit), times, times),
        }
    }

    /// One digit from `low` to `high`.
    fn digit(low: char, high: char) -> Self {
        if low == high { Self::Literal(low.to_string()) } else { Self::Range(low, high) }
    }

    /// Whole numbers from `min` to `max` without leading zeros.
    pub fn integers(min: i64, max: i64) -> Self {
        let mut any = Vec::new();
        if min < 0 {
            let (low, high) = (max.min(-1).unsigned_abs(), min.unsigned_abs());
            any.push(Self::All(vec![Self::literal("-"), magnitudes(low, high)]));
        }
        if max >= 0 {
            any.push(magnitudes(min.max(0).unsigned_abs(), max.unsigned_abs()));
        }
        one_of(any)
    }

    /// Numbers from `min` to `max`, widened to whole bounds, with up to `decimals` digits.
    pub fn numbers(min: f64, max: f64, decimals: u8) -> Self {
        let (low, high) = (min.floor() as i64, max.ceil() as i64);
        if decimals == 0 {
            return Self::integers(low, high);
        }
        let fraction = |digit: Self| {
            let digits = Self::Times(Box::new(digit), 1, u32::from(decimals));
            let point = Self::All(vec![Self::literal("."), digits]);
            Self::Times(Box::new(point), 0, 1)
        };
        let any_fraction = fraction(Self::Range('0', '9'));
        let zeros = fraction(Self::literal("0"));
        let mut any = Vec::new();
        if low < 0 {
            let nearest = high.min(0).unsigned_abs();
            let furthest = low.unsigned_abs();
            if nearest < furthest {
                let below = magnitudes(nearest, furthest - 1);
                any.push(Self::All(vec![Self::literal("-"), below, any_fraction.clone()]));
            }
            any.push(Self::All(vec![Self::literal(&low.to_string()), zeros.clone()]));
        }
        let smallest = low.max(0);
        if high > smallest {
            let below = magnitudes(smallest.unsigned_abs(), high.unsigned_abs() - 1);
            any.push(Self::All(vec![below, any_fraction]));
        }
        if high >= 0 {
            any.push(Self::All(vec![Self::literal(&high.to_string()), zeros]));
        }
        one_of(any)
    }

    /// The pattern as a regular expression in the dialect that all engines share.
    pub fn regex(&self) -> String {
        let mut text = String::new();
        self.write(Syntax::Regex, &mut text);
        text
    }

    /// The pattern as the root rule of a GBNF grammar.
    pub fn gbnf(&self) -> String {
        let mut text = "root ::= ".to_owned();
        self.write(Syntax::Gbnf, &mut text);
        text
    }

    fn write(&self, syntax: Syntax, text: &mut String) {
        let (open, separator) = match syntax {
            Syntax::Regex => ("(?:", ""),
            Syntax::Gbnf => ("(", " "),
        };
        match self {
            Self::Literal(literal) => write_literal(literal, syntax, text),
            Self::Range(low, high) => write!(text, "[{low}-{high}]").expect("a string takes it"),
            Self::All(all) => write_list(all, separator, syntax, text),
            Self::Any(any) => {
                text.push_str(open);
                write_list(any, "|", syntax, text);
                text.push(')');
            }
            Self::Times(pattern, least, most) => {
                text.push_str(open);
                pattern.write(syntax, text);
                text.push(')');
                match (least, most) {
                    (0, 1) => text.push('?'),
                    (1, 1) => {}
                    (least, most) if least == most => {
                        write!(text, "{{{least}}}").expect("a string takes it");
                    }
                    _ => write!(text, "{{{least},{most}}}").expect("a string takes it"),
                }
            }
        }
    }
}

fn write_list(list: &[Pattern], separator: &str, syntax: Syntax, text: &mut String) {
    for (place, pattern) in list.iter().enumerate() {
        if place > 0 {
            text.push_str(separator);
        }
        pattern.write(syntax, text);
    }
}

fn write_literal(literal: &str, syntax: Syntax, text: &mut String) {
    match syntax {
        Syntax::Regex => {
            for character in literal.chars() {
                if r"\^$.|?*+()[]{}".contains(character) {
                    text.push('\\');
                }
                text.push(character);
            }
        }
        Syntax::Gbnf => {
            let quoted = serde_json::to_string(literal).expect("a text is JSON");
            text.push_str(&quoted);
        }
    }
}

fn one_of(mut any: Vec<Pattern>) -> Pattern {
    match any.len() {
        1 => any.swap_remove(0),
        _ => Pattern::Any(any),
    }
}

/// Whole numbers from `low` to `high`, not negative, without leading zeros.
fn magnitudes(low: u64, high: u64) -> Pattern {
    let mut any = Vec::new();
    let mut from = low;
    loop {
        let digits = from.to_string();
        let last = 10_u64.checked_pow(digits.len() as u32).map_or(u64::MAX, |power| power - 1);
        let to = last.min(high);
        same_length(&digits, &to.to_string(), &mut Vec::new(), &mut any);
        if to == high {
            return one_of(any);
        }
        from = to + 1;
    }
}

/// Numbers from `low` to `high`, written with equally many digits.
fn same_length(low: &str, high: &str, lead: &mut Vec<Pattern>, any: &mut Vec<Pattern>) {
    let Some((first_low, first_high)) = low.chars().next().zip(high.chars().next()) else {
        any.push(Pattern::All(lead.clone()));
        return;
    };
    let (rest_low, rest_high) = (&low[1..], &high[1..]);
    let free =
        rest_low.bytes().all(|digit| digit == b'0') && rest_high.bytes().all(|digit| digit == b'9');
    if free {
        let mut all = lead.clone();
        all.push(Pattern::digit(first_low, first_high));
        if !rest_low.is_empty() {
            all.push(Pattern::digits(rest_low.len()));
        }
        any.push(Pattern::All(all));
        return;
    }
    let mut branch = |low: &str, high: &str, first: Pattern, any: &mut Vec<Pattern>| {
        lead.push(first);
        same_length(low, high, lead, any);
        lead.pop();
    };
    if first_low == first_high {
        branch(rest_low, rest_high, Pattern::literal(&first_low.to_string()), any);
        return;
    }
    let nines = "9".repeat(rest_low.len());
    let zeros = "0".repeat(rest_low.len());
    branch(rest_low, &nines, Pattern::literal(&first_low.to_string()), any);
    let (next, before) = (char::from(first_low as u8 + 1), char::from(first_high as u8 - 1));
    if next <= before {
        branch(&zeros, &nines, Pattern::digit(next, before), any);
    }
    branch(&zeros, rest_high, Pattern::literal(&first_high.to_string()), any);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All ways to match the start of `text`: what is left over in each.
    fn rests<'a>(pattern: &Pattern, text: &'a str) -> Vec<&'a str> {
        match pattern {
            Pattern::Literal(literal) => text.strip_prefix(literal.as_str()).into_iter().collect(),
            Pattern::Range(low, high) => {
                let first = text.chars().next().filter(|first| (low..=high).contains(&first));
                first.map(|first| &text[first.len_utf8()..]).into_iter().collect()
            }
            Pattern::All(all) => all.iter().fold(vec![text], |texts, pattern| {
                texts.into_iter().flat_map(|text| rests(pattern, text)).collect()
            }),
            Pattern::Any(any) => any.iter().flat_map(|pattern| rests(pattern, text)).collect(),
            Pattern::Times(pattern, least, most) => {
                let mut found = if *least == 0 { vec![text] } else { Vec::new() };
                let mut texts = vec![text];
                for time in 1..=*most {
                    texts = texts.into_iter().flat_map(|text| rests(pattern, text)).collect();
                    if time >= *least {
                        found.extend(&texts);
                    }
                }
                found
            }
        }
    }

    fn matches(pattern: &Pattern, text: &str) -> bool {
        rests(pattern, text).contains(&"")
    }

    #[test]
    fn usual_patterns_read_well() {
        let percent = Pattern::integers(0, 100);
        insta::assert_snapshot!(percent.regex(), @"(?:[0-9]|[1-9][0-9]|100)");
        insta::assert_snapshot!(percent.gbnf(), @r#"root ::= ([0-9]|[1-9] [0-9]|"1" "0" "0")"#);
    }

    #[test]
    fn numbers_with_decimals_stay_in_their_bounds() {
        let percent = Pattern::numbers(0.0, 100.0, 2);
        for good in ["0", "0.5", "33.33", "99.99", "100", "100.00"] {
            assert!(matches(&percent, good), "{good}");
        }
        for bad in ["100.01", "-1", "1.234", "01", "", ".5", "1."] {
            assert!(!matches(&percent, bad), "{bad}");
        }
        let around_zero = Pattern::numbers(-2.5, 1.0, 1);
        for good in ["-3", "-2.5", "-0.5", "0", "0.9", "1.0"] {
            assert!(matches(&around_zero, good), "{good}");
        }
        assert!(!matches(&around_zero, "1.1"));
    }

    proptest! {
        #[test]
        fn integers_match_exactly_their_range(
            low in -1200_i64..1200, span in 0_i64..1500, probe in -3000_i64..3000
        ) {
            let high = low + span;
            let pattern = Pattern::integers(low, high);
            prop_assert_eq!(matches(&pattern, &probe.to_string()), (low..=high).contains(&probe));
            prop_assert!(matches(&pattern, &low.to_string()) && matches(&pattern, &high.to_string()));
        }

        #[test]
        fn numbers_cover_their_range(low in -50_i64..50, span in 1_i64..90, probe in -9999_i64..9999) {
            let pattern = Pattern::numbers(low as f64, (low + span) as f64, 2);
            let text = format!("{:.2}", probe as f64 / 100.0);
            prop_assume!(text != "-0.00");
            let inside = (low * 100..=(low + span) * 100).contains(&probe);
            prop_assert_eq!(matches(&pattern, &text), inside, "{}", text);
        }

        #[test]
        fn extreme_integers_do_not_overflow(low: i64, high: i64) {
            prop_assume!(low <= high);
            let pattern = Pattern::integers(low, high);
            prop_assert!(matches(&pattern, &low.to_string()) && matches(&pattern, &high.to_string()));
        }
    }
}
