//! Models of kind "replay": what an earlier run was answered answers again, and nobody is called.

use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use throng_data::{RunDir, sha256_of_config};
use throng_llm_bridge::ModelConfig;
use throng_llm_bridge::money::Prices;
use toml::{Table, Value};

use super::diagnostic::Place;
use super::suggest;
use super::tables::{OPENAI, SCRIPTED};
use super::typed::Findings;

/// The file with a run's configuration.
const RUN_TOML: &str = "run.toml";

/// A model that answers with the completions of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReplayTable {
    /// Name of the model in tables and reports; that of the recorded model, where it is left out.
    name: Option<String>,
    /// Share of the population, 0 to 1; all models together have 1. Equal shares, where no model has one.
    #[schemars(range(min = 0, max = 1))]
    share: Option<f64>,
    /// How the model answers: "replay" with the completions of an earlier run.
    #[schemars(extend("const" = "replay"))]
    kind: Option<String>,
    /// The directory of the earlier run.
    run: Option<String>,
    /// The name of its model; not needed where it asked only one.
    model: Option<String>,
    /// The digest of its configuration; another run in its place is refused.
    sha256: Option<String>,
}

/// A model of an earlier run.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The run's directory, from the root.
    pub run: PathBuf,
    /// The model's name there.
    pub model: String,
    /// The digest of the run's configuration.
    pub sha256: String,
    /// What identifies its completions; it has no address.
    pub words: ModelConfig,
}

/// Reads a model; paths of files count from `base`.
pub(super) fn read(
    findings: &mut Findings<'_>,
    path: &str,
    table: Table,
    base: &Path,
) -> (Option<Replayed>, Option<f64>) {
    let table: ReplayTable = findings.read(table, path);
    let Some(written) = &table.run else {
        let hint = "write run = and the directory of the run that asked it";
        findings.key(path, "the model names no run", hint);
        return (None, table.share);
    };
    let key = format!("{path}.run");
    let run = match findings.document.value_place(&key) {
        // What was typed counts from where it was typed.
        Place::Argument(_) => PathBuf::from(written),
        Place::Span(_) | Place::Nowhere => base.join(written),
    };
    let run = std::path::absolute(&run).unwrap_or(run);
    let read = configuration(&run).and_then(|(sha256, models)| {
        if table.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
            return Err("it is another run than when `sha256` was written".to_owned());
        }
        Ok((sha256, models))
    });
    let (sha256, models) = match read {
        Ok(read) => read,
        Err(problem) => {
            findings.value(
                &key,
                problem,
                "give the directory of a run that asked a model in words",
            );
            return (None, table.share);
        }
    };
    let found = chosen(findings, path, table.model.as_deref(), &models);
    let replayed = found.map(|(model, words)| {
        let name = table.name.clone().unwrap_or_else(|| model.clone());
        let (price, endpoints) = (Prices::default(), Vec::new());
        Replayed { run, model, sha256, words: ModelConfig { name, price, endpoints, ..words } }
    });
    (replayed, table.share)
}

/// The digest of a run's configuration, and its models that were asked in words.
fn configuration(path: &Path) -> Result<(String, Vec<(String, ModelConfig)>), String> {
    let manifest = RunDir::open(path).and_then(|run| run.manifest());
    let manifest = manifest.map_err(|error| error.to_string())?;
    let path = path.join(RUN_TOML);
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    let sha256 = sha256_of_config(text.as_bytes());
    if sha256 != manifest.config_sha256 {
        return Err(format!("`{}` is not what the run began with: it was changed", path.display()));
    }
    let table: Table = text.parse().map_err(|error| format!("`{}`: {error}", path.display()))?;
    let entries = table.get("models").and_then(Value::as_array);
    let tables = entries.into_iter().flatten().filter_map(Value::as_table);
    let models: Vec<_> = tables.filter_map(in_words).collect();
    if models.is_empty() {
        return Err("the run asked no model in words".to_owned());
    }
    Ok((sha256, models))
}

/// The model of an entry of a resolved configuration, if it is asked in words.
fn in_words(entry: &Table) -> Option<(String, ModelConfig)> {
    let kind = entry.get("kind").and_then(Value::as_str)?;
    if kind != OPENAI && kind != SCRIPTED {
        return None;
    }
    let mut entry = entry.clone();
    entry.remove("share");
    let model: ModelConfig = Value::Table(entry).try_into().ok()?;
    Some((model.name.clone(), model))
}

fn chosen(
    findings: &mut Findings<'_>,
    path: &str,
    asked: Option<&str>,
    models: &[(String, ModelConfig)],
) -> Option<(String, ModelConfig)> {
    let names: Vec<&str> = models.iter().map(|(name, _)| name.as_str()).collect();
    match (asked, models) {
        (None, [only]) => Some(only.clone()),
        (None, _) => {
            let hint = format!("write model = and one of {}", names.join(", "));
            findings.key(path, "the run asked several models", hint);
            None
        }
        (Some(asked), _) => {
            let found = models.iter().find(|(name, _)| name == asked).cloned();
            if found.is_none() {
                let message = format!("the run did not ask a model `{asked}`");
                findings.value(&format!("{path}.model"), message, suggest::hint(asked, &names));
            }
            found
        }
    }
}
