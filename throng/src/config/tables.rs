//! The tables of a configuration, with their defaults and limits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use throng_llm_bridge::{BridgeConfig, BudgetConfig, ModelConfig};

use super::interventions::Intervention;
use super::population::ResolvedPopulation;
use super::replayed::Replayed;

/// Models of a run.
pub const MODELS_MAX: usize = 64;
/// Backgrounds of a run; who needs more describes a population in a table.
pub const BACKGROUNDS_MAX: usize = 256;
/// Characters of the name of a model or background.
pub const NAME_CHARS_MAX: usize = 64;
/// Compute threads of a run.
pub const THREADS_MAX: usize = 1_024;

/// What a run is, and where and how it is played.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunTable {
    /// The scenario: a name that `throng scenarios` lists.
    pub(super) scenario: String,
    /// Number of agents, 1 to 4294967295.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub(super) agents: u64,
    /// Number of rounds, 1 to 999999.
    #[schemars(range(min = 1, max = 999_999))]
    pub(super) rounds: u32,
    /// Seed of all random numbers, 0 to 9223372036854775807.
    #[schemars(range(max = 9_223_372_036_854_775_807_u64))]
    pub(super) seed: u64,
    /// Share of failed replies, 0 to 1, above which a run stops.
    #[schemars(range(min = 0, max = 1))]
    pub(super) failed_replies_max: f64,
    /// Compute threads, 1 to 1024; 0 takes one per core. Results do not depend on it.
    #[schemars(range(max = 1_024))]
    pub(super) threads: usize,
    /// Worlds that play the run together in this process. Results do not depend on it.
    #[schemars(range(min = 1))]
    pub(super) shards: usize,
    /// The folder in which the run gets its directory.
    pub(super) out: PathBuf,
    /// The most memory to use, in GiB; what the machine has available, where it is left out.
    pub(super) memory_max_gib: Option<f64>,
    /// Whether to draw a picture of every round into the run's `report` folder.
    pub(super) report: bool,
}

impl Default for RunTable {
    fn default() -> Self {
        Self {
            scenario: String::new(),
            agents: 1_000_000,
            rounds: 5,
            seed: 1,
            failed_replies_max: 0.05,
            threads: 0,
            shards: 1,
            out: PathBuf::from("runs"),
            memory_max_gib: None,
            report: true,
        }
    }
}

/// A model that answers for a share of the population by a policy.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ModelTable {
    /// Name of the model in tables and reports; the policy's, where it is left out.
    pub(super) name: Option<String>,
    /// Share of the population, 0 to 1; all models together have 1. Equal shares, where no model has one.
    #[schemars(range(min = 0, max = 1))]
    pub(super) share: Option<f64>,
    /// How the model answers: "policy" without any call.
    #[schemars(extend("const" = "policy"))]
    pub(super) kind: Option<String>,
    /// The policy: a name that `throng scenarios` lists; the model's name, where it is left out.
    pub(super) policy: Option<String>,
    /// The policy's parameters, which `throng scenarios` lists.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub(super) parameters: toml::Table,
}

/// Who a share of the agents is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackgroundTable {
    /// Name of the background in tables and reports.
    pub(super) name: String,
    /// What these agents are told about themselves.
    pub(super) text: String,
    /// Share of the population, 0 to 1; all backgrounds together have 1. Equal shares, where none has one.
    #[schemars(range(min = 0, max = 1))]
    pub(super) share: Option<f64>,
}

/// How the models' servers are called, beside what each model says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeTable {
    /// Most requests in flight over all models; 0.7 of the limit of open files, where it is left out.
    pub in_flight_max: Option<usize>,
    /// Threads that carry requests; left out, one at first, and another for every 15,000 requests per second.
    pub threads: Option<usize>,
    /// Whether the proxies named in the environment are used.
    pub system_proxy: bool,
    /// Which of the distinct prompts of a round are kept in the table `prompts`.
    pub prompts: PromptsKept,
}

impl BridgeTable {
    /// The bridge to `models`, called as this table says.
    pub(crate) fn calls(self, models: Vec<ModelConfig>, budget: BudgetConfig) -> BridgeConfig {
        let Self { in_flight_max, threads, system_proxy, .. } = self;
        BridgeConfig { models, budget, in_flight_max, threads, system_proxy }
    }
}

/// Which of the distinct prompts of a round are kept; `calls` names each of them by its digest in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromptsKept {
    /// All of them.
    #[default]
    All,
    /// One of a hundred, the same ones in every run.
    Sample,
    /// None.
    Hash,
}

/// A model that answers by a policy, in the process.
pub(super) const POLICY: &str = "policy";
/// A model that answers in words, on servers that speak OpenAI's protocol.
pub(super) const OPENAI: &str = "openai";
/// A model whose replies stand in the configuration.
pub(super) const SCRIPTED: &str = "scripted";
/// A model whose completions an earlier run has recorded.
pub(super) const REPLAY: &str = "replay";
/// The kinds of models; the first is the default.
pub(super) const KINDS: [&str; 4] = [POLICY, OPENAI, SCRIPTED, REPLAY];

/// What decides the results of a run, every default filled in; `run.toml` in the run's directory.
///
/// Where and how a run is played (threads, shards, folder, memory) is not part of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedConfig {
    /// Population, rounds and seed.
    pub run: ResolvedRun,
    /// All settings of the scenario.
    pub scenario: toml::Table,
    /// Who answers.
    pub models: Vec<ResolvedModel>,
    /// Who the agents are; empty when everyone is the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backgrounds: Vec<ResolvedBackground>,
    /// What may be spent on models.
    #[serde(skip_serializing_if = "is_unbounded")]
    pub budget: BudgetConfig,
    /// Where the agents come from, if they are more than models and backgrounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub population: Option<ResolvedPopulation>,
    /// What changes at the beginning of which round.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
}

fn is_unbounded(budget: &BudgetConfig) -> bool {
    *budget == BudgetConfig::default()
}

/// Population, rounds and seed of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedRun {
    /// The scenario's name.
    pub scenario: String,
    /// Number of agents.
    pub agents: u64,
    /// Number of rounds.
    pub rounds: u32,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Share of failed replies above which the run stops.
    pub failed_replies_max: f64,
}

/// A model with its share.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedModel {
    /// Unique name.
    pub name: String,
    /// Share of the population.
    pub share: f64,
    /// How it answers.
    pub answers: Answers,
}

/// How a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// By a policy, in the process.
    Policy {
        /// The policy's name.
        policy: String,
        /// The parameters that were set; all others have the defaults of the scenario's version.
        parameters: toml::Table,
    },
    /// In words, through the bridge.
    Words(Box<ModelConfig>),
    /// With the completions of an earlier run.
    Replay(Box<Replayed>),
}

impl ResolvedModel {
    /// How it answers, in the words of the configuration.
    pub fn kind(&self) -> &'static str {
        match &self.answers {
            Answers::Policy { .. } => POLICY,
            Answers::Words(model) if model.kind == throng_llm_bridge::model::Kind::Scripted => {
                SCRIPTED
            }
            Answers::Words(_) => OPENAI,
            Answers::Replay(_) => REPLAY,
        }
    }

    /// How it is called, when it answers in words.
    pub fn words(&self) -> Option<&ModelConfig> {
        match &self.answers {
            Answers::Policy { .. } => None,
            Answers::Words(model) => Some(model),
            Answers::Replay(replayed) => Some(&replayed.words),
        }
    }

    /// The earlier run that answers for it.
    pub fn replayed(&self) -> Option<&Replayed> {
        match &self.answers {
            Answers::Replay(replayed) => Some(replayed),
            Answers::Policy { .. } | Answers::Words(_) => None,
        }
    }
}

/// As a table of the configuration: what is common to all models first, then what its kind adds.
impl Serialize for ResolvedModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("share", &self.share)?;
        map.serialize_entry("kind", self.kind())?;
        match &self.answers {
            Answers::Policy { policy, parameters } => {
                map.serialize_entry("policy", policy)?;
                if !parameters.is_empty() {
                    map.serialize_entry("parameters", parameters)?;
                }
            }
            Answers::Replay(replayed) => {
                map.serialize_entry("run", &replayed.run)?;
                map.serialize_entry("model", &replayed.model)?;
                map.serialize_entry("sha256", &replayed.sha256)?;
            }
            Answers::Words(model) => {
                let table = toml::Table::try_from(model).map_err(serde::ser::Error::custom)?;
                let own = |(key, _): &(&String, _)| *key != "name" && *key != "kind";
                for (key, value) in table.iter().filter(own) {
                    map.serialize_entry(key, value)?;
                }
            }
        }
        map.end()
    }
}

/// A background with its share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedBackground {
    /// Unique name.
    pub name: String,
    /// What these agents are told about themselves.
    pub text: String,
    /// Share of the population.
    pub share: f64,
}

impl ResolvedConfig {
    /// The configuration as TOML, which resolves to itself.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of texts and numbers can be written")
    }

    /// What the bridge is told, and for each model of the run its place there; nothing where no model answers in
    /// words.
    pub fn bridge(&self, table: BridgeTable) -> Option<(BridgeConfig, Vec<Option<u16>>)> {
        let mut models = Vec::new();
        let mut places = Vec::with_capacity(self.models.len());
        for model in &self.models {
            let place = model.words().map(|words| {
                models.push(words.clone());
                (models.len() - 1) as u16
            });
            places.push(place);
        }
        let config = table.calls(models, self.budget);
        (!config.models.is_empty()).then_some((config, places))
    }

    /// The models of [`Self::bridge`] that an earlier run answers for, by their place there.
    pub fn replayed(&self) -> BTreeMap<u16, &Replayed> {
        let in_words = self.models.iter().filter(|model| model.words().is_some());
        let replayed =
            (0..).zip(in_words).filter_map(|(place, model)| Some((place, model.replayed()?)));
        replayed.collect()
    }

    /// What a bridge is told that nobody is called by for models whose completions are recorded.
    pub fn callable(&self, mut config: BridgeConfig) -> BridgeConfig {
        for place in self.replayed().into_keys() {
            let model = &mut config.models[usize::from(place)];
            // It stands in the place of the model and is never asked.
            *model = ModelConfig::scripted(&model.name, &["recorded"]);
        }
        config
    }

    /// SHA-256 of [`Self::to_toml`] in lower-case hexadecimal, but for where the population lies.
    pub fn sha256(&self) -> String {
        throng_data::sha256_of_config(self.to_toml().as_bytes())
    }
}

/// Where and how a run is played; nothing of it decides results.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Compute threads; 0 takes one per core.
    pub threads: usize,
    /// Worlds that play the run together.
    pub shards: usize,
    /// The folder in which the run gets its directory.
    pub out: PathBuf,
    /// The most memory to use, in GiB.
    pub memory_max_gib: Option<f64>,
    /// Whether to draw pictures.
    pub report: bool,
    /// How the models' servers are called.
    pub bridge: BridgeTable,
}
