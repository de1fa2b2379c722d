//! Who is asked for texts outside of a run: one model, what may be spent on it, and how its servers are called.

use std::path::{Path, PathBuf};

use throng_llm_bridge::{BridgeConfig, ModelConfig};
use toml::{Table, Value};

use super::diagnostic::{ConfigError, Finding};
use super::document::Document;
use super::overrides::Override;
use super::resolve::{TABLES, choose_model, refuse_secrets};
use super::source::{FILE_BYTES_MAX, Source};
use super::tables::{MODELS_MAX, OPENAI, POLICY, SCRIPTED};
use super::typed::Findings;
use super::words;

/// What the user says about the model that is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// A file with `[[models]]`, `[budget]` and `[bridge]`, such as the configuration of a run.
    pub(crate) file: Option<PathBuf>,
    /// Which of its models, or one of `endpoints`.
    pub(crate) model: Option<String>,
    /// Addresses of the servers of that model.
    pub(crate) endpoints: Vec<String>,
    /// Values over those of the file; later ones win.
    pub(crate) overrides: Vec<Override>,
}

impl Asked {
    /// The bridge to the one model.
    ///
    /// # Errors
    /// All that is wrong with the file and the arguments.
    pub(crate) fn resolve(&self) -> Result<BridgeConfig, ConfigError> {
        let source = self.file.as_deref().map(open).transpose()?;
        let wrong = |findings| ConfigError::new(source.clone(), findings);
        let document = self.document(source.as_ref()).map_err(wrong)?;
        let mut findings = Findings { document: &document, list: Vec::new() };
        let bridge = read(&mut findings);
        match bridge.filter(|_| findings.list.is_empty()) {
            Some(bridge) => Ok(bridge),
            None => Err(wrong(findings.list)),
        }
    }

    /// The file with the arguments over it, without secrets.
    fn document(&self, source: Option<&Source>) -> Result<Document, Vec<Finding>> {
        let mut document = source.map_or_else(|| Ok(Document::default()), Document::parse)?;
        let mut findings = Vec::new();
        if let Some(name) = &self.model {
            findings.extend(choose_model(&mut document, name, &self.endpoints).err());
        }
        let put =
            |entry: &Override| document.put(&entry.path, entry.value.clone(), &entry.argument);
        findings.extend(self.overrides.iter().map(put).filter_map(Result::err));
        refuse_secrets(&document, &document.table, "", &mut findings);
        if findings.is_empty() { Ok(document) } else { Err(findings) }
    }
}

/// Reads the file.
fn open(path: &Path) -> Result<Source, ConfigError> {
    Source::read_as("configuration", path, FILE_BYTES_MAX, "give a TOML file with [[models]]")
}

/// Reads the one model that answers in words; what is wrong is noted.
fn read(findings: &mut Findings<'_>) -> Option<BridgeConfig> {
    let mut tables = findings.document.table.clone();
    findings.drop_unknown(&mut tables, "", &TABLES);
    let entries = findings.take_tables(&mut tables, "models");
    findings.at_most("models", entries.len(), MODELS_MAX);
    let budget = findings.take_table(&mut tables, "budget");
    let budget = words::budget(findings, budget);
    let bridge = findings.take_table(&mut tables, "bridge");
    let bridge = words::bridge(findings, bridge);
    let model = model(findings, entries)?;
    Some(bridge.calls(vec![model], budget))
}

fn model(findings: &mut Findings<'_>, entries: Vec<Table>) -> Option<ModelConfig> {
    let kind =
        |table: &Table| table.get("kind").and_then(Value::as_str).unwrap_or(POLICY).to_owned();
    let mut in_words: Vec<(usize, Table)> = entries
        .into_iter()
        .enumerate()
        .filter(|(_, table)| [OPENAI, SCRIPTED].contains(&kind(table).as_str()))
        .collect();
    match in_words.len() {
        1 => {
            let (index, table) = in_words.remove(0);
            let (model, _) = words::read(findings, &format!("models.{index}"), table);
            Some(model)
        }
        0 => {
            let hint = "give --model and --endpoint, or --models with a file that has [[models]] of kind \"openai\"";
            findings.key("models", "there is no model that answers in words", hint);
            None
        }
        several => {
            let message = format!("{several} models answer in words, and one is asked");
            findings.key("models", message, "say which with --model");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(asked: &Asked) -> String {
        asked.resolve().unwrap_err().to_string()
    }

    #[test]
    fn a_model_is_one_of_the_arguments_or_of_a_file() {
        let url = "http://127.0.0.1:1/v1".to_owned();
        let mut asked =
            Asked { model: Some("m".to_owned()), endpoints: vec![url], ..Asked::default() };
        asked.overrides.push(Override::set("budget.usd_max=2").unwrap());
        let bridge = asked.resolve().unwrap();
        assert_eq!((bridge.models.len(), bridge.budget.usd_max), (1, Some(2.0)));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("models.toml");
        let entry = |name: &str| {
            format!("[[models]]\nkind = \"scripted\"\nname = \"{name}\"\nanswers = [\"a\"]\n")
        };
        std::fs::write(&file, format!("{}{}[run]\nagents = 3\n", entry("a"), entry("b"))).unwrap();
        let mut of_file = Asked { file: Some(file), ..Asked::default() };
        assert!(problem(&of_file).contains("2 models answer in words"));
        of_file.model = Some("b".to_owned());
        assert_eq!(of_file.resolve().unwrap().models[0].name, "b");
    }

    #[test]
    fn without_a_model_in_words_there_is_nobody_to_ask() {
        assert!(problem(&Asked::default()).contains("there is no model that answers in words"));
        let policy = Asked { model: Some("level-k".to_owned()), ..Asked::default() };
        assert!(problem(&policy).contains("--endpoint"));
        let mut secret = Asked::default();
        secret.overrides.push(Override::set("models.0.api_key=sk-0123456789abcdef0123").unwrap());
        assert!(problem(&secret).contains("secret"));
    }
}
