//! A run on disk as something to play: its own configuration, by the scenarios of this program.

use std::fs;
use std::path::{Path, PathBuf};

use throng_data::{RunDir, sha256_of_config};
use throng_systems::Scenario;

use super::failure::Failure;
use crate::config::{Override, Request, Resolved, Target, resolve};

/// The file with a run's configuration.
const RUN_TOML: &str = "run.toml";
/// Tables of the configuration that do not decide results, so that they may change while a run goes on.
const MAY_CHANGE: [&str; 2] = ["budget.", "bridge."];

/// The configuration of a run, which this program understands as the one that played it did.
pub(super) struct Recorded {
    path: PathBuf,
    text: String,
    /// As it is.
    pub(super) plain: Resolved,
}

impl Recorded {
    /// Reads the configuration of a run.
    ///
    /// # Errors
    /// When the configuration or the scenario is not what the run was played with.
    pub(super) fn open(run: &RunDir, scenarios: &[Scenario]) -> Result<Self, Failure> {
        let manifest = run.manifest()?;
        let path = run.path().join(RUN_TOML);
        let bytes = fs::read(&path).map_err(|error| {
            Failure::Arguments(format!("{} cannot be read: {error}", path.display()))
        })?;
        if sha256_of_config(&bytes) != manifest.config_sha256 {
            let message =
                format!("{} is not what the run began with: it was changed", path.display());
            return Err(Failure::Arguments(message));
        }
        let plain = resolve(&request(&path, Vec::new()), scenarios)?;
        let (played, now) = (&manifest.origin.scenario_version, plain.scenario.version.to_string());
        if *played != now {
            return Err(Failure::Arguments(format!(
                "the run was played with version {played} of `{}`, and this program has version {now}: its rounds \
                 would come out differently",
                plain.scenario.name
            )));
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(line) = differing(&text, &plain.config.to_toml()) {
            return Err(Failure::Arguments(format!(
                "this program understands the run's configuration differently: `{line}`"
            )));
        }
        Ok(Self { path, text, plain })
    }

    /// What was typed as values over the configuration, of which none may decide results.
    ///
    /// # Errors
    /// When one of them would, or is no key with a value.
    pub(super) fn harmless(&self, set: &[String]) -> Result<Vec<Override>, Failure> {
        let mut overrides = Vec::with_capacity(set.len());
        for text in set {
            let set = Override::set(text).map_err(crate::config::ConfigError::from)?;
            if !MAY_CHANGE.iter().any(|table| text.starts_with(table)) {
                return Err(fixed(self.path.parent().unwrap_or(&self.path), &set));
            }
            overrides.push(set);
        }
        Ok(overrides)
    }

    /// The configuration as plain values.
    ///
    /// # Errors
    /// When it is no TOML, which resolving it has ruled out.
    pub(super) fn table(&self) -> Result<toml::Table, Failure> {
        self.text.parse().map_err(|error| Failure::Arguments(format!("{RUN_TOML}: {error}")))
    }

    /// The configuration with these values over it.
    ///
    /// # Errors
    /// When they make no sense.
    pub(super) fn resolve(
        &self,
        overrides: Vec<Override>,
        scenarios: &[Scenario],
    ) -> Result<Resolved, Failure> {
        Ok(resolve(&request(&self.path, overrides), scenarios)?)
    }
}

fn request(path: &Path, overrides: Vec<Override>) -> Request {
    let (model, endpoints) = (None, Vec::new());
    Request { target: Target::File(path.to_owned()), model, endpoints, overrides }
}

/// The run's configuration with these values over it.
///
/// # Errors
/// When the configuration or the scenario is not what the run was played with, or a value would decide results.
pub(super) fn resolved(
    run: &RunDir,
    set: &[String],
    execution: Vec<Override>,
    scenarios: &[Scenario],
) -> Result<Resolved, Failure> {
    let recorded = Recorded::open(run, scenarios)?;
    let mut overrides = execution;
    overrides.extend(recorded.harmless(set)?);
    if overrides.is_empty() { Ok(recorded.plain) } else { recorded.resolve(overrides, scenarios) }
}

/// Says that a value of a run that goes on cannot be set anew, and what to do instead.
fn fixed(run: &Path, set: &Override) -> Failure {
    let (shown, path) = (set.shown(), run.display());
    let instead = if set.is_of_every_fork() {
        "start a new run".to_owned()
    } else {
        format!("branch off with `throng fork {path} --at ROUND --set {shown}`")
    };
    Failure::Arguments(format!(
        "--set {shown}: a run that goes on keeps what decides its results; only `budget` and `bridge` may \
         change, for everything else {instead}"
    ))
}

/// The first line in which two texts differ, as the second has it.
fn differing(before: &str, now: &str) -> Option<String> {
    let mut before = before.lines();
    let added = now.lines().find(|line| before.next() != Some(line)).map(str::to_owned);
    added.or_else(|| before.next().map(str::to_owned))
}
