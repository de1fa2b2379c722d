//! Models that answer in words: their tables, and what may be spent on them.

use schemars::JsonSchema;
use serde::Deserialize;
use throng_llm_bridge::limits::THREADS_MAX;
use throng_llm_bridge::model::ConfigError;
use throng_llm_bridge::{BudgetConfig, ModelConfig};
use toml::{Table, Value};

use super::tables::{BridgeTable, ResolvedModel};
use super::typed::Findings;

/// Requests in flight that no single process can have.
const IN_FLIGHT_MAX: usize = 1 << 20;

/// The part of a model's table that the bridge does not know.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ShareTable {
    /// Share of the population, 0 to 1; all models together have 1. Equal shares, where no model has one.
    #[schemars(range(min = 0, max = 1))]
    pub(super) share: Option<f64>,
}

/// Reads a model; its servers know it by its name, where it says nothing else.
pub(super) fn read(
    findings: &mut Findings<'_>,
    path: &str,
    mut table: Table,
) -> (ModelConfig, Option<f64>) {
    let share = table.remove("share").map(|share| Table::from_iter([("share".to_owned(), share)]));
    let share: ShareTable = findings.read(share.unwrap_or_default(), path);
    match (table.get("name").cloned(), table.get("model").cloned()) {
        (Some(name @ Value::String(_)), None) => drop(table.insert("model".to_owned(), name)),
        (None, Some(model @ Value::String(_))) => drop(table.insert("name".to_owned(), model)),
        (None, None) => {
            let hint = "write model = and the name that its server knows";
            findings.key(path, "the model has no name", hint);
            return (ModelConfig::default(), share.share);
        }
        _ => (),
    }
    let before = findings.list.len();
    let model: ModelConfig = findings.read(table, path);
    // What has a wrong type stands at its default, about which nothing is to be said.
    if findings.list.len() == before {
        for error in model.errors() {
            note(findings, path, &error);
        }
    }
    (model, share.share)
}

fn note(findings: &mut Findings<'_>, path: &str, error: &ConfigError) {
    match error {
        ConfigError::Value { field, problem, .. } => {
            let (wrong, hint) = problem.split_once("; ").unwrap_or((problem, ""));
            let hint = if hint.is_empty() { "`throng schema` describes every key" } else { hint };
            findings.value(&format!("{path}.{field}"), format!("`{field}` {wrong}"), hint);
        }
        other => findings.key(path, other.to_string(), "`throng schema` describes every key"),
    }
}

/// Reads what may be spent.
pub(super) fn budget(findings: &mut Findings<'_>, table: Table) -> BudgetConfig {
    let budget: BudgetConfig = findings.read(table, "budget");
    if budget.usd_max.is_some_and(|usd| !(usd.is_finite() && usd >= 0.0)) {
        findings.value("budget.usd_max", "nobody can spend that", "write US dollars from 0 on");
    }
    budget
}

/// Reads how servers are called.
pub(super) fn bridge(findings: &mut Findings<'_>, table: Table) -> BridgeTable {
    let bridge: BridgeTable = findings.read(table, "bridge");
    if bridge.in_flight_max.is_some_and(|most| !(1..=IN_FLIGHT_MAX).contains(&most)) {
        let hint = format!("write a number from 1 to {IN_FLIGHT_MAX}");
        findings.value("bridge.in_flight_max", "no request could be sent", hint);
    }
    if bridge.threads.is_some_and(|threads| !(1..=THREADS_MAX).contains(&threads)) {
        let hint = format!("write a number from 1 to {THREADS_MAX}, or leave it out");
        findings.value("bridge.threads", "so many threads cannot carry requests", hint);
    }
    bridge
}

/// Notes every model that the scenario never asks, because it asks nothing in words.
pub(super) fn refuse_unasked(
    findings: &mut Findings<'_>,
    scenario: &str,
    models: &[ResolvedModel],
) {
    for (index, model) in models.iter().enumerate().filter(|(_, model)| model.words().is_some()) {
        let message = format!(
            "the scenario `{scenario}` asks nothing in words, and would not ask this model"
        );
        let hint =
            "write kind = \"policy\" and one of its policies, which `throng scenarios` lists";
        findings.value(
            &format!("models.{index}.kind"),
            format!("{message}: `{}`", model.name),
            hint,
        );
    }
}
