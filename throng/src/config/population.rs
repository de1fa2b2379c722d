//! The population of a run: where its people come from, which model answers for whom, and how results are grouped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_engine::{POPULATION_MAX, Pool};
use throng_population::{Backgrounds, PopulationDir, Sampler, digest, shipped};
use throng_systems::ModelRef;

use super::diagnostic::{ConfigError, Finding, Place};
use super::spec_file::{Refused, SpecFile};
use super::suggest;
use super::tables::{ResolvedBackground, ResolvedModel};
use super::typed::Findings;
use crate::population::{MODEL, ModelsBy, Origin, RunPeople};

/// Ways to group results.
pub const GROUPINGS_MAX: usize = 32;
/// Groups of one of them.
pub const GROUPS_MAX: usize = 4_096;
/// How far a model's share may miss what the population gives it.
const SHARE_TOLERANCE: f64 = 1e-6;

/// Who plays, as people of their own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PopulationTable {
    /// A specification: a file that counts from this one, or the name of a shipped population.
    pub(super) spec: Option<String>,
    /// A finished population, which `throng population --out` wrote.
    pub(super) dir: Option<String>,
    /// Seed of the people; the specification's, where it is left out.
    pub(super) seed: Option<u64>,
    /// Columns with categories by which results are grouped; a list within the list takes several together.
    pub(super) groups: Vec<Group>,
    /// Whether the column `model` of the population says which model answers for whom.
    pub(super) assigns_models: Option<bool>,
    /// Which model answers for whom, by the categories of a column.
    #[schemars(with = "ModelsTable")]
    pub(super) models: Option<ModelsTable>,
    /// Digest of everything that decides the people; other people are refused.
    pub(super) sha256: Option<String>,
}

/// A column, or several together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Group {
    /// The groups of one column.
    One(String),
    /// A group for each combination.
    Several(Vec<String>),
}

impl Group {
    fn columns(&self) -> Vec<String> {
        match self {
            Self::One(column) => vec![column.clone()],
            Self::Several(columns) => columns.clone(),
        }
    }
}

/// Models by category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsTable {
    /// The column whose category decides.
    pub by: String,
    /// The name of a model for each of its categories.
    pub cases: BTreeMap<String, String>,
}

/// The population of a run, everything filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResolvedPopulation {
    /// The specification: the name of a shipped one, or a file's path from the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// The finished population, from the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Seed of the people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How results are grouped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Whether its column `model` decides.
    pub assigns_models: bool,
    /// Digest of everything that decides the people.
    pub sha256: String,
    /// Models by category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelsTable>,
}

/// A population that was found and not yet made.
pub(super) struct Opened {
    table: PopulationTable,
    source: Source,
    path: String,
    pub(super) agents: u64,
}

enum Source {
    Spec(Box<SpecFile>),
    Dir(Box<PopulationDir>),
}

/// Finds the population of a run, and how many agents there are; what is wrong is noted.
///
/// # Errors
/// When the specification itself is wrong: it is another file.
pub(super) fn open(
    findings: &mut Findings<'_>,
    table: PopulationTable,
    base: &Path,
) -> Result<Option<Opened>, ConfigError> {
    let (key, written) = match (&table.spec, &table.dir) {
        (Some(spec), None) => ("spec", spec.clone()),
        (None, Some(dir)) => ("dir", dir.clone()),
        _ => {
            let hint = "write either `spec` or `dir`";
            findings.key("population", "a population is a specification or a directory", hint);
            return Ok(None);
        }
    };
    let key = format!("population.{key}");
    let is_shipped = table.spec.is_some() && shipped(&written).is_some();
    let path = match findings.document.value_place(&key) {
        _ if is_shipped => PathBuf::from(&written),
        // What was typed counts from where it was typed.
        Place::Argument(_) => PathBuf::from(&written),
        Place::Span(_) | Place::Nowhere => base.join(&written),
    };
    let asked = findings.document.table.get("run").and_then(|run| run.get("agents"));
    let asked = asked.and_then(toml::Value::as_integer).map(|agents| agents as u64);
    let absolute = std::path::absolute(&path).unwrap_or(path.clone());
    let name = if is_shipped { written } else { absolute.display().to_string() };
    let (source, agents) = if table.spec.is_some() {
        let file = SpecFile::open(&path.to_string_lossy())?;
        let agents = asked.unwrap_or(file.spec.size);
        (Source::Spec(Box::new(file)), agents)
    } else {
        let found = PopulationDir::open(&path);
        let dir = match found {
            Ok(dir) => dir,
            Err(error) => {
                let hint = "give a directory that `throng population --out` wrote";
                findings.value(&key, error.to_string(), hint);
                return Ok(None);
            }
        };
        let agents = dir.record.size;
        if let Some(asked) = asked.filter(|asked| *asked != agents) {
            let message = format!("the population has {agents} people, not {asked}");
            findings.value("run.agents", message, "leave `agents` out: everybody plays");
        }
        if table.seed.is_some_and(|seed| seed != dir.record.seed) {
            let message = format!("the people were drawn with seed {}", dir.record.seed);
            findings.value("population.seed", message, "leave `seed` out");
        }
        (Source::Dir(Box::new(dir)), agents)
    };
    if agents == 0 || agents > POPULATION_MAX {
        let message = format!("a run has 1 to {POPULATION_MAX} agents, not {agents}");
        findings.value("run.agents", message, "write `agents` below [run]");
        return Ok(None);
    }
    Ok(findings.list.is_empty().then_some(Opened { table, source, path: name, agents }))
}

impl Opened {
    /// Makes the people, checks what the run wants of them, and gives each model the share that they give it.
    ///
    /// # Errors
    /// When the specification is wrong, or a file cannot be read.
    pub(super) fn load(
        self,
        findings: &mut Findings<'_>,
        models: &mut [ResolvedModel],
        backgrounds: &[ResolvedBackground],
        pool: &Pool,
    ) -> Result<(Arc<RunPeople>, ResolvedPopulation), ConfigError> {
        let Self { table, source, path, agents } = self;
        let mut people = make(&source, table.seed, agents, pool).map_err(|e| told(e, &path))?;
        if table.sha256.as_ref().is_some_and(|sha256| sha256 != people.sha256()) {
            let hint = "take `sha256` out to play with the people as they are now";
            findings.value("population.sha256", "the population has changed since", hint);
        }
        if people.has_backgrounds() && !backgrounds.is_empty() {
            let message = "the people of the population have backgrounds of their own";
            findings.key("backgrounds", message, "leave [[backgrounds]] out");
        }
        if source.leaves_words_to_a_model() && !people.has_backgrounds() {
            let message = "a model writes the backgrounds of the population, and none has done so";
            let hint =
                "write it with `throng population --generate --out DIR`, and give dir = \"DIR\"";
            findings.value("population.spec", message, hint);
        }
        people.groups = groups(findings, &table.groups, &people);
        people.models = models_by(findings, &table, &people, models);
        if findings.list.is_empty() {
            let refuse = |error| told(source.refuse(error), &path);
            let counts = people.count(models.len(), pool).map_err(refuse)?;
            give_shares(findings, &people, models, &counts);
        }
        let seed = match &source {
            Source::Spec(file) => Some(table.seed.unwrap_or(file.spec.seed)),
            Source::Dir(_) => None,
        };
        let resolved = ResolvedPopulation {
            spec: table.spec.is_some().then(|| path.clone()),
            dir: table.dir.is_some().then(|| path.clone()),
            seed,
            groups: table.groups,
            assigns_models: table.assigns_models.unwrap_or(true),
            sha256: people.sha256().to_owned(),
            models: table.models,
        };
        Ok((Arc::new(people), resolved))
    }
}

impl Source {
    fn leaves_words_to_a_model(&self) -> bool {
        matches!(self, Self::Spec(file) if file.spec.generate.is_some())
    }

    fn refuse(&self, error: throng_population::Error) -> Refused {
        match self {
            Self::Spec(file) => file.refuse(error),
            Self::Dir(_) => Refused::System(error),
        }
    }
}

/// The bytes that the people of a run take each.
pub(super) fn bytes_per_agent(people: &RunPeople, pool: &Pool) -> Result<u64, ConfigError> {
    people.bytes_per_agent(pool).map_err(|error| {
        ConfigError::of(Finding::new(Place::Nowhere, format!("the population: {error}")))
    })
}

fn make(
    source: &Source,
    seed: Option<u64>,
    agents: u64,
    pool: &Pool,
) -> Result<RunPeople, Refused> {
    let refuse = |error| source.refuse(error);
    match source {
        Source::Spec(file) => {
            let (spec, files) = (&file.spec, &file.files);
            let sampler = Sampler::new(spec, files, Some(agents), seed, pool).map_err(refuse)?;
            let backgrounds = Backgrounds::new(spec, files, &sampler).map_err(refuse)?;
            let sha256 = digest(spec, files, agents, sampler.seed()).map_err(refuse)?;
            let origin =
                Origin::Drawn { sampler: Box::new(sampler), backgrounds: Box::new(backgrounds) };
            Ok(RunPeople::new(origin, agents, sha256))
        }
        Source::Dir(dir) => {
            let people = dir.people().map_err(refuse)?;
            Ok(RunPeople::new(Origin::Read(people), agents, dir.sha256.clone()))
        }
    }
}

fn told(refused: Refused, path: &str) -> ConfigError {
    match refused {
        Refused::Config(error) => error,
        Refused::System(error) => {
            let place = Place::Argument(path.to_owned());
            ConfigError::of(Finding::new(place, error.to_string()))
        }
    }
}

/// The columns of each way to group; what cannot be grouped by is noted.
fn groups(findings: &mut Findings<'_>, list: &[Group], people: &RunPeople) -> Vec<Vec<String>> {
    findings.at_most("population.groups", list.len(), GROUPINGS_MAX);
    let mut kept: Vec<Vec<String>> = Vec::new();
    for (place, group) in list.iter().enumerate() {
        let (path, columns) = (format!("population.groups.{place}"), group.columns());
        let known = people.columns();
        let name = columns.join("_");
        let sizes: Vec<Option<usize>> =
            columns.iter().map(|column| Some(people.categories(column)?.len())).collect();
        let count: usize = sizes.iter().map(|size| size.unwrap_or(1)).product();
        if let Some(column) = columns.iter().find(|column| !known.contains(&column.as_str())) {
            let message = format!("the population has no column `{column}`");
            findings.value(&path, message, suggest::hint(column, &known));
        } else if let Some(at) = sizes.iter().position(Option::is_none) {
            let message = format!("`{}` has no categories", columns[at]);
            findings.value(&path, message, "cut a number with `bands` in the specification");
        } else if columns.is_empty() || count > GROUPS_MAX {
            let message = format!("{count} groups, and the limit is {GROUPS_MAX}");
            findings.value(&path, message, "take 1 column or a few with few categories");
        } else if kept.iter().any(|before| before.join("_") == name)
            || (columns.len() > 1 && known.contains(&name.as_str()))
        {
            let message = format!("there is a column `{name}` already");
            findings.value(&path, message, "leave it out, or take other columns together");
        } else {
            kept.push(columns);
        }
    }
    kept
}

/// Which model answers for whom, where the population or the run's `[population.models]` says so.
fn models_by(
    findings: &mut Findings<'_>,
    table: &PopulationTable,
    people: &RunPeople,
    models: &[ResolvedModel],
) -> Option<ModelsBy> {
    let own = |names: &[String]| names.iter().map(|name| (name.clone(), name.clone())).collect();
    let (column, cases, path): (String, BTreeMap<String, String>, &str) = match &table.models {
        _ if table.assigns_models == Some(false) => return None,
        Some(ModelsTable { by, cases }) => (by.clone(), cases.clone(), "population.models"),
        None => (MODEL.to_owned(), own(people.categories(MODEL)?), "population"),
    };
    let Some(categories) = people.categories(&column) else {
        let message = format!("the population has no column `{column}` with categories");
        findings.value("population.models.by", message, suggest::hint(&column, &people.columns()));
        return None;
    };
    let mut refs = BTreeMap::new();
    for category in categories {
        let Some(name) = cases.get(category) else {
            let message = format!("no model answers for those with {column} `{category}`");
            findings.value(&format!("{path}.cases"), message, "write a model for each category");
            continue;
        };
        match models.iter().position(|model| model.name == *name) {
            Some(place) => drop(refs.insert(category.clone(), ModelRef(place as u16))),
            None => {
                let message = format!(
                    "the population gives agents to the model `{name}`, which the run lacks"
                );
                let known: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
                let hint = format!(
                    "add [[models]] with name = \"{name}\", or write assigns_models = false; there are {}",
                    known.join(", ")
                );
                findings.value(&format!("{path}.cases.{category}"), message, hint);
            }
        }
    }
    if let Some(unknown) = cases.keys().find(|name| !categories.contains(name)) {
        let message = format!("`{column}` has no category `{unknown}`");
        let known: Vec<&str> = categories.iter().map(String::as_str).collect();
        let hint = suggest::hint(unknown, &known);
        findings.value(&format!("{path}.cases.{unknown}"), message, hint);
    }
    Some(ModelsBy { column, cases: refs })
}

/// Where people have models, shares follow from them; one that was written must be what comes out.
fn give_shares(
    findings: &mut Findings<'_>,
    people: &RunPeople,
    models: &mut [ResolvedModel],
    counts: &[u64],
) {
    if people.models.is_none() {
        return;
    }
    for (place, (model, count)) in models.iter_mut().zip(counts).enumerate() {
        let share = *count as f64 / people.size() as f64;
        let path = format!("models.{place}.share");
        let written = findings.document.table.get("models").and_then(|list| list.get(place));
        let written = written.and_then(|entry| entry.get("share")).is_some();
        if written && (model.share - share).abs() > SHARE_TOLERANCE {
            let message = format!(
                "the population gives `{}` a share of {share}, not {}",
                model.name, model.share
            );
            findings.value(&path, message, "leave the shares out, or write assigns_models = false");
        }
        model.share = share;
    }
}
