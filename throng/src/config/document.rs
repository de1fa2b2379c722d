//! A configuration as it was written: plain values, and where each of them stands.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::diagnostic::{Finding, Place};
use super::source::Source;

/// Tables and arrays within each other; a configuration needs four.
const DEPTH_MAX: usize = 16;

/// Where a key and its value stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Written {
    /// In the file.
    File { key: Range<usize>, value: Range<usize> },
    /// On the command line.
    Argument(String),
}

/// Values by key, and their places by path: keys and array indices joined by dots.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) table: Table,
    places: BTreeMap<String, Written>,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// Everything that is not TOML, or a number that does not fit.
    pub(super) fn parse(source: &Source) -> Result<Self, Vec<Finding>> {
        let (parsed, errors) = DeTable::parse_recoverable(&source.text);
        if !errors.is_empty() {
            return Err(errors.iter().map(syntax).collect());
        }
        let mut reader = Reader::default();
        let table = reader.table(parsed.get_ref(), "", 0);
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        Ok(Self { table, places: reader.places })
    }

    /// Puts a value from the command line at a path, over what stands there.
    ///
    /// # Errors
    /// When the path leads through something that is not a table, or past the end of an array.
    pub(super) fn put(&mut self, path: &str, value: Value, argument: &str) -> Result<(), Finding> {
        let keys: Vec<&str> = path.split('.').collect();
        let (last, parents) = keys.split_last().expect("a split text has a part");
        let wrong = |message| Finding::new(Place::Argument(argument.to_owned()), message);
        let mut at = Slot::Table(&mut self.table);
        for (depth, key) in parents.iter().enumerate() {
            let next = at.enter(key, keys[depth + 1]);
            at = next.ok_or_else(|| wrong(blocked(&keys[..=depth])))?;
        }
        if !at.set(last, value) {
            return Err(wrong(blocked(&keys)));
        }
        let below = format!("{path}.");
        self.places.retain(|place, _| place != path && !place.starts_with(&below));
        self.places.insert(path.to_owned(), Written::Argument(argument.to_owned()));
        Ok(())
    }

    /// Keeps one entry of a list of tables, which becomes entry 0.
    pub(super) fn keep_only(&mut self, list: &str, index: usize) {
        let Some(Value::Array(entries)) = self.table.get_mut(list) else { return };
        let kept = entries.swap_remove(index);
        *entries = vec![kept];
        let (from, to) = (format!("{list}.{index}"), format!("{list}.0"));
        let below = format!("{list}.");
        for (path, written) in std::mem::take(&mut self.places) {
            let rest =
                path.strip_prefix(&from).filter(|rest| rest.is_empty() || rest.starts_with('.'));
            match rest {
                Some(rest) => drop(self.places.insert(format!("{to}{rest}"), written)),
                None if path.starts_with(&below) => (),
                None => drop(self.places.insert(path, written)),
            }
        }
    }

    /// Where the value at a path stands, or else what encloses it.
    pub(super) fn value_place(&self, path: &str) -> Place {
        self.place(path, |_, value| value.clone())
    }

    /// Where the key at a path stands, or else what encloses it.
    pub(super) fn key_place(&self, path: &str) -> Place {
        self.place(path, |key, _| key.clone())
    }

    fn place(&self, path: &str, choose: fn(&Range<usize>, &Range<usize>) -> Range<usize>) -> Place {
        let at = |path: &str| self.places.get(path);
        if let Some(written) = at(path) {
            return match written {
                Written::File { key, value } => Place::Span(choose(key, value)),
                Written::Argument(argument) => Place::Argument(argument.clone()),
            };
        }
        // A table that only arguments have filled stands where they do.
        let below = format!("{path}.");
        let inside = self.places.range(below.clone()..).next();
        let inside =
            inside.filter(|(place, _)| place.starts_with(&below)).map(|(_, written)| written);
        let around = || parents(path).find_map(at);
        match inside.or_else(around) {
            // Of an enclosing table only the key is worth pointing at: its value is all of its lines.
            Some(Written::File { key, .. }) => Place::Span(key.clone()),
            Some(Written::Argument(argument)) => Place::Argument(argument.clone()),
            None => Place::Nowhere,
        }
    }
}

/// What encloses a path, the nearest first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.rmatch_indices('.').map(|(at, _)| &path[..at])
}

fn blocked(keys: &[&str]) -> String {
    format!("`{}` is neither a table nor the next entry of a list", keys.join("."))
}

/// A place in a table or list into which a path of the command line leads.
enum Slot<'a> {
    Table(&'a mut Table),
    List(&'a mut Vec<Value>),
}

impl Slot<'_> {
    /// The table or list at `key`, made where there is none; `next` tells which of the two it is to be.
    fn enter(self, key: &str, next: &str) -> Option<Self> {
        let made = || match next.parse::<usize>() {
            Ok(_) => Value::Array(Vec::new()),
            Err(_) => Value::Table(Table::new()),
        };
        let value = match self {
            Self::Table(table) => table.entry(key).or_insert_with(made),
            Self::List(list) => {
                let index: usize = key.parse().ok()?;
                if index == list.len() {
                    list.push(made());
                }
                list.get_mut(index)?
            }
        };
        match value {
            Value::Table(table) => Some(Self::Table(table)),
            Value::Array(list) => Some(Self::List(list)),
            _ => None,
        }
    }

    fn set(self, key: &str, value: Value) -> bool {
        match self {
            Self::Table(table) => {
                table.insert(key.to_owned(), value);
                true
            }
            Self::List(list) => match key.parse::<usize>() {
                Ok(index) if index < list.len() => {
                    list[index] = value;
                    true
                }
                Ok(index) if index == list.len() => {
                    list.push(value);
                    true
                }
                _ => false,
            },
        }
    }
}

fn syntax(error: &toml::de::Error) -> Finding {
    let place = error.span().map_or(Place::Nowhere, Place::Span);
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    Finding::new(place, message).hint("a text stands in quotes, a table begins with [name]")
}

/// Turns parsed values into plain ones and notes their places.
#[derive(Default)]
struct Reader {
    places: BTreeMap<String, Written>,
    findings: Vec<Finding>,
}

impl Reader {
    fn table(&mut self, table: &DeTable<'_>, path: &str, depth: usize) -> Table {
        let entries = table.iter().filter_map(|(key, value)| {
            let name = key.get_ref().to_string();
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value = self.value(value, &below, key.span(), depth + 1)?;
            Some((name, value))
        });
        entries.collect()
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        path: &str,
        key: Range<usize>,
        depth: usize,
    ) -> Option<Value> {
        let span = value.span();
        if depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} tables and lists lie within each other");
            self.findings.push(Finding::new(Place::Span(span), message));
            return None;
        }
        self.places.insert(path.to_owned(), Written::File { key, value: span.clone() });
        Some(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                Value::Integer(self.fits(read.ok(), span)?)
            }
            DeValue::Float(number) => Value::Float(self.fits(number.as_str().parse().ok(), span)?),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(time) => Value::Datetime(*time),
            DeValue::Array(list) => {
                let entries = list.iter().enumerate().filter_map(|(index, entry)| {
                    // An entry of a list has no key of its own.
                    self.value(entry, &format!("{path}.{index}"), entry.span(), depth + 1)
                });
                Value::Array(entries.collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, path, depth)),
        })
    }

    fn fits<T>(&mut self, read: Option<T>, span: Range<usize>) -> Option<T> {
        if read.is_none() {
            let message = "the number has too many digits";
            let hint = format!("write a number from {} to {}", i64::MIN, i64::MAX);
            self.findings.push(Finding::new(Place::Span(span), message).hint(hint));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(&Source::new("a.toml".to_owned(), text.to_owned())).unwrap()
    }

    fn pointed<'a>(text: &'a str, place: &Place) -> &'a str {
        let Place::Span(span) = place else { panic!("{place:?} is not in the file") };
        &text[span.clone()]
    }

    #[test]
    fn every_value_has_a_place() {
        let text = "[run]\nagents = 0x10\n[[models]]\nname = 'a'\nparameters = { k = [1, 2.5] }\n";
        let read = document(text);
        assert_eq!(pointed(text, &read.value_place("run.agents")), "0x10");
        assert_eq!(pointed(text, &read.key_place("run.agents")), "agents");
        assert_eq!(pointed(text, &read.value_place("models.0.parameters.k.1")), "2.5");
        assert_eq!(pointed(text, &read.value_place("models.0.share")), "[[models]]");
        assert_eq!(read.value_place("scenario.ratio"), Place::Nowhere);
        assert_eq!(read.table["run"]["agents"].as_integer(), Some(16));
    }

    #[test]
    fn an_argument_takes_the_place_of_what_it_covers() {
        let mut read = document("[scenario]\nratio = 0.5\n");
        read.put("scenario.ratio", Value::Integer(1), "--set scenario.ratio=1").unwrap();
        read.put("models.0.name", "a".into(), "--set models.0.name=a").unwrap();
        read.put("models.0.share", Value::Integer(1), "--set models.0.share=1").unwrap();
        assert_eq!(read.table["scenario"]["ratio"].as_integer(), Some(1));
        let place = Place::Argument("--set scenario.ratio=1".to_owned());
        assert_eq!(read.value_place("scenario.ratio"), place);
        assert_eq!(read.table["models"][0]["share"].as_integer(), Some(1));
    }

    #[test]
    fn a_path_through_a_value_or_past_a_list_is_refused() {
        let mut read = document("[scenario]\nratio = 0.5\n");
        for path in ["scenario.ratio.x", "models.1.name"] {
            let finding = read.put(path, Value::Integer(1), "--set").unwrap_err();
            assert!(finding.message.contains("neither a table nor the next entry"));
        }
    }

    #[test]
    fn all_syntax_errors_are_found_at_once() {
        let source = Source::new("a.toml".to_owned(), "a = \nb = 1\nb = 2\nc = [1\n".to_owned());
        assert!(Document::parse(&source).unwrap_err().len() >= 3);
    }

    #[test]
    fn deep_nesting_and_long_numbers_are_refused() {
        let deep = format!("a = {}{}", "[".repeat(40), "]".repeat(40));
        let long = "a = 99999999999999999999";
        for (text, message) in [(deep.as_str(), "lie within each other"), (long, "too many digits")]
        {
            let source = Source::new("a.toml".to_owned(), text.to_owned());
            let findings = Document::parse(&source).unwrap_err();
            assert!(findings[0].message.contains(message), "{findings:?}");
        }
    }
}
