//! Trials of scenarios: prepared as a command line does, played in one or several worlds.

use std::sync::Arc;

use throng_systems::bridge::exchange::Batch;
use throng_systems::bridge::{Ask, BridgeConfig, ModelConfig, Moment, Rehearsal};
use throng_systems::engine::record::{Table, Values};
use throng_systems::engine::{AgentId, RoundRecord, Simulation, SimulationSettings};
use throng_systems::testing::{self, Outcome};
use throng_systems::{
    BridgeHandle, Cast, ModelRef, PolicyChoice, Populate, PromptText, Scenario, SettingsError,
    Share,
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

    /// Plays with a model that answers at random in the form asked for, and returns what it was asked, exchange by
    /// exchange.
    pub(crate) fn in_words(
        &self,
        population: u64,
        rounds: usize,
    ) -> (Vec<RoundRecord>, Vec<Asked>) {
        let model = ModelConfig::scripted("words", &["unused"]);
        let config = BridgeConfig { models: vec![model], ..BridgeConfig::default() };
        let rehearsal = Arc::new(Rehearsal::new(config));
        let mut sim = Simulation::new(SimulationSettings::new(SEED, population)).unwrap();
        let prepared = self.scenario.prepare(self.settings.parse().unwrap(), &[]).unwrap();
        (prepared.insert)(&mut sim);
        let background = ("persona".to_owned(), "You keep bees.".to_owned(), Share(1.0));
        let models = vec![("words".to_owned(), Share(1.0))];
        sim.populate(Cast { models, backgrounds: vec![background], population: None });
        sim.insert_resource(BridgeHandle::new(rehearsal.clone(), vec![Some(0)]));
        self.scenario.build(&mut sim);
        let records = (0..rounds).map(|_| sim.round().unwrap()).collect();
        (records, rehearsal.take().iter().map(Asked::of).collect())
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

/// What a model was asked in an exchange.
pub(crate) struct Asked {
    pub(crate) round: u32,
    pub(crate) exchange: u32,
    /// The agents with the texts of their own that they were asked with.
    pub(crate) texts: Vec<(u64, String)>,
}

impl Asked {
    fn of(batch: &Batch) -> Self {
        let text = |ask: &Ask| {
            let own = batch.prompts.messages(ask.prompt).last().expect("a prompt has messages");
            (ask.agent, own.to_string())
        };
        let Moment { round, exchange } = batch.moment;
        Self { round, exchange, texts: batch.asks.iter().map(text).collect() }
    }

    /// How many of the texts hold these words.
    pub(crate) fn with(&self, words: &str) -> usize {
        self.texts.iter().filter(|(_, text)| text.contains(words)).count()
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
