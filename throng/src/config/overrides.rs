//! Values from the command line: `--set a.b=c`, and flags with names of their own.

use serde::Deserialize;
use toml::Value;
use toml::de::ValueDeserializer;

use super::diagnostic::{Finding, Place};
use super::secrets::{REDACTED, holds_secret, is_secret_key};

/// A value that goes over what the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Keys and indices, joined by dots.
    pub(super) path: String,
    pub(super) value: Value,
    /// The argument as typed, without secrets.
    pub(super) argument: String,
}

impl Override {
    /// What a flag sets; the text is read as TOML, and where it is none, it is a text.
    pub fn flag(flag: &str, path: &str, text: &str) -> Self {
        let argument = format!("{flag} {}", shown(path, text));
        Self { path: path.to_owned(), value: value(text), argument }
    }

    /// A text that a flag sets.
    pub fn text(flag: &str, path: &str, text: &str) -> Self {
        Self { value: Value::String(text.to_owned()), ..Self::flag(flag, path, text) }
    }

    /// Reads the argument of `--set`.
    ///
    /// # Errors
    /// When it is not `key=value`.
    pub fn set(text: &str) -> Result<Self, Finding> {
        let refused = |shown: &str, message: &str| {
            let place = Place::Argument(format!("--set {shown}"));
            Err(Finding::new(place, message).hint("write --set table.key=value"))
        };
        let Some((path, after)) = text.split_once('=') else {
            let shown = if holds_secret(text) { REDACTED } else { text };
            return refused(shown, "`--set` takes a key and a value");
        };
        let path = path.trim();
        if path.split('.').any(|key| key.trim().is_empty()) {
            return refused(&shown_setting(path, after), "a key is empty");
        }
        let argument = format!("--set {}", shown_setting(path, after));
        Ok(Self { path: path.to_owned(), value: value(after), argument })
    }
}

impl Override {
    /// Key and value as typed, without secrets.
    pub fn shown(&self) -> String {
        let typed = self.argument.strip_prefix("--set ");
        typed.map_or_else(|| format!("{}={}", self.path, self.value), str::to_owned)
    }
}

fn shown_setting(path: &str, text: &str) -> String {
    format!("{path}={}", shown(path, text))
}

fn shown<'a>(path: &str, text: &'a str) -> &'a str {
    let secret = path.split('.').any(is_secret_key) || holds_secret(text);
    if secret { REDACTED } else { text }
}

fn value(text: &str) -> Value {
    let text = text.trim();
    let parsed = ValueDeserializer::parse(text).and_then(Value::deserialize);
    parsed.unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_text() {
        let read = |text: &str| Override::set(text).unwrap().value;
        assert_eq!(read("a.b=1_000"), Value::Integer(1_000));
        assert_eq!(read("a=2/3"), Value::String("2/3".to_owned()));
        assert_eq!(read("a = \"b=c\""), Value::String("b=c".to_owned()));
        assert_eq!(read("a=b=c"), Value::String("b=c".to_owned()));
        assert_eq!(read("a=[1, 2]").as_array().map(Vec::len), Some(2));
        assert_eq!(read("a="), Value::String(String::new()));
    }

    #[test]
    fn a_setting_without_key_or_value_is_refused() {
        for text in ["agents", "=1", "a..b=1", " .a=1"] {
            assert!(Override::set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        let pasted = Override::set("models.0.api_key=hunter2").unwrap();
        assert_eq!(pasted.argument, "--set models.0.api_key=(redacted)");
        let finding = Override::set("sk-abcdefghijkl1234567").unwrap_err();
        assert_eq!(finding.place, Place::Argument("--set (redacted)".to_owned()));
    }
}
