//! `throng schema`: the JSON schema of configurations.

use clap::Args;
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::output::Results;
use crate::config::{ConfigError, schema};

/// What asks for the schema of a population's specification.
const POPULATION: &str = "population";

/// Arguments of `throng schema`.
#[derive(Args, Debug)]
pub(super) struct SchemaArguments {
    /// Of this scenario only, or `population` for the specification of a population
    #[arg(value_name = "SCENARIO|population")]
    scenario: Option<String>,
}

/// Prints the schema, which editors complete and check from.
pub(super) fn run(
    arguments: &SchemaArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let schema = match &arguments.scenario {
        None => schema(scenarios),
        Some(name) if name == POPULATION => throng_population::Spec::schema().to_value(),
        Some(name) => {
            let found = scenarios.iter().find(|scenario| scenario.name == name);
            let found = found.ok_or_else(|| ConfigError::unknown_scenario(name, scenarios))?;
            schema(std::slice::from_ref(found))
        }
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    results.line(&text);
    Ok(Exit::Done)
}
