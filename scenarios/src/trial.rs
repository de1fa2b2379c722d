//! Trials of scenarios: prepared as a command line does, played in one or several worlds.

use throng_systems::engine::record::{Table, Values};
use throng_systems::engine::{AgentId, RoundRecord, Simulation, SimulationSettings};
use throng_systems::testing::{self, Outcome};
use throng_systems::{
    Cast, ModelRef, PolicyChoice, Populate, PromptText, Scenario, SettingsError, Share,
};

/// The seed of trials in one world.
const SEED: u64 = 11;

/// A scenario with settings as TOML, and policies with parameters as TOML and shares of the population.
pub(crate) struct Trial {
    pub(crate) scenario: Scenario,
    pub(crate) settings: &'static str,
    pub(crate) policies: &'static [(&'static str, &'static str, f64)],
}

impl Trial {
    /// Puts the scenario into a simulation.
    pub(crate) fn build(&self, sim: &mut Simulation) {
        let choices = self.policies.iter().zip(0..).map(|((policy, parameters, _), model)| {
            let (policy, parameters) = ((*policy).to_owned(), parameters.parse().unwrap());
            PolicyChoice { model: ModelRef(model), policy, parameters }
        });
        let choices: Vec<_> = choices.collect();
        let prepared = self.scenario.prepare(self.settings.parse().unwrap(), &choices).unwrap();
        (prepared.insert)(sim);
        let model = |(policy, _, share): &(&str, &str, f64)| ((*policy).to_owned(), Share(*share));
        let models = self.policies.iter().map(model).collect();
        sim.populate(Cast { models, backgrounds: Vec::new(), population: None });
        self.scenario.build(sim);
    }

    /// Plays in worlds of many kinds, which must agree.
    pub(crate) fn everywhere(&self, population: u64, rounds: usize) -> Vec<Outcome> {
        testing::same_everywhere(population, rounds, |sim| self.build(sim))
    }

    /// A simulation in one world.
    pub(crate) fn alone(&self, population: u64) -> Simulation {
        let mut sim = Simulation::new(SimulationSettings::new(SEED, population)).unwrap();
        self.build(&mut sim);
        sim
    }

    /// Plays in one world.
    pub(crate) fn played(&self, population: u64, rounds: usize) -> Vec<RoundRecord> {
        let mut sim = self.alone(population);
        (0..rounds).map(|_| sim.round().unwrap()).collect()
    }

    /// The prompt of an agent after some rounds.
    pub(crate) fn prompt(&self, population: u64, rounds: usize, agent: u32) -> PromptText {
        let mut sim = self.alone(population);
        (0..rounds).for_each(|_| drop(sim.round().unwrap()));
        self.scenario.preview(&mut sim, AgentId(agent)).unwrap()
    }
}

/// The problems of settings, as "key: message".
pub(crate) fn problems(scenario: &Scenario, settings: &str, policy: (&str, &str)) -> Vec<String> {
    let (policy, parameters) = (policy.0.to_owned(), policy.1.parse().unwrap());
    let choice = PolicyChoice { model: ModelRef(0), policy, parameters };
    match scenario.prepare(settings.parse().unwrap(), &[choice]) {
        Ok(_) => Vec::new(),
        Err(SettingsError::Values(problems)) => {
            problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// A column of numbers; NaN where a value is missing.
pub(crate) fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let column = table.column(name).unwrap_or_else(|| panic!("there is no column {name}"));
    let values: Vec<f64> = match &column.values {
        Values::I32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::I64(values) => values.iter().map(|value| *value as f64).collect(),
        Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::F64(values) => values.clone(),
        Values::Bool(values) => values.iter().map(|value| f64::from(u8::from(*value))).collect(),
        Values::Category(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::Text(_) => panic!("{name} is text"),
    };
    let Some(valid) = &column.valid else { return values };
    values
        .into_iter()
        .zip(valid)
        .map(|(value, there)| if *there { value } else { f64::NAN })
        .collect()
}

/// The first number of a column.
pub(crate) fn number(table: &Table, name: &str) -> f64 {
    numbers(table, name)[0]
}
