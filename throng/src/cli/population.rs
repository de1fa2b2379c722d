//! `throng population`: people from a specification, with a report of how well they fit it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use throng_engine::Pool;
use throng_population::{Backgrounds, Report, Sampler, report, write_population};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, note};
use crate::config::{ConfigError, SpecFile, THREADS_MAX};
use crate::population::page;
use crate::watch::SCHEMA;

const EXAMPLES: &str = "\
Examples:
  throng population education                      the report of a shipped population
  throng population city.toml --out people/city    people, report and record
  throng population survey.json --out people/survey --seed 7 --agents 10_000

Shipped populations: education, occupations, united-states.";

/// Arguments of `throng population`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct PopulationArguments {
    /// A specification, a file of the form of `AgentScope`'s simulations, or a shipped population
    #[arg(value_name = "FILE.toml|FILE.json|NAME")]
    input: String,
    /// The directory to write, which must not exist; without it there is only the report
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of agents [default: the specification's]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    agents: Option<String>,
    /// Seed of the people [default: the specification's]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Compute threads; 0 takes one per core
    #[arg(long, value_name = "T", default_value_t = 0, value_parser = threads)]
    threads: usize,
    /// Write one object
    #[arg(long)]
    json: bool,
}

fn threads(text: &str) -> Result<usize, String> {
    let threads: usize = text.parse().map_err(|_| "write a whole number".to_owned())?;
    if threads <= THREADS_MAX { Ok(threads) } else { Err(format!("write at most {THREADS_MAX}")) }
}

/// Draws the people, writes them where a directory is given, and prints the report.
pub(super) fn run(arguments: &PopulationArguments, results: &Results) -> Result<Exit, Failure> {
    if let Some(out) = arguments.out.as_deref().filter(|out| out.symlink_metadata().is_ok()) {
        return Err(ConfigError::exists("--out", out).into());
    }
    let mut file = SpecFile::open(&arguments.input)?;
    let mut put = |flag, key, text: &Option<String>| {
        text.as_ref().map(|text| file.put(flag, key, text)).transpose()
    };
    let size = put("--agents", "size", &arguments.agents)?;
    let seed = put("--seed", "seed", &arguments.seed)?;
    let pool = Pool::new(arguments.threads);
    let report = made(arguments, &file, (size, seed), &pool).map_err(|e| file.refuse(e))?;
    show(arguments, &report, results);
    Ok(Exit::Done)
}

fn made(
    arguments: &PopulationArguments,
    file: &SpecFile,
    (size, seed): (Option<u64>, Option<u64>),
    pool: &Pool,
) -> throng_population::Result<Report> {
    let (spec, files) = (&file.spec, &file.files);
    let sampler = Sampler::new(spec, files, size, seed, pool)?;
    if let Some(out) = &arguments.out {
        return write_population(out, spec, files, &sampler, pool, &page);
    }
    // Wordings are checked even where no background is written.
    let backgrounds = Backgrounds::new(spec, files, &sampler)?;
    if !backgrounds.is_empty() {
        backgrounds.write(&sampler, &sampler.sample(0..1, pool)?, pool)?;
    }
    report(&sampler, pool)
}

fn show(arguments: &PopulationArguments, report: &Report, results: &Results) {
    let out = arguments.out.as_deref();
    if arguments.json {
        let object = json!({
            "schema": SCHEMA,
            "kind": "population",
            "directory": out,
            "report": report,
        });
        results.line(&object.to_string());
        return;
    }
    results.lines(report.to_text().lines().map(str::to_owned));
    let told = |out: &Path| note(&format!("people: {}", out.join("people").display()));
    out.into_iter().for_each(told);
}
