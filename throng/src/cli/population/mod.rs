//! `throng population`: people from a specification, with a report of how well they fit it.

mod generate;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use throng_engine::Pool;
use throng_llm_bridge::Totals;
use throng_population::{Backgrounds, Report, Sampler, Words, report, write_population};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, note};
use crate::config::{ConfigError, SpecFile, THREADS_MAX};
use crate::population::page;
use crate::watch::SCHEMA;
use generate::GenerateArguments;

const EXAMPLES: &str = "\
Examples:
  throng population education                      the report of a shipped population
  throng population city.toml --out people/city    people, report and record
  throng population survey.json --out people/survey --seed 7 --agents 10_000
  throng population city.toml --out people/city --generate --model qwen \\
      --endpoint http://127.0.0.1:8000/v1          backgrounds that a model writes

Shipped populations: education, occupations, united-states.

With --generate every answer is kept in the folder of --answers before it is used.
After a crash, an interruption or a budget's end the same command goes on, and pays for nothing twice.";

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
    #[command(flatten)]
    generate: GenerateArguments,
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

/// What was made: how well it fits, and what a model took.
struct Made {
    report: Report,
    took: Option<Totals>,
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
    let made = made(arguments, &file, (size, seed), &pool)?;
    show(arguments, &made, results);
    Ok(Exit::Done)
}

fn made(
    arguments: &PopulationArguments,
    file: &SpecFile,
    (size, seed): (Option<u64>, Option<u64>),
    pool: &Pool,
) -> Result<Made, Failure> {
    let refuse = |error| Failure::from(file.refuse(error));
    let (spec, files) = (&file.spec, &file.files);
    let sampler = Sampler::new(spec, files, size, seed, pool).map_err(refuse)?;
    let backgrounds = Backgrounds::new(spec, files, &sampler).map_err(refuse)?;
    if let Some(settings) = &spec.generate {
        throng_population::generate::check_generation(settings, &sampler).map_err(refuse)?;
    }
    let Some(out) = &arguments.out else {
        let report = described(&sampler, &backgrounds, pool).map_err(refuse)?;
        return Ok(Made { report, took: None });
    };
    if arguments.generate.is_asked_for() {
        return generate::made(&arguments.generate, file, (out, &sampler, &backgrounds), pool);
    }
    let words = Words::Wordings(&backgrounds);
    let report = write_population(out, spec, &sampler, words, pool, &page).map_err(refuse)?;
    Ok(Made { report, took: None })
}

/// The report of people whom nobody writes; wordings are checked even so.
fn described(
    sampler: &Sampler,
    backgrounds: &Backgrounds,
    pool: &Pool,
) -> throng_population::Result<Report> {
    if !backgrounds.is_empty() {
        backgrounds.write(sampler, &sampler.sample(0..1, pool)?, pool)?;
    }
    report(sampler, pool)
}

fn show(arguments: &PopulationArguments, made: &Made, results: &Results) {
    let out = arguments.out.as_deref();
    if arguments.json {
        let object = json!({
            "schema": SCHEMA,
            "kind": "population",
            "directory": out,
            "report": made.report,
            "calls": made.took.as_ref().map(generate::calls),
        });
        results.line(&object.to_string());
        return;
    }
    results.lines(made.report.to_text().lines().map(str::to_owned));
    made.took.iter().for_each(|took| note(&generate::in_words(took)));
    let told = |out: &Path| note(&format!("people: {}", out.join("people").display()));
    out.into_iter().for_each(told);
}
