//! The part of `throng population` that lets a model write the backgrounds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use throng_engine::Pool;
use throng_llm_bridge::Totals;
use throng_population::generate::Generator;
use throng_population::{Backgrounds, Error, Sampler, Words, write_population};

use super::Made;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::note;
use crate::config::{Asked, ConfigError, Override, SpecFile};
use crate::figures::grouped;
use crate::play::StopFlag;
use crate::population::{Asking, page};
use crate::watch::AskingBar;

/// Arguments about the model that writes backgrounds.
#[derive(Args, Debug)]
pub(super) struct GenerateArguments {
    /// Let a model write the backgrounds, as [generate] of the specification says
    #[arg(long, requires = "out")]
    generate: bool,
    /// The model: one of --models, or one of --endpoint
    #[arg(long, value_name = "NAME", requires = "generate")]
    model: Option<String>,
    /// Ask the model of --model at this address, such as <http://127.0.0.1:8000/v1>; may be repeated
    #[arg(long, value_name = "URL", requires = "model")]
    endpoint: Vec<String>,
    /// A file with [[models]], [budget] and [bridge], such as the configuration of a run
    #[arg(long, value_name = "FILE.toml", requires = "generate")]
    models: Option<PathBuf>,
    /// Set any key of --models, such as `budget.usd_max=5`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true, requires = "generate")]
    set: Vec<String>,
    /// The folder in which answers are kept; populations may share one [default: --out with `.answers`]
    #[arg(long, value_name = "DIR", requires = "generate")]
    answers: Option<PathBuf>,
}

impl GenerateArguments {
    pub(super) fn is_asked_for(&self) -> bool {
        self.generate
    }

    fn asked(&self) -> Result<Asked, ConfigError> {
        let mut overrides = Vec::new();
        for text in &self.set {
            overrides.push(Override::set(text).map_err(ConfigError::from)?);
        }
        let (model, endpoints) = (self.model.clone(), self.endpoint.clone());
        Ok(Asked { file: self.models.clone(), model, endpoints, overrides })
    }

    fn answers(&self, out: &Path) -> PathBuf {
        self.answers.clone().unwrap_or_else(|| {
            let mut name: OsString = out.as_os_str().to_owned();
            name.push(".answers");
            name.into()
        })
    }
}

/// Asks a model for everybody's background and writes the population.
pub(super) fn made(
    arguments: &GenerateArguments,
    file: &SpecFile,
    (out, sampler, backgrounds): (&Path, &Sampler, &Backgrounds),
    pool: &Pool,
) -> Result<Made, Failure> {
    let config = arguments.asked()?.resolve()?;
    let settings = file.spec.generate.clone().unwrap_or_default();
    let refuse = |error| Failure::from(file.refuse(error));
    throng_population::generate::check_generation(&settings, sampler).map_err(refuse)?;
    let stop = StopFlag::default();
    interrupt::listen_for(stop.clone(), "waiting for the answers in flight")?;
    let answers = arguments.answers(out);
    let mut asking = Asking::open(config, &answers, sampler.seed(), &stop, &mut note)?;
    let bar = AskingBar::start(asking.live(sampler.size()));
    let words = Generator::new(&settings, sampler, &mut asking, backgrounds);
    let written = words.and_then(|generator| {
        let words = Words::Model(Box::new(generator));
        write_population(out, &file.spec, sampler, words, pool, &page)
    });
    drop(bar);
    let took = asking.totals().clone();
    match written {
        Ok(report) => Ok(Made { report, took: Some(took) }),
        Err(error @ Error::Stopped { .. }) => {
            note(&in_words(&took));
            note(&format!("answers: {}", answers.display()));
            Err(error.into())
        }
        Err(error) => Err(refuse(error)),
    }
}

/// What a model took, as an object.
pub(super) fn calls(took: &Totals) -> Value {
    json!({
        "requests": took.requests,
        "completions": took.completions,
        "reused": took.journaled,
        "prompt_tokens": took.prompt_tokens,
        "completion_tokens": took.completion_tokens,
        "cost_usd": took.cost.usd(),
    })
}

/// What a model took, in a line.
pub(super) fn in_words(took: &Totals) -> String {
    let cost = took.cost.usd();
    let cost = if cost > 0.0 { format!(", ${cost:.4}") } else { String::new() };
    format!(
        "{} requests, {} answers paid for, {} taken from those kept; {} tokens{cost}",
        grouped(took.requests),
        grouped(took.completions),
        grouped(took.journaled),
        grouped(took.prompt_tokens + took.completion_tokens),
    )
}
