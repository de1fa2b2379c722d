//! The JSON schema of configurations, for editors: draft 7, which Taplo and most editors read.

use schemars::transform::{RemoveRefSiblings, transform_subschemas};
use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};
use throng_llm_bridge::{BudgetConfig, ModelConfig};
use throng_systems::Scenario;

use super::interventions::Intervention;
use super::population::PopulationTable;
use super::replayed::ReplayTable;
use super::tables::{BackgroundTable, BridgeTable, ModelTable, OPENAI, REPLAY, RunTable, SCRIPTED};
use super::words::ShareTable;

/// The schema of a configuration that plays one of these scenarios.
pub fn schema(scenarios: &[Scenario]) -> Value {
    let mut definitions = Map::new();
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let mut run = embedded(schema_for!(RunTable), "run", &mut definitions);
    run["properties"]["scenario"]["enum"] = json!(names);
    run["required"] = json!(["scenario"]);
    let background = embedded(schema_for!(BackgroundTable), "background", &mut definitions);
    let population = embedded(schema_for!(PopulationTable), "population", &mut definitions);
    let budget = embedded(schema_for!(BudgetConfig), "budget", &mut definitions);
    let bridge = embedded(schema_for!(BridgeTable), "bridge", &mut definitions);
    let intervention = embedded(schema_for!(Intervention), "intervention", &mut definitions);
    let mut root = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A run of Throng",
        "type": "object",
        "additionalProperties": false,
        "required": ["run"],
        "properties": {
            "run": run,
            "scenario": { "type": "object" },
            "models": { "type": "array", "items": { "type": "object" } },
            "backgrounds": { "type": "array", "items": background },
            "population": population,
            "interventions": { "type": "array", "items": intervention },
            "budget": budget,
            "bridge": bridge,
        },
    });
    let mut variants: Vec<Value> =
        scenarios.iter().map(|scenario| own_tables(scenario, &mut definitions)).collect();
    if let [only] = variants.as_mut_slice() {
        root["properties"]["scenario"] = only["scenario"].take();
        root["properties"]["models"] = only["models"].take();
    } else {
        root["allOf"] =
            scenarios.iter().zip(variants).map(|(scenario, own)| when(scenario, own)).collect();
    }
    root["definitions"] = Value::Object(definitions);
    root
}

/// The tables whose keys depend on the scenario.
fn own_tables(scenario: &Scenario, definitions: &mut Map<String, Value>) -> Value {
    let settings = embedded(scenario.schema(), scenario.name, definitions);
    let mut model = embedded(schema_for!(ModelTable), "model", definitions);
    let policies = scenario.policies();
    let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
    model["properties"]["policy"]["enum"] = json!(names);
    let in_words =
        json!({ "properties": { "kind": { "enum": [OPENAI, SCRIPTED] } }, "required": ["kind"] });
    let replay = embedded(schema_for!(ReplayTable), "replay", definitions);
    let recorded = json!({ "properties": { "kind": { "const": REPLAY } }, "required": ["kind"] });
    let silent = json!({ "if": recorded, "then": replay, "else": model });
    let items = json!({ "if": in_words, "then": words(definitions), "else": silent });
    json!({ "scenario": settings, "models": { "type": "array", "items": items } })
}

/// A model that answers in words: what the bridge knows of it, and its share.
fn words(definitions: &mut Map<String, Value>) -> Value {
    let mut model = embedded(schema_for!(ModelConfig), "words", definitions);
    let share = embedded(schema_for!(ShareTable), "share", definitions);
    model["properties"]["share"] = share["properties"]["share"].clone();
    // One of name and model stands for both.
    model["required"] = json!(["kind"]);
    model
}

/// The tables of a scenario apply where the run names it.
fn when(scenario: &Scenario, own: Value) -> Value {
    let named = json!({ "properties": { "scenario": { "const": scenario.name } } });
    json!({ "if": { "properties": { "run": named } }, "then": { "properties": own } })
}

/// A schema as part of a larger one: its definitions move there, under names that do not clash.
fn embedded(schema: Schema, scope: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = schema;
    schemars::transform::Transform::transform(&mut RemoveRefSiblings::default(), &mut schema);
    adapt(&mut schema, scope);
    schema.remove("$schema");
    if let Some(Value::Object(own)) = schema.remove("$defs") {
        for (name, definition) in own {
            definitions.insert(format!("{scope}.{name}"), definition);
        }
    }
    schema.to_value()
}

/// Points references to where definitions move, and leaves out names of Rust types and the null that TOML lacks.
fn adapt(schema: &mut Schema, scope: &str) {
    if let Some(Value::String(reference)) = schema.get_mut("$ref")
        && let Some(name) = reference.strip_prefix("#/$defs/")
    {
        *reference = format!("#/definitions/{scope}.{name}");
    }
    schema.remove("title");
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    transform_subschemas(&mut |schema: &mut Schema| adapt(schema, scope), schema);
}
