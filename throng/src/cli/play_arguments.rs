//! What `run` and `check` have in common: a scenario or file, and values over it.

use std::path::Path;

use clap::Args;
use throng_systems::Scenario;

use crate::config::{ConfigError, Override, Request, Target};

/// As typed: numbers are texts, so that the configuration judges them all alike.
#[derive(Args, Debug)]
pub(super) struct PlayArguments {
    /// A scenario, or a configuration file
    #[arg(value_name = "SCENARIO|FILE.toml")]
    target: String,
    /// Number of agents [default: 1000000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    agents: Option<String>,
    /// Number of rounds [default: 5]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    rounds: Option<String>,
    /// Seed of all random numbers [default: 1]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Let this model answer for everyone: one of the file, a policy of the scenario, or one of --endpoint
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Ask the model of --model at this address, such as <http://127.0.0.1:8000/v1>; may be repeated
    #[arg(long, value_name = "URL", requires = "model")]
    endpoint: Vec<String>,
    /// Set any key of the configuration, such as scenario.ratio=1/2; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    set: Vec<String>,
    /// The folder in which the run gets its directory [default: runs]
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// Compute threads; 0 takes one per core [default: 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    threads: Option<String>,
    /// Worlds that play the run together [default: 1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    shards: Option<String>,
}

impl PlayArguments {
    /// As meant.
    ///
    /// # Errors
    /// When a `--set` is not `key=value`.
    pub(super) fn request(&self, scenarios: &[Scenario]) -> Result<Request, ConfigError> {
        let flags = [
            ("--agents", "run.agents", &self.agents),
            ("--rounds", "run.rounds", &self.rounds),
            ("--seed", "run.seed", &self.seed),
            ("--threads", "run.threads", &self.threads),
            ("--shards", "run.shards", &self.shards),
        ];
        let mut overrides = Vec::new();
        for text in &self.set {
            overrides.push(Override::set(text).map_err(ConfigError::from)?);
        }
        let numbers = flags.into_iter().filter_map(|(flag, path, text)| {
            text.as_ref().map(|text| Override::flag(flag, path, text))
        });
        overrides.extend(numbers);
        overrides.extend(self.out.iter().map(|out| Override::text("--out", "run.out", out)));
        let (model, endpoints) = (self.model.clone(), self.endpoint.clone());
        Ok(Request { target: self.target(scenarios), model, endpoints, overrides })
    }

    /// As typed, for another process in the same folder.
    pub(super) fn typed(&self) -> Vec<String> {
        let mut all = vec![self.target.clone()];
        let mut push = |flag: &str, value: &str| all.extend([format!("{flag}={value}")]);
        let single = [
            ("--agents", &self.agents),
            ("--rounds", &self.rounds),
            ("--seed", &self.seed),
            ("--model", &self.model),
            ("--out", &self.out),
            ("--threads", &self.threads),
            ("--shards", &self.shards),
        ];
        for (flag, value) in single {
            value.iter().for_each(|value| push(flag, value));
        }
        self.endpoint.iter().for_each(|url| push("--endpoint", url));
        self.set.iter().for_each(|set| push("--set", set));
        all
    }

    /// A scenario goes by its name; whatever looks like a path is a file.
    fn target(&self, scenarios: &[Scenario]) -> Target {
        let path = Path::new(&self.target);
        let is_scenario = scenarios.iter().any(|scenario| scenario.name == self.target);
        let looks_like_path = self.target.contains(std::path::is_separator)
            || path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        if !is_scenario && (looks_like_path || path.is_file()) {
            Target::File(path.to_owned())
        } else {
            Target::Scenario(self.target.clone())
        }
    }
}
