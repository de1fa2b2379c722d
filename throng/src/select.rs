//! Which agents are meant: by number, by what they are, or a random sample.

use std::fmt;
use std::str::FromStr;

use throng_data::Column;
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, AgentRange, Permutation};

/// Ranges of numbers that a selection may list.
pub(crate) const RANGES_MAX: usize = 1_000;

/// The random order that samples are cut from.
const SAMPLE: Purpose = Purpose::new("selected sample");

/// How a selection is written.
const GRAMMAR: &str = "write numbers such as `7, 100-199`, an attribute such as `education = \"Ph.D.\"`, \
                       `sample:100`, or `all`";

/// A selection of agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// Everyone.
    #[default]
    All,
    /// The agents of these ranges, first and last included.
    Ranges(Vec<(u64, u64)>),
    /// Those whose attribute has this value.
    Equal {
        /// The attribute, a column of `people`.
        column: String,
        /// The value, as tables show it.
        value: String,
    },
    /// This many, drawn at random without replacement.
    Sample(u64),
}

/// What is wrong with a selection, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl SelectError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// Nobody is selected.
    pub(crate) fn nobody() -> Self {
        let hint = "nobody has this value; the table `people` shows who has which";
        Self::new("the selection is empty", hint)
    }
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl FromStr for Selector {
    type Err = SelectError;

    fn from_str(text: &str) -> Result<Self, SelectError> {
        let text = text.trim();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(count) = text.strip_prefix("sample:") {
            let count = number(count).filter(|count| *count > 0);
            let wrong = || SelectError::new(format!("`{text}` is not a sample"), GRAMMAR);
            return count.map(Self::Sample).ok_or_else(wrong);
        }
        if let Some((column, value)) = text.split_once('=') {
            return equal(text, column.trim(), value.trim());
        }
        let ranges = text.split(',').map(range).collect::<Option<Vec<_>>>();
        match ranges {
            Some(ranges) if ranges.len() <= RANGES_MAX => Ok(Self::Ranges(ranges)),
            Some(_) => {
                let message = format!("more than {RANGES_MAX} ranges of agents");
                Err(SelectError::new(message, "join some of them"))
            }
            None => Err(SelectError::new(format!("`{text}` selects nobody"), GRAMMAR)),
        }
    }
}

fn equal(text: &str, column: &str, value: &str) -> Result<Selector, SelectError> {
    let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if column.is_empty() || bare.is_empty() || bare.contains('"') || bare.starts_with('=') {
        return Err(SelectError::new(
            format!("`{text}` is not an attribute with a value"),
            GRAMMAR,
        ));
    }
    Ok(Selector::Equal { column: column.to_owned(), value: bare.to_owned() })
}

/// Digits, with `_` between them where one likes.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim().replace('_', "");
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last).then_some((first, last))
}

impl Selector {
    /// Checks the numbers against a population of this size.
    ///
    /// # Errors
    /// When it names agents that do not exist.
    pub fn check(&self, agents: u64) -> Result<(), SelectError> {
        let most = match self {
            Self::All | Self::Equal { .. } => return Ok(()),
            Self::Ranges(ranges) => ranges.iter().map(|(_, last)| *last).max().unwrap_or(0),
            Self::Sample(count) => count - 1,
        };
        if most < agents {
            return Ok(());
        }
        let message = match self {
            Self::Sample(count) => format!("{count} of {agents} agents cannot be drawn"),
            _ => format!("there is no agent {most}"),
        };
        Err(SelectError::new(message, format!("the agents are 0 to {}", agents - 1)))
    }

    /// The agents it selects of a population of this size, ascending; `column` finds an attribute, and `draw`
    /// tells samples of one run apart.
    ///
    /// # Errors
    /// When there are no such agents, or no such attribute.
    pub fn agents<'a>(
        &self,
        agents: u64,
        draw: (u64, u32),
        column: impl FnOnce(&str) -> Option<&'a Column>,
    ) -> Result<Vec<u32>, SelectError> {
        let selected = self.agents_within(agents, AgentRange::all(agents), draw, column)?;
        if selected.is_empty() {
            return Err(SelectError::nobody());
        }
        Ok(selected)
    }

    /// As [`Self::agents`], those of a range only, perhaps none; the columns have its rows alone.
    ///
    /// # Errors
    /// When there are no such agents in the population, or no such attribute.
    pub fn agents_within<'a>(
        &self,
        agents: u64,
        range: AgentRange,
        (seed, draw): (u64, u32),
        column: impl FnOnce(&str) -> Option<&'a Column>,
    ) -> Result<Vec<u32>, SelectError> {
        self.check(agents)?;
        let everyone = range.start as u32..range.end as u32;
        Ok(match self {
            Self::All => everyone.collect(),
            Self::Ranges(ranges) => {
                let inside = |agent: u64| ranges.iter().any(|(a, b)| (*a..=*b).contains(&agent));
                everyone.filter(|agent| inside(u64::from(*agent))).collect()
            }
            Self::Sample(count) => {
                let streams = Streams::new(seed, SAMPLE, draw);
                let order = Permutation::new(agents, &mut streams.agent(AgentId(0)));
                everyone.filter(|agent| order.place(u64::from(*agent)) < *count).collect()
            }
            Self::Equal { column: name, value } => {
                let found = column(name).ok_or_else(|| {
                    let message = format!("agents have no attribute `{name}`");
                    SelectError::new(message, "the columns of the table `people` are attributes")
                })?;
                let row = |agent: u32| (u64::from(agent) - range.start) as usize;
                everyone.filter(|agent| has(found, row(*agent), value)).collect()
            }
        })
    }
}

/// Whether a row has a value, as tables show it.
fn has(column: &Column, row: usize, value: &str) -> bool {
    if !column.is_valid(row) {
        return false;
    }
    let values = &column.values;
    if let Some(text) = values.text(row) {
        return text == value;
    }
    match values.integer(row) {
        Some(whole) => value.parse() == Ok(whole),
        None => values.number(row).is_some_and(|number| {
            value.parse::<f64>().is_ok_and(|value| value.to_bits() == number.to_bits())
        }),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Sample(count) => write!(f, "sample:{count}"),
            Self::Equal { column, value } => write!(f, "{column} = \"{value}\""),
            Self::Ranges(ranges) => {
                for (place, (first, last)) in ranges.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{first}")?;
                    if first != last {
                        write!(f, "-{last}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throng_data::Values;

    use super::*;

    fn degrees() -> Column {
        let names = vec!["none".to_owned(), "Ph.D.".to_owned()];
        Column::new("education", "A degree.", Values::Category { codes: vec![0, 1, 0, 1], names })
    }

    fn of(text: &str) -> Result<Vec<u32>, SelectError> {
        let column = degrees();
        let found = |name: &str| (name == "education").then_some(&column);
        text.parse::<Selector>()?.agents(4, (1, 0), found)
    }

    #[test]
    fn agents_are_selected_by_number_by_attribute_and_at_random() {
        assert_eq!(of("all").unwrap(), [0, 1, 2, 3]);
        assert_eq!(of("3, 0-1").unwrap(), [0, 1, 3]);
        assert_eq!(of("education = \"Ph.D.\"").unwrap(), [1, 3]);
        assert_eq!(of("education=none").unwrap(), [0, 2]);
        assert_eq!(of("sample:2").unwrap().len(), 2);
        assert_eq!(of("sample:4").unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn parts_of_a_population_select_what_the_whole_does() {
        let names = vec!["none".to_owned(), "Ph.D.".to_owned()];
        let column = |range: AgentRange| {
            let codes = (range.start..range.end).map(|agent| (agent % 3 == 0).into()).collect();
            Column::new("education", "A degree.", Values::Category { codes, names: names.clone() })
        };
        for text in ["all", "3, 5-8", "sample:4", "education = none", "7"] {
            let selector: Selector = text.parse().unwrap();
            let whole = column(AgentRange::all(10));
            let expected = selector.agents(10, (1, 0), |_| Some(&whole)).unwrap();
            let mut joined = Vec::new();
            for range in [AgentRange { start: 0, end: 4 }, AgentRange { start: 4, end: 10 }] {
                let part = column(range);
                let of_part = selector.agents_within(10, range, (1, 0), |_| Some(&part));
                joined.extend(of_part.unwrap());
            }
            assert_eq!(joined, expected, "{text}");
        }
    }

    #[test]
    fn whatever_selects_nobody_says_so() {
        let refused = |text: &str, words: &str| {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        };
        refused("", "selects nobody");
        refused("3-1", "selects nobody");
        refused("-3", "selects nobody");
        refused("4", "there is no agent 4; the agents are 0 to 3");
        refused("sample:0", "is not a sample");
        refused("sample:5", "cannot be drawn");
        refused("degree = 1", "no attribute `degree`");
        refused("education = \"M.A.\"", "the selection is empty");
        refused("education =", "is not an attribute with a value");
    }

    proptest! {
        #[test]
        fn what_it_shows_means_the_same(ranges in prop::collection::vec((0_u64..50, 0_u64..50), 1..5), count in 1_u64..100) {
            let ranges = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
            for selector in [Selector::Ranges(ranges), Selector::Sample(count), Selector::All] {
                prop_assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = of(&text);
        }
    }
}
