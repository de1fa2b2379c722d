//! `throng scenarios`: what can be played, with settings and policies.

use clap::Args;
use serde_json::{Value, json};
use throng_systems::{PolicyEntry, Scenario};

use super::exit::Exit;
use super::output::{Results, table};
use crate::watch::SCHEMA;

/// Arguments of `throng scenarios`.
#[derive(Args, Debug)]
pub(super) struct ScenariosArguments {
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Lists the scenarios of this program.
pub(super) fn run(
    arguments: &ScenariosArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Exit {
    if arguments.json {
        let scenarios: Vec<_> = scenarios.iter().map(object).collect();
        let object = json!({ "schema": SCHEMA, "kind": "scenarios", "scenarios": scenarios });
        results.line(&object.to_string());
    } else {
        results.lines(scenarios.iter().flat_map(text));
    }
    Exit::Done
}

fn object(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "version": scenario.version,
        "about": scenario.about,
        "settings": scenario.schema(),
        "changeable": scenario.changeable(),
        "policies": scenario.policies(),
    })
}

fn text(scenario: &Scenario) -> Vec<String> {
    let mut lines = vec![format!("{} (version {})", scenario.name, scenario.version)];
    lines.push(format!("  {}", scenario.about));
    lines.push(String::new());
    lines.push("  Settings, in the table [scenario]:".to_owned());
    lines.extend(settings(scenario).iter().map(|line| format!("    {line}")));
    if let names @ [_, ..] = scenario.changeable() {
        lines.push(format!("    What may change while a run is played: {}", names.join(", ")));
    }
    lines.push(String::new());
    lines.push("  Policies, in [[models]] as policy = \"…\"; the first is the default:".to_owned());
    for policy in scenario.policies() {
        lines.extend(policy_text(&policy).iter().map(|line| format!("    {line}")));
    }
    lines.push(String::new());
    lines
}

/// Each setting with its default and its meaning.
fn settings(scenario: &Scenario) -> Vec<String> {
    let schema = scenario.schema();
    let properties = schema.get("properties").and_then(Value::as_object);
    let row = |(name, about): (&String, &Value)| {
        let default = about.get("default").map_or_else(String::new, in_toml);
        let meaning = about.get("description").and_then(Value::as_str).unwrap_or_default();
        vec![name.clone(), default, meaning.to_owned()]
    };
    table(&properties.into_iter().flatten().map(row).collect::<Vec<_>>())
}

/// A default as one writes it in a configuration; what TOML cannot say is shown as JSON.
fn in_toml(default: &Value) -> String {
    let text =
        toml::Value::try_from(default).map_or_else(|_| default.to_string(), |v| v.to_string());
    format!("= {text}")
}

fn policy_text(policy: &PolicyEntry) -> Vec<String> {
    let mut lines = vec![policy.name.clone(), format!("  {}", policy.about)];
    lines.push(format!("  Source: {}", policy.source));
    lines.extend(policy.parameters.iter().map(|(name, about)| format!("  {name}: {about}")));
    lines
}
