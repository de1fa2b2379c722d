//! A run on disk as something to play: its own configuration, by the scenarios of this program.

use std::fs;

use throng_data::{RunDir, sha256_of_config};
use throng_systems::Scenario;

use super::failure::Failure;
use crate::config::{Override, Request, Resolved, Target, resolve};

/// The file with a run's configuration.
const RUN_TOML: &str = "run.toml";
/// Tables of the configuration that do not decide results, so that they may change while a run goes on.
const MAY_CHANGE: [&str; 2] = ["budget.", "bridge."];

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
    let manifest = run.manifest()?;
    let path = run.path().join(RUN_TOML);
    let text = fs::read(&path).map_err(|error| {
        Failure::Arguments(format!("{} cannot be read: {error}", path.display()))
    })?;
    if sha256_of_config(&text) != manifest.config_sha256 {
        let message = format!("{} is not what the run began with: it was changed", path.display());
        return Err(Failure::Arguments(message));
    }
    let request = |overrides| {
        let (model, endpoints) = (None, Vec::new());
        Request { target: Target::File(path.clone()), model, endpoints, overrides }
    };
    let plain = resolve(&request(Vec::new()), scenarios)?;
    let (played, now) = (&manifest.origin.scenario_version, plain.scenario.version.to_string());
    if *played != now {
        return Err(Failure::Arguments(format!(
            "the run was played with version {played} of `{}`, and this program has version {now}: its rounds \
             would come out differently",
            plain.scenario.name
        )));
    }
    if let Some(line) = differing(&String::from_utf8_lossy(&text), &plain.config.to_toml()) {
        return Err(Failure::Arguments(format!(
            "this program understands the run's configuration differently: `{line}`"
        )));
    }
    let mut overrides = execution;
    for text in set {
        if !MAY_CHANGE.iter().any(|table| text.starts_with(table)) {
            return Err(Failure::Arguments(format!(
                "--set {text}: a run that goes on keeps what decides its results; only `budget` and `bridge` may \
                 change, for everything else start a new run"
            )));
        }
        overrides.push(Override::set(text).map_err(crate::config::ConfigError::from)?);
    }
    Ok(resolve(&request(overrides), scenarios)?)
}

/// The first line in which two texts differ, as the second has it.
fn differing(before: &str, now: &str) -> Option<String> {
    let mut before = before.lines();
    let added = now.lines().find(|line| before.next() != Some(line)).map(str::to_owned);
    added.or_else(|| before.next().map(str::to_owned))
}
