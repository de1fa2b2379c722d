//! From plain tables to typed ones, with every unknown key and every wrong type, not only the first.

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::diagnostic::Finding;
use super::document::Document;
use super::secrets::redacted;
use super::suggest;

/// What was found so far in a document.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) document: &'a Document,
    pub(super) list: Vec<Finding>,
}

impl Findings<'_> {
    /// Notes something about the value at a path.
    pub(super) fn value(
        &mut self,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.list.push(Finding::new(self.document.value_place(path), message).hint(hint));
    }

    /// Notes something about the key at a path.
    pub(super) fn key(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.list.push(Finding::new(self.document.key_place(path), message).hint(hint));
    }

    /// Takes the table at a key out of its parent; notes it when it is not a table.
    pub(super) fn take_table(&mut self, parent: &mut Table, key: &str) -> Table {
        match parent.remove(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                let message = format!("`{key}` is {}, not a table", kind(&other));
                self.value(key, message, format!("write [{key}] and its keys below"));
                Table::new()
            }
        }
    }

    /// Takes the list of tables at a key out of its parent; notes what is not a table.
    pub(super) fn take_tables(&mut self, parent: &mut Table, key: &str) -> Vec<Table> {
        let hint = format!("write [[{key}]] and the keys of one entry below");
        let entries = match parent.remove(key) {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                self.value(key, format!("`{key}` is {}, not a list of tables", kind(&other)), hint);
                return Vec::new();
            }
        };
        let mut tables = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            match entry {
                Value::Table(table) => tables.push(table),
                other => {
                    let path = format!("{key}.{index}");
                    let message = format!("`{path}` is {}, not a table", kind(&other));
                    self.value(&path, message, hint.as_str());
                    tables.push(Table::new());
                }
            }
        }
        tables
    }

    /// Notes every key that is not among the known ones, and drops it.
    pub(super) fn drop_unknown(&mut self, table: &mut Table, path: &str, known: &[&str]) {
        let unknown: Vec<String> =
            table.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            table.remove(&key);
            let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let inside = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            let message = format!("there is no key `{key}`{inside}");
            self.key(&place, message, suggest::hint(&key, known));
        }
    }

    /// Reads a table; what is wrong is noted and takes its default value.
    pub(super) fn read<T: DeserializeOwned + JsonSchema + Default>(
        &mut self,
        mut table: Table,
        path: &str,
    ) -> T {
        let schema = schema_for!(T);
        self.drop_unknown(&mut table, path, &keys(&schema));
        loop {
            let error = match serde_path_to_error::deserialize(table.clone()) {
                Ok(read) => return read,
                Err(error) => error,
            };
            let key = error.path().to_string();
            let message = error.into_inner().message().to_owned();
            if !self.wrong_type(&mut table, path, &key, &message, &schema) {
                return T::default();
            }
        }
    }

    /// Notes a value of a wrong type and drops it; whether there was such a value.
    pub(super) fn wrong_type(
        &mut self,
        table: &mut Table,
        path: &str,
        key: &str,
        message: &str,
        schema: &Schema,
    ) -> bool {
        // The path of an error writes `list[0]`; ours writes `list.0`.
        let key = key.replace('[', ".").replace(']', "");
        let place = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
        let message = in_words(&redacted(message));
        let top = key.split('.').next().unwrap_or_default();
        // Settings say what to write after a colon; others are described by their schema.
        let (message, hint) = match message.split_once(": write ") {
            Some((message, hint)) => (message.to_owned(), format!("write {hint}")),
            None => (message, described(schema, top)),
        };
        self.value(&place, format!("`{place}`: {message}"), hint);
        table.remove(top).is_some()
    }
}

/// The keys of a table, as its schema has them.
pub(super) fn keys(schema: &Schema) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Json::as_object);
    properties.map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// What the schema says about a key.
fn described(schema: &Schema, key: &str) -> String {
    let entry = schema.get("properties").and_then(|keys| keys.get(key));
    let text = entry.and_then(|entry| entry.get("description")).and_then(Json::as_str);
    text.map_or_else(
        || "`throng schema` describes every key".to_owned(),
        |text| format!("`{key}` is: {}", text.trim_end_matches('.')),
    )
}

/// A type error without the names that Rust gives to types.
pub(super) fn in_words(message: &str) -> String {
    let words = [
        ("expected u64", "expected a whole number of at least 0"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected usize", "expected a whole number of at least 0"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text in quotes"),
        ("expected path string", "expected a path in quotes"),
        ("expected a boolean", "expected true or false"),
        ("expected a map", "expected a table"),
        ("invalid type: string", "wrong type: the text"),
        ("invalid type: map", "wrong type: a table"),
        ("invalid type: sequence", "wrong type: a list"),
        ("invalid type: ", "wrong type: "),
        ("invalid value: ", "wrong value: "),
    ];
    words.iter().fold(message.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
