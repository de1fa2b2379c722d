//! A scenario: a function of the simulation with a name, a version and typed settings.

use std::fmt;

use bevy_ecs::prelude::{Resource, World};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use throng_engine::{AgentId, Simulation};

use crate::described::out_of_ranges;
use crate::network::Graph;
use crate::{ModelRef, Policies, TemplateError};

/// A setting that has the right type and still makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as a dotted path: of the scenario's table, or `models.K.` and a parameter of model K.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// A problem with one setting.
    pub fn new(key: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { key: key.to_owned(), message: message.into(), hint: hint.into() }
    }

    /// The same problem, in a table within another.
    #[must_use]
    pub fn within(mut self, table: &str) -> Self {
        self.key = format!("{table}.{}", self.key);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.key, self.message, self.hint)
    }
}

impl std::error::Error for Problem {}

/// The settings of a scenario: a table of the configuration, with defaults for all that it leaves out.
pub trait Settings: Resource + DeserializeOwned + Serialize + JsonSchema + Default + Clone {
    /// What is wrong with these settings, besides their networks and numbers that are not in the range that the
    /// type gives them, such as `#[schemars(range(min = 0.0, max = 1.0))]`.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
    /// Everything that makes no sense for a population of this size, besides their networks.
    fn problems_among(&self, _agents: u64) -> Vec<Problem> {
        Vec::new()
    }
    /// The networks among the settings, by their keys; they are checked and their files read with the settings.
    fn networks(&self) -> Vec<(&'static str, &Graph)> {
        Vec::new()
    }

    /// The settings that may change while a run is played: what reads them reads them in every round.
    fn changeable() -> &'static [&'static str] {
        &[]
    }
}

/// Why a table is not the settings of a scenario.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A key is unknown or a value has the wrong type.
    #[error("{message}")]
    Type {
        /// The dotted path of the key, as far as known.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// Values that make no sense.
    #[error("{} settings make no sense", .0.len())]
    Values(Vec<Problem>),
}

/// A policy as a configuration names it: a model of kind "policy".
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyChoice {
    /// The model that it stands for.
    pub model: ModelRef,
    /// The policy's name.
    pub policy: String,
    /// Its parameters.
    pub parameters: toml::Table,
}

/// What a policy does and which parameters it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyEntry {
    /// Name in configurations.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// Where it comes from.
    pub source: String,
    /// Its parameters, each with default and range in words.
    pub parameters: Vec<(String, String)>,
}

/// The policies that a scenario ships.
pub trait PolicySet: Sized + Clone + Send + Sync + 'static {
    /// All of them; the first is the default.
    fn catalogue() -> Vec<PolicyEntry>;
    /// The policy with this name and these parameters.
    ///
    /// # Errors
    /// When there is no such policy, or a parameter is unknown or out of range. The problem's key is the
    /// parameter, or "policy".
    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem>;
}

/// The texts that a model is sent for one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptText {
    /// What is the same for everyone, first, so that servers reuse it.
    pub system: String,
    /// What is the agent's own.
    pub user: String,
}

type Preview = fn(&mut World, AgentId) -> Result<PromptText, TemplateError>;
type Read = fn(toml::Table, &[PolicyChoice]) -> Result<Prepared, SettingsError>;

/// Settings that were read and checked.
pub struct Prepared {
    /// All settings with their values, defaults included.
    pub resolved: toml::Table,
    /// The networks among them, by their keys.
    pub networks: Vec<(&'static str, Graph)>,
    /// Everything that makes no sense for a population of this size.
    pub problems_among: Box<dyn Fn(u64) -> Vec<Problem> + Send + Sync>,
    /// Puts the settings into a simulation, also over those of one that is being played.
    pub insert: Box<dyn Fn(&mut Simulation) + Send + Sync>,
}

/// A scenario, as a command line offers it.
#[derive(Clone)]
pub struct Scenario {
    /// Name on the command line and in every file.
    pub name: &'static str,
    /// Raised whenever results change for the same settings.
    pub version: u32,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// The recorded column that its summaries reduce, if there is one.
    answer: Option<&'static str>,
    build: fn(&mut Simulation),
    preview: Preview,
    read: Read,
    changeable: &'static [&'static str],
    schema: fn() -> Schema,
    catalogue: fn() -> Vec<PolicyEntry>,
}

impl Scenario {
    /// A scenario with settings `S` and policies `P`: `build` finds `S` and [`Policies<P>`](Policies) as
    /// resources, `preview` writes the prompt of an agent of a simulation that has started.
    pub fn new<S: Settings, P: PolicySet>(
        name: &'static str,
        version: u32,
        about: &'static str,
        build: fn(&mut Simulation),
        preview: Preview,
    ) -> Self {
        let schema = || schemars::schema_for!(S);
        Self {
            name,
            version,
            about,
            answer: None,
            build,
            preview,
            read: read::<S, P>,
            changeable: S::changeable(),
            schema,
            catalogue: P::catalogue,
        }
    }

    /// Says that the summaries' mean, median, min and max are those of this recorded column, so that they can
    /// be checked against it.
    #[must_use]
    pub const fn summarising(mut self, column: &'static str) -> Self {
        self.answer = Some(column);
        self
    }

    /// The recorded column that the summaries reduce.
    pub const fn answer_column(&self) -> Option<&'static str> {
        self.answer
    }

    /// Reads the scenario's table of a configuration, and its policies.
    ///
    /// # Errors
    /// When a key is unknown, a value has the wrong type or makes no sense.
    pub fn prepare(
        &self,
        table: toml::Table,
        policies: &[PolicyChoice],
    ) -> Result<Prepared, SettingsError> {
        (self.read)(table, policies)
    }

    /// The settings that may change while a run is played.
    pub const fn changeable(&self) -> &'static [&'static str] {
        self.changeable
    }

    /// The policies it ships; the first is the default.
    pub fn policies(&self) -> Vec<PolicyEntry> {
        (self.catalogue)()
    }

    /// The prompt of an agent of a simulation that has started.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub fn preview(
        &self,
        sim: &mut Simulation,
        agent: AgentId,
    ) -> Result<PromptText, TemplateError> {
        (self.preview)(sim.world_mut(), agent)
    }

    /// The JSON schema of the scenario's table.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Registers the scenario; its settings must have been put in first.
    pub fn build(&self, sim: &mut Simulation) {
        (self.build)(sim);
    }
}

fn read<S: Settings, P: PolicySet>(
    table: toml::Table,
    choices: &[PolicyChoice],
) -> Result<Prepared, SettingsError> {
    let settings: S = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        SettingsError::Type { key, message: error.into_inner().message().to_owned() }
    })?;
    let mut problems = out_of_ranges(&settings);
    problems.extend(settings.problems());
    let networks = settings.networks();
    let wrong = networks.iter().filter_map(|(key, graph)| Some(graph.problem()?.within(key)));
    problems.extend(wrong);
    let mut entries = Vec::new();
    for choice in choices {
        match P::parse(&choice.policy, &choice.parameters) {
            Ok(policy) => entries.push((choice.model, policy)),
            Err(problem) => problems.push(problem.within(&format!("models.{}", choice.model.0))),
        }
    }
    if !problems.is_empty() {
        return Err(SettingsError::Values(problems));
    }
    let resolved = toml::Table::try_from(&settings)
        .map_err(|error| SettingsError::Type { key: String::new(), message: error.to_string() })?;
    let networks: Vec<_> = networks.into_iter().map(|(key, graph)| (key, graph.clone())).collect();
    let (sized, graphs) = (settings.clone(), networks.clone());
    let problems_among = Box::new(move |agents| {
        let of = |(key, graph): &(&str, Graph)| Some(graph.problem_among(agents)?.within(key));
        sized.problems_among(agents).into_iter().chain(graphs.iter().filter_map(of)).collect()
    });
    let insert = Box::new(move |sim: &mut Simulation| {
        sim.insert_resource(settings.clone());
        sim.insert_resource(Policies { entries: entries.clone() });
    });
    Ok(Prepared { resolved, networks, problems_among, insert })
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("resolved", &self.resolved).finish_non_exhaustive()
    }
}
