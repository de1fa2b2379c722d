//! Models and backgrounds with their shares, and the scenario's settings with the policies of the models.

use std::collections::BTreeSet;
use std::path::Path;

use throng_systems::{
    ModelRef, PolicyChoice, PolicyEntry, Prepared, Problem, Scenario, SettingsError,
};
use toml::{Table, Value};

use super::replayed::{self, Replayed};
use super::tables::{
    Answers, BACKGROUNDS_MAX, BackgroundTable, KINDS, MODELS_MAX, ModelTable, OPENAI, POLICY,
    REPLAY, ResolvedBackground, ResolvedModel, SCRIPTED,
};
use super::typed::{Findings, keys};
use super::{suggest, words};

/// The backgrounds, in order.
pub(super) fn read_backgrounds(
    findings: &mut Findings<'_>,
    entries: Vec<Table>,
) -> Vec<ResolvedBackground> {
    let read = |(index, table)| findings.read(table, &format!("backgrounds.{index}"));
    let tables: Vec<BackgroundTable> = entries.into_iter().enumerate().map(read).collect();
    findings.at_most("backgrounds", tables.len(), BACKGROUNDS_MAX);
    let names: Vec<_> = tables.iter().map(|table| Some(table.name.as_str())).collect();
    findings.names("backgrounds", &names);
    let given: Vec<_> = tables.iter().map(|table| table.share).collect();
    let shares = findings.shares("backgrounds", &given);
    let resolved = tables.into_iter().zip(shares);
    resolved
        .map(|(table, share)| ResolvedBackground { name: table.name, text: table.text, share })
        .collect()
}

/// The models; one that runs the scenario's first policy, where there is none.
pub(super) fn read_models(
    findings: &mut Findings<'_>,
    mut entries: Vec<Table>,
    policies: &[PolicyEntry],
    base: &Path,
) -> Vec<ResolvedModel> {
    if entries.is_empty() {
        // An unknown scenario has no policy to fall back on, and is a finding already.
        if policies.is_empty() {
            return Vec::new();
        }
        entries.push(Table::new());
    }
    findings.at_most("models", entries.len(), MODELS_MAX);
    let read = |(index, table)| read_model(findings, index, table, policies, base);
    let models: Vec<(ResolvedModel, Option<f64>)> =
        entries.into_iter().enumerate().map(read).collect();
    // Who has no name has been noted already.
    let name = |model: &'_ ResolvedModel| (!model.name.is_empty()).then_some(model.name.clone());
    let names: Vec<Option<String>> = models.iter().map(|(model, _)| name(model)).collect();
    let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
    findings.names("models", &names);
    let given: Vec<_> = models.iter().map(|(_, share)| *share).collect();
    let shares = findings.shares("models", &given);
    models
        .into_iter()
        .zip(shares)
        .map(|((model, _), share)| ResolvedModel { share, ..model })
        .collect()
}

fn read_model(
    findings: &mut Findings<'_>,
    index: usize,
    table: Table,
    policies: &[PolicyEntry],
    base: &Path,
) -> (ResolvedModel, Option<f64>) {
    let path = format!("models.{index}");
    let kind = table.get("kind").and_then(Value::as_str).unwrap_or(POLICY).to_owned();
    if kind == OPENAI || kind == SCRIPTED {
        let (model, share) = words::read(findings, &path, table);
        let name = model.name.clone();
        return (
            ResolvedModel { name, share: 0.0, answers: Answers::Words(Box::new(model)) },
            share,
        );
    }
    if kind == REPLAY {
        let (model, share) = replayed::read(findings, &path, table, base);
        let read = |model: Replayed| ResolvedModel {
            name: model.words.name.clone(),
            share: 0.0,
            answers: Answers::Replay(Box::new(model)),
        };
        return (model.map_or_else(unread, read), share);
    }
    // A wrong kind is reported once, and its table is not read: its keys are those of another kind.
    if kind != POLICY {
        let message = format!("there is no kind of model `{kind}`");
        findings.value(&format!("{path}.kind"), message, suggest::hint(&kind, &KINDS));
        return (unread(), None);
    }
    let entry: ModelTable = findings.read(table, &path);
    let policy = policy_of(findings, &path, &entry, policies);
    let name = entry.name.unwrap_or_else(|| policy.clone());
    let answers = Answers::Policy { policy, parameters: entry.parameters };
    (ResolvedModel { name, share: 0.0, answers }, entry.share)
}

/// What stands for a model that could not be read, which has been noted.
fn unread() -> ResolvedModel {
    let answers = Answers::Policy { policy: String::new(), parameters: Table::new() };
    ResolvedModel { name: String::new(), share: 0.0, answers }
}

/// The policy of a model: what it says, or else its name, or else the scenario's first policy.
fn policy_of(
    findings: &mut Findings<'_>,
    path: &str,
    entry: &ModelTable,
    policies: &[PolicyEntry],
) -> String {
    let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
    let known = |name: &String| names.contains(&name.as_str());
    match (&entry.policy, &entry.name) {
        (Some(policy), _) => {
            if !names.is_empty() && !known(policy) {
                let message = format!("there is no policy `{policy}`");
                findings.value(&format!("{path}.policy"), message, suggest::hint(policy, &names));
            }
            policy.clone()
        }
        (None, Some(name)) if known(name) => name.clone(),
        (None, Some(name)) => {
            if !names.is_empty() {
                let message = format!("the model `{name}` says no policy");
                let hint = format!("write policy = and one of {}", names.join(", "));
                findings.key(path, message, hint);
            }
            String::new()
        }
        (None, None) => names.first().map(|name| (*name).to_owned()).unwrap_or_default(),
    }
}

/// Reads the scenario's settings and its policies; notes everything that is wrong with them.
pub(super) fn prepare(
    findings: &mut Findings<'_>,
    scenario: &Scenario,
    mut settings: Table,
    models: &[ResolvedModel],
) -> Option<Prepared> {
    let schema = scenario.schema();
    let known = keys(&schema);
    if !known.is_empty() {
        findings.drop_unknown(&mut settings, "scenario", &known);
    }
    let names: Vec<String> = scenario.policies().into_iter().map(|policy| policy.name).collect();
    let mut choices: Vec<PolicyChoice> = choices(models);
    // What is no policy has been noted already.
    choices.retain(|choice| names.contains(&choice.policy));
    let mut seen = BTreeSet::new();
    loop {
        match scenario.prepare(settings.clone(), &choices) {
            Ok(prepared) => return Some(prepared),
            Err(SettingsError::Type { key, message }) => {
                if !findings.wrong_type(&mut settings, "scenario", &key, &message, &schema) {
                    return None;
                }
            }
            Err(SettingsError::Values(problems)) => {
                let new: Vec<Problem> =
                    problems.into_iter().filter(|new| seen.insert(new.to_string())).collect();
                let mut mended = false;
                for problem in &new {
                    mended |= note(findings, problem, &mut choices);
                }
                if !mended {
                    return None;
                }
            }
        }
    }
}

/// A choice for each model that answers by a policy, in order.
pub(super) fn choices(models: &[ResolvedModel]) -> Vec<PolicyChoice> {
    let choice = |(index, model): (usize, &ResolvedModel)| match &model.answers {
        Answers::Policy { policy, parameters } => Some(PolicyChoice {
            model: ModelRef(u16::try_from(index).unwrap_or(u16::MAX)),
            policy: policy.clone(),
            parameters: parameters.clone(),
        }),
        Answers::Words(_) | Answers::Replay(_) => None,
    };
    models.iter().enumerate().filter_map(choice).collect()
}

/// Notes a problem. That of a policy's parameter is mended, so that the next one comes to light.
fn note(findings: &mut Findings<'_>, problem: &Problem, choices: &mut [PolicyChoice]) -> bool {
    let Some(rest) = problem.key.strip_prefix("models.") else {
        let path = format!("scenario.{}", problem.key);
        findings.value(&path, problem.message.as_str(), problem.hint.as_str());
        return false;
    };
    let (index, parameter) = rest.split_once('.').unwrap_or((rest, "policy"));
    let path = match parameter {
        "policy" => format!("models.{index}.policy"),
        parameter => format!("models.{index}.parameters.{parameter}"),
    };
    findings.value(&path, problem.message.as_str(), problem.hint.as_str());
    let choice = choices.iter_mut().find(|choice| choice.model.0.to_string() == index);
    choice.is_some_and(|choice| choice.parameters.remove(parameter).is_some())
}
