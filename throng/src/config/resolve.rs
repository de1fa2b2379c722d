//! From what was written to what is meant: defaults filled in, and everything that makes no sense refused at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use throng_data::{ROUND_MAX, SHARD_MAX};
use throng_llm_bridge::BudgetConfig;
use throng_systems::engine::{BLOCK, EngineError, POPULATION_MAX, Pool};
use throng_systems::{Cast, Prepared, Scenario, Share};
use toml::{Table, Value};

use super::cast::{prepare, read_backgrounds, read_models};
use super::diagnostic::{ConfigError, Finding};
use super::document::Document;
use super::footprint::{Footprint, bytes_in_words, memory_available};
use super::interventions::{self, Change, Intervention, Subject};
use super::overrides::Override;
use super::population::{self, PopulationTable, ResolvedPopulation};
use super::secrets::{holds_secret, is_secret_key};
use super::source::Source;
use super::tables::{
    BridgeTable, Execution, OPENAI, ResolvedBackground, ResolvedConfig, ResolvedModel, ResolvedRun,
    RunTable, THREADS_MAX,
};
use super::typed::Findings;
use super::{networks, suggest, words};
use crate::population::RunPeople;

/// The tables of a configuration.
pub(super) const TABLES: [&str; 8] =
    ["run", "scenario", "models", "backgrounds", "population", "interventions", "budget", "bridge"];

/// What a run begins from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A configuration file.
    File(PathBuf),
    /// A scenario with its defaults.
    Scenario(String),
}

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// A file or a scenario.
    pub target: Target,
    /// The one model of all agents: a model of the file, or a policy of the scenario, or one of `endpoints`.
    pub model: Option<String>,
    /// Addresses of the servers of that model, which speaks OpenAI's protocol then.
    pub endpoints: Vec<String>,
    /// Values over those of the file; later ones win.
    pub overrides: Vec<Override>,
}

/// A configuration that can be played.
#[derive(Debug)]
pub struct Resolved {
    /// What decides the results.
    pub config: ResolvedConfig,
    /// What does not.
    pub execution: Execution,
    /// The scenario.
    pub scenario: Scenario,
    /// Its settings.
    pub prepared: Prepared,
    /// Who plays.
    pub cast: Cast,
    /// The people, where the run has a population of its own.
    pub people: Option<Arc<RunPeople>>,
    /// What changes at the beginning of which round, in this order.
    pub changes: Vec<Change>,
    /// What it takes.
    pub footprint: Footprint,
}

/// Why there is nothing to play.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The configuration: the user can mend it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The scenario cannot be built: its author can mend it.
    #[error("the scenario cannot be built: {0}")]
    Scenario(#[from] EngineError),
}

/// Resolves a request with the scenarios of this program.
///
/// # Errors
/// All that is wrong with the configuration, or with the scenario itself.
pub fn resolve(request: &Request, scenarios: &[Scenario]) -> Result<Resolved, ResolveError> {
    let source = match &request.target {
        Target::File(path) => Some(Source::read(path)?),
        Target::Scenario(_) => None,
    };
    resolve_source(source, request, scenarios)
}

/// The same with the file in memory.
pub(super) fn resolve_source(
    source: Option<Source>,
    request: &Request,
    scenarios: &[Scenario],
) -> Result<Resolved, ResolveError> {
    let wrong = |findings| ConfigError::new(source.clone(), findings);
    let document = written(source.as_ref(), request).map_err(wrong)?;
    let mut findings = Findings { document: &document, list: Vec::new() };
    let base = match &request.target {
        Target::File(path) => path.parent().unwrap_or(Path::new("")),
        Target::Scenario(_) => Path::new(""),
    };
    let draft = Draft::read(&mut findings, scenarios, base);
    let Some(draft) = draft.filter(|_| findings.list.is_empty()) else {
        return Err(wrong(findings.list).into());
    };
    let resolved = draft.finish(&mut findings, base)?;
    match resolved.filter(|_| findings.list.is_empty()) {
        Some(resolved) => Ok(resolved),
        None => Err(wrong(findings.list).into()),
    }
}

/// The file with the arguments over it, without secrets.
fn written(source: Option<&Source>, request: &Request) -> Result<Document, Vec<Finding>> {
    let mut document = match source {
        Some(source) => Document::parse(source)?,
        None => Document::default(),
    };
    let mut findings = Vec::new();
    if let Target::Scenario(name) = &request.target {
        findings.extend(document.put("run.scenario", name.as_str().into(), name).err());
    }
    // First, so that settings can refine the model that was chosen.
    if let Some(name) = &request.model {
        findings.extend(choose_model(&mut document, name, &request.endpoints).err());
    }
    let put = |entry: &Override| document.put(&entry.path, entry.value.clone(), &entry.argument);
    findings.extend(request.overrides.iter().map(put).filter_map(Result::err));
    if let Some(name) = &request.model
        && document.table.get("population").is_some_and(Value::is_table)
    {
        let argument = format!("--model {name}");
        findings.extend(document.put("population.assigns_models", false.into(), &argument).err());
    }
    refuse_secrets(&document, &document.table, "", &mut findings);
    if findings.is_empty() { Ok(document) } else { Err(findings) }
}

/// Leaves one model: the file's of that name, or else one of that name at the endpoints, or else the policy of
/// that name.
pub(super) fn choose_model(
    document: &mut Document,
    name: &str,
    endpoints: &[String],
) -> Result<(), Finding> {
    let entries = document.table.get("models").and_then(Value::as_array);
    let named = |entry: &Value| {
        let of = |key: &str| entry.get(key).and_then(Value::as_str);
        of("name").or_else(|| of("policy")).or_else(|| of("model")) == Some(name)
    };
    if let Some(index) = entries.and_then(|entries| entries.iter().position(named)) {
        document.keep_only("models", index);
        if let Some(Value::Array(entries)) = document.table.get_mut("models")
            && let Some(Value::Table(entry)) = entries.first_mut()
        {
            entry.remove("share");
        }
    } else {
        let key = if endpoints.is_empty() { "policy" } else { "name" };
        let model = Table::from_iter([(key.to_owned(), Value::String(name.to_owned()))]);
        let models = Value::Array(vec![Value::Table(model)]);
        document.put("models", models, &format!("--model {name}"))?;
    }
    choose_endpoints(document, endpoints)
}

/// Lets the one model answer at these addresses, where there are any.
fn choose_endpoints(document: &mut Document, endpoints: &[String]) -> Result<(), Finding> {
    let Some(first) = endpoints.first() else { return Ok(()) };
    let argument = format!("--endpoint {first}");
    let endpoint = |url: &String| {
        Value::Table(Table::from_iter([("url".to_owned(), Value::String(url.clone()))]))
    };
    document.put("models.0.kind", OPENAI.into(), &argument)?;
    let endpoints = endpoints.iter().map(endpoint).collect();
    document.put("models.0.endpoints", Value::Array(endpoints), &argument)
}

/// Notes every secret, by the name of its key.
pub(super) fn refuse_secrets(
    document: &Document,
    table: &Table,
    path: &str,
    findings: &mut Vec<Finding>,
) {
    for (key, value) in table {
        let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        refuse_secret(document, key, value, &place, findings);
    }
}

fn refuse_secret(
    document: &Document,
    key: &str,
    value: &Value,
    path: &str,
    findings: &mut Vec<Finding>,
) {
    let secret = match value {
        Value::Table(table) => return refuse_secrets(document, table, path, findings),
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                refuse_secret(document, key, entry, &format!("{path}.{index}"), findings);
            }
            return;
        }
        Value::String(text) => is_secret_key(key) || holds_secret(text),
        _ => is_secret_key(key),
    };
    if secret {
        let place = document.value_place(path);
        let message = format!("`{path}` holds a secret, which would be written into every run");
        let hint = "put it into an environment variable, and take it out of the file's history";
        findings.push(Finding::new(place, message).hint(hint));
    }
}

/// What was read and is not yet known to fit this machine.
struct Draft {
    run: RunTable,
    scenario: Scenario,
    prepared: Prepared,
    models: Vec<ResolvedModel>,
    backgrounds: Vec<ResolvedBackground>,
    population: Option<PopulationTable>,
    interventions: Vec<Intervention>,
    budget: BudgetConfig,
    bridge: BridgeTable,
}

impl Draft {
    /// Reads all tables; what is wrong is noted. Nothing comes back without a scenario and its settings.
    fn read(findings: &mut Findings<'_>, scenarios: &[Scenario], base: &Path) -> Option<Self> {
        let mut tables = findings.document.table.clone();
        findings.drop_unknown(&mut tables, "", &TABLES);
        let run = findings.take_table(&mut tables, "run");
        let run: RunTable = findings.read(run, "run");
        check_run(findings, &run);
        let scenario = find_scenario(findings, &run.scenario, scenarios);
        let settings = findings.take_table(&mut tables, "scenario");
        let entries = findings.take_tables(&mut tables, "models");
        let backgrounds = findings.take_tables(&mut tables, "backgrounds");
        let backgrounds = read_backgrounds(findings, backgrounds);
        let population = tables.contains_key("population");
        let own = findings.take_table(&mut tables, "population");
        let population = population.then(|| findings.read(own, "population"));
        let interventions = findings.take_tables(&mut tables, "interventions");
        let interventions = interventions::read(findings, interventions);
        let budget = findings.take_table(&mut tables, "budget");
        let budget = words::budget(findings, budget);
        let bridge = findings.take_table(&mut tables, "bridge");
        let bridge = words::bridge(findings, bridge);
        let policies = scenario.map(Scenario::policies).unwrap_or_default();
        let models = read_models(findings, entries, &policies, base);
        let scenario = scenario?.clone();
        let prepared = prepare(findings, &scenario, settings, &models)?;
        Some(Self {
            run,
            scenario,
            prepared,
            models,
            backgrounds,
            population,
            interventions,
            budget,
            bridge,
        })
    }

    /// Makes the people and sees whether the run fits into memory; nothing comes back where it does not.
    fn finish(
        mut self,
        findings: &mut Findings<'_>,
        base: &Path,
    ) -> Result<Option<Resolved>, ResolveError> {
        let table = self.population.take();
        let opened = table.map(|table| population::open(findings, table, base)).transpose()?;
        if let Some(opened) = opened.as_ref().and_then(Option::as_ref) {
            self.run.agents = opened.agents;
            check_run(findings, &self.run);
        }
        let agents = self.run.agents;
        for problem in (self.prepared.problems_among)(agents) {
            findings.value(&format!("scenario.{}", problem.key), problem.message, problem.hint);
        }
        networks::read_files(findings, &mut self.prepared, base, agents);
        if opened.is_none() {
            let known = self.attributes(std::iter::empty());
            networks::check_attributes(findings, &self.prepared, &known);
        }
        let mut footprint = self.footprint()?;
        check_population(findings, &self.run, footprint);
        if !footprint.asks_in_words {
            words::refuse_unasked(findings, self.scenario.name, &self.models);
        }
        if !findings.list.is_empty() {
            return Ok(None);
        }
        let pool = Pool::new(self.run.threads);
        let made = opened.flatten();
        let made = made
            .map(|opened| opened.load(findings, &mut self.models, &self.backgrounds, &pool))
            .transpose()?;
        if let Some((people, _)) = &made {
            let bytes = population::bytes_per_agent(people, &pool)?;
            footprint = footprint.with(bytes, self.run.agents);
            check_population(findings, &self.run, footprint);
        }
        if let Some((people, _)) = &made {
            let groups = people.groups.iter().map(|columns| columns.join("_"));
            networks::check_attributes(findings, &self.prepared, &self.attributes(groups));
        }
        let people = made.as_ref().map(|(people, _)| &**people);
        let changes = self.changes(findings, people, footprint);
        Ok(findings.list.is_empty().then(|| self.resolved(made, changes, footprint)))
    }

    fn changes(
        &self,
        findings: &mut Findings<'_>,
        people: Option<&RunPeople>,
        footprint: Footprint,
    ) -> Vec<Change> {
        let subject = Subject {
            scenario: &self.scenario,
            settings: &self.prepared.resolved,
            models: &self.models,
            backgrounds: &self.backgrounds,
            people,
            agents: self.run.agents,
            rounds: self.run.rounds,
            asks_in_words: footprint.asks_in_words,
        };
        interventions::changes(findings, &self.interventions, &subject)
    }

    /// What the run takes without people of its own.
    fn footprint(&self) -> Result<Footprint, EngineError> {
        let of = (self.run.agents.min(POPULATION_MAX), self.run.rounds);
        Footprint::measure(&self.scenario, &self.prepared, &self.cast(), of, self.run.threads)
    }

    /// The attributes by which a network can join the agents, with these groups of the population.
    fn attributes(&self, groups: impl Iterator<Item = String>) -> Vec<String> {
        let own = (!self.backgrounds.is_empty()).then(|| "background".to_owned());
        std::iter::once("model".to_owned()).chain(own).chain(groups).collect()
    }

    fn cast(&self) -> Cast {
        let models = self.models.iter().map(|model| (model.name.clone(), Share(model.share)));
        let background = |entry: &ResolvedBackground| {
            (entry.name.clone(), entry.text.clone(), Share(entry.share))
        };
        let backgrounds = self.backgrounds.iter().map(background);
        Cast { models: models.collect(), backgrounds: backgrounds.collect(), population: None }
    }

    fn resolved(
        self,
        made: Option<(Arc<RunPeople>, ResolvedPopulation)>,
        changes: Vec<Change>,
        footprint: Footprint,
    ) -> Resolved {
        let mut cast = self.cast();
        let (people, population) = made.unzip();
        if let Some(people) = &people {
            cast.population = Some(people.clone());
        }
        let Self {
            run,
            scenario,
            prepared,
            models,
            backgrounds,
            interventions,
            budget,
            bridge,
            ..
        } = self;
        let config = ResolvedConfig {
            run: ResolvedRun {
                scenario: run.scenario,
                agents: run.agents,
                rounds: run.rounds,
                seed: run.seed,
                failed_replies_max: run.failed_replies_max,
            },
            scenario: prepared.resolved.clone(),
            models,
            backgrounds,
            population,
            budget,
            interventions,
        };
        let execution = Execution {
            threads: run.threads,
            shards: run.shards,
            out: run.out,
            memory_max_gib: run.memory_max_gib,
            report: run.report,
            bridge,
        };
        Resolved { config, execution, scenario, prepared, cast, people, changes, footprint }
    }
}

fn check_run(findings: &mut Findings<'_>, run: &RunTable) {
    if run.agents == 0 {
        findings.value("run.agents", "a run has at least 1 agent", "write a number from 1 on");
    }
    if run.rounds == 0 || run.rounds > ROUND_MAX {
        let message = format!("a run has 1 to {ROUND_MAX} rounds, not {}", run.rounds);
        findings.value("run.rounds", message, format!("write a number from 1 to {ROUND_MAX}"));
    }
    if run.threads > THREADS_MAX {
        let message = format!("{} threads are more than {THREADS_MAX}", run.threads);
        findings.value("run.threads", message, "write 0 for one thread per core");
    }
    let blocks = run.agents.div_ceil(BLOCK as u64).max(1);
    let shards_max = blocks.min(u64::from(SHARD_MAX) + 1);
    if run.shards == 0 || run.shards as u64 > shards_max {
        let message = format!("{} shards cannot play {} agents", run.shards, run.agents);
        let hint =
            format!("write 1 to {shards_max}: a shard plays at least one block of {BLOCK} agents");
        findings.value("run.shards", message, hint);
    }
    if !(0.0..=1.0).contains(&run.failed_replies_max) {
        let message = format!("{} is not a share of the replies", run.failed_replies_max);
        findings.value("run.failed_replies_max", message, "write a number from 0 to 1");
    }
    if run.memory_max_gib.is_some_and(|gib| !(gib.is_finite() && gib > 0.0)) {
        findings.value("run.memory_max_gib", "no memory is not enough", "write GiB above 0");
    }
    if run.out.as_os_str().is_empty() {
        findings.value("run.out", "the output folder has no name", "write a path such as \"runs\"");
    }
}

/// Refuses a population that cannot exist or does not fit.
fn check_population(findings: &mut Findings<'_>, run: &RunTable, footprint: Footprint) {
    let each = footprint.bytes_per_agent;
    let needed = bytes_in_words(each.saturating_mul(run.agents));
    if run.agents > POPULATION_MAX {
        let message = format!(
            "{} agents are more than a population may have; they would take {needed} of memory",
            run.agents
        );
        let hint = format!("write at most {POPULATION_MAX}, at {each} bytes of memory each");
        return findings.value("run.agents", message, hint);
    }
    let (limit, whose) = match run.memory_max_gib {
        #[expect(clippy::cast_sign_loss, reason = "it was checked to be above 0")]
        #[expect(clippy::cast_possible_truncation, reason = "bytes are whole")]
        Some(gib) => (Some((gib * f64::from(1 << 30)) as u64), "allowed by `memory_max_gib`"),
        None => (memory_available(), "available"),
    };
    let Some(limit) = limit.filter(|limit| *limit < footprint.memory) else { return };
    let message = format!(
        "{} agents take {needed} of memory at {each} bytes each, and {} are {whose}",
        run.agents,
        bytes_in_words(limit)
    );
    let fixed = footprint.memory - each * run.agents;
    let hint = match limit.saturating_sub(fixed) / each {
        0 => "there is no room for a single agent".to_owned(),
        most => format!("play at most {most} agents"),
    };
    findings.value("run.agents", message, hint);
}

fn find_scenario<'a>(
    findings: &mut Findings<'_>,
    name: &str,
    scenarios: &'a [Scenario],
) -> Option<&'a Scenario> {
    let found = scenarios.iter().find(|scenario| scenario.name == name);
    if found.is_none() {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        let first = names.first().copied().unwrap_or("name");
        if name.is_empty() {
            let hint = format!("write scenario = \"{first}\" below [run]");
            findings.key("run", "the configuration names no scenario", hint);
        } else {
            let message = format!("there is no scenario `{name}`");
            findings.value("run.scenario", message, suggest::hint(name, &names));
        }
    }
    found
}
