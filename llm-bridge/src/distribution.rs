//! Distribution mode: the chances of all answers to a closed question, read once for a whole cohort.
//!
//! A walk over the prefixes of the allowed texts asks for one token at a time and multiplies chances. It is
//! exact for sampling at temperature 1 under the constraint, up to the mass of tokens that the server did
//! not list, which is reported and bounded.

mod reading;

pub use reading::Drawing;

use crate::answer::{Answer, AnswerSpec};
use crate::constraint::quoted;
use crate::limits::{DISTRIBUTION_CALLS_MAX, OPTIONS_MAX};
use crate::parse::parse;
use crate::quirk::{ConstraintField, Continuation, Logprobs, Quirks};

/// The chances of the answers to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Answers with their chances, which add up to 1, in the order of the answer type.
    pub chances: Vec<(Answer, f64)>,
    /// Mass of tokens that the server did not list; the chances are at most this far off in total variation.
    pub missing: f64,
    /// Calls that it took.
    pub calls: u32,
}

impl Distribution {
    /// The answer at `unit`, a number in [0, 1) from the agent's own stream.
    pub fn draw(&self, unit: f64) -> &Answer {
        let mut left = unit;
        let found = self.chances.iter().find(|(_, chance)| {
            left -= chance;
            left < 0.0
        });
        // Rounding may leave a sliver beyond the last.
        let last = self.chances.iter().rev().find(|(_, chance)| *chance > 0.0);
        &found.or(last).expect("a distribution has an answer with a chance").0
    }
}

/// Whether answers of type `spec` are few enough for the chances of each to be read.
pub fn is_closed(spec: &AnswerSpec) -> bool {
    match spec {
        AnswerSpec::Choice { options } => options.len() <= OPTIONS_MAX,
        AnswerSpec::Integer { min, max } => max.abs_diff(*min) < OPTIONS_MAX as u64,
        // Part of the reading of a closed type.
        AnswerSpec::Chances { .. } => true,
        _ => false,
    }
}

/// Whether a server of this kind quotes the options of a choice; none if it does not tell chances under a constraint.
pub(crate) fn quotes(quirks: &Quirks) -> Option<bool> {
    let tells = quirks.logprobs != Logprobs::None
        && quirks.constraint != ConstraintField::None
        && !quirks.root_object;
    tells.then_some(quirks.constraint == ConstraintField::JsonSchema)
}

/// Most calls that reading the chances of a closed type takes, where every character is a token.
pub fn calls_max(spec: &AnswerSpec) -> u32 {
    let mut walk = Walk::new(texts(spec, false), true);
    while let Some(begun) = walk.begun().map(str::to_owned) {
        let next = walk.texts.iter().filter_map(|text| text.strip_prefix(begun.as_str()));
        let mut next: Vec<String> =
            next.map(|rest| rest.chars().take(1).collect::<String>()).collect();
        next.sort_unstable();
        next.dedup();
        let chance = 1.0 / next.len() as f64;
        let listed: Vec<(String, f64)> = next.into_iter().map(|text| (text, chance)).collect();
        if walk.listed(&listed).is_err() {
            break;
        }
    }
    walk.calls
}

/// The allowed texts of a closed type as the constraint writes them.
fn texts(spec: &AnswerSpec, quoting: bool) -> Vec<String> {
    match spec {
        AnswerSpec::Choice { options } if quoting => {
            options.iter().map(|option| quoted(option)).collect()
        }
        AnswerSpec::Choice { options } => options.clone(),
        AnswerSpec::Integer { min, max } => {
            (*min..=*max).map(|number| number.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// The reading of one distribution on its way: which prefix is to be asked for next, and what is known.
#[derive(Clone, Debug)]
struct Walk {
    texts: Vec<String>,
    masses: Vec<f64>,
    missing: f64,
    calls: u32,
    /// Whether the server goes on with a reply that has begun.
    continues: bool,
    /// Prefixes that several texts begin with, with their mass.
    open: Vec<(String, f64)>,
}

impl Walk {
    fn new(texts: Vec<String>, continues: bool) -> Self {
        let masses = vec![0.0; texts.len()];
        let mut walk = Self { texts, masses, missing: 0.0, calls: 0, continues, open: Vec::new() };
        walk.enter(String::new(), 1.0);
        walk
    }

    /// Takes up a prefix of some text: to be asked for, unless the constraint leaves one text after it.
    fn enter(&mut self, begun: String, mass: f64) {
        let mut begins = (0..self.texts.len()).filter(|&at| self.texts[at].starts_with(&begun));
        match (begins.next(), begins.next()) {
            (Some(only), None) => self.masses[only] += mass,
            _ => self.open.push((begun, mass)),
        }
    }

    /// The prefix whose next token is asked for next; none once all is known.
    fn begun(&self) -> Option<&str> {
        self.open.last().map(|(begun, _)| begun.as_str())
    }

    /// Takes the tokens that the server lists after the prefix asked for.
    fn listed(&mut self, list: &[(String, f64)]) -> Result<(), String> {
        let Some((begun, mass)) = self.open.pop() else { return Ok(()) };
        self.calls += 1;
        let ended = self.texts.iter().position(|text| *text == begun);
        let mut listed = 0.0;
        for (token, chance) in list {
            let longer = format!("{begun}{token}");
            if !token.is_empty() && self.texts.iter().any(|text| text.starts_with(&longer)) {
                self.enter(longer, mass * chance);
            } else if let Some(ended) = ended {
                // Under the constraint only the end can stand here.
                self.masses[ended] += mass * chance;
            } else {
                continue;
            }
            listed += chance;
        }
        self.missing += mass * (1.0 - listed).max(0.0);
        if self.open.is_empty() {
            Ok(())
        } else if !self.continues {
            Err("the answers take more than one token, and this server cannot continue a reply"
                .to_owned())
        } else if self.calls as usize >= DISTRIBUTION_CALLS_MAX {
            Err(format!("the answers take more than {DISTRIBUTION_CALLS_MAX} calls to read"))
        } else {
            Ok(())
        }
    }

    /// What was read, unless more than `missing_max` of the mass was not listed.
    fn finish(&self, spec: &AnswerSpec, missing_max: f64) -> Result<Distribution, String> {
        let covered: f64 = self.masses.iter().sum();
        // Written so that NaN is refused too.
        let enough = self.missing <= missing_max && covered > 0.0;
        if !enough {
            return Err(format!(
                "{:.4} of the mass was not listed, at most {missing_max} is allowed",
                self.missing
            ));
        }
        let chances = self.texts.iter().zip(&self.masses).map(|(text, mass)| {
            let answer = parse(spec, text).map_err(|error| format!("`{text}`: {error}"))?;
            Ok((answer, mass / covered))
        });
        let chances = chances.collect::<Result<_, String>>()?;
        Ok(Distribution { chances, missing: self.missing, calls: self.calls })
    }
}

/// Whether a server of this kind goes on with a reply that has begun.
fn continues(quirks: &Quirks) -> bool {
    quirks.continuation != Continuation::None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_of(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn list(list: &[(&str, f64)]) -> Vec<(String, f64)> {
        list.iter().map(|(text, chance)| ((*text).to_owned(), *chance)).collect()
    }

    #[test]
    fn the_walk_multiplies_chances_and_knows_where_answers_end() {
        let mut walk = Walk::new(texts_of(&["1", "10", "2"]), true);
        assert_eq!(walk.begun(), Some(""));
        walk.listed(&list(&[("1", 0.6), ("2", 0.4)])).unwrap();
        assert_eq!(walk.begun(), Some("1"));
        walk.listed(&list(&[("<end>", 0.25), ("0", 0.75)])).unwrap();
        assert_eq!((walk.begun(), walk.calls), (None, 2));
        let expected = [0.15, 0.45, 0.4];
        let near = |(mass, expected): (&f64, f64)| (mass - expected).abs() < 1e-12;
        assert!(walk.masses.iter().zip(expected).all(near), "{:?}", walk.masses);
        assert!(walk.missing.abs() < 1e-12);
    }

    #[test]
    fn mass_that_is_not_listed_is_reported_and_bounded() {
        let spec = AnswerSpec::Integer { min: 0, max: 2 };
        let mut walk = Walk::new(texts(&spec, true), false);
        walk.listed(&list(&[("0", 0.5), ("1", 0.3), ("x", 0.1)])).unwrap();
        assert!((walk.missing - 0.2).abs() < 1e-12);
        assert!(walk.finish(&spec, 0.1).is_err());
        let read = walk.finish(&spec, 0.25).unwrap();
        assert_eq!(read.draw(0.0), &Answer::Integer(0));
        assert_eq!(read.draw(0.999_999), &Answer::Integer(1), "the last answer with a chance");
    }

    #[test]
    fn servers_that_cannot_continue_are_told_so() {
        let mut walk = Walk::new(texts_of(&["10", "11"]), false);
        let error = walk.listed(&list(&[("1", 1.0)])).unwrap_err();
        assert!(error.contains("cannot continue"), "{error}");
    }

    #[test]
    fn one_answer_needs_no_call_and_a_hundred_need_eleven() {
        let calls = |min, max| calls_max(&AnswerSpec::Integer { min, max });
        assert_eq!((calls(7, 7), calls(0, 9), calls(0, 100)), (0, 1, 11));
    }
}
