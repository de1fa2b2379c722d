//! What `throng population` does, without a terminal: from a file or a shipped name to a directory and a report.

use std::fs;
use std::path::{Path, PathBuf};

use throng_engine::Pool;

use crate::problem::{Error, Problem, Result};
use crate::report::{Report, report};
use crate::sample::Sampler;
use crate::shipped::shipped;
use crate::source::Source;
use crate::spec::{SPEC_BYTES_MAX, Spec};
use crate::write::write_population;
use crate::{Backgrounds, import_paper};

/// What the command was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PopulationCommand {
    /// A `.toml` file, a `.json` file in the paper's form, or the name of a shipped population.
    pub input: String,
    /// People, instead of the specification's number.
    pub size: Option<u64>,
    /// The seed, instead of the specification's.
    pub seed: Option<u64>,
    /// The directory to write; without it only the report is made.
    pub out: Option<PathBuf>,
    /// Threads; zero takes one per core.
    pub threads: usize,
}

/// A specification and where its files are.
///
/// # Errors
/// [`Error::File`] where the file cannot be read or is not UTF-8, [`Error::Form`] and [`Error::Problems`] where
/// it is no specification.
pub fn load(input: &str) -> Result<(Spec, Source)> {
    if let Some(shipped) = shipped(input) {
        return Ok((Spec::parse(shipped.text)?, shipped.source()));
    }
    let path = Path::new(input);
    let length = fs::metadata(path).map_err(|error| Error::file("read", path, error))?.len();
    if length > SPEC_BYTES_MAX as u64 {
        let what = format!("the length of `{input}` in bytes");
        return Err(Error::Limit { what, found: length, limit: SPEC_BYTES_MAX as u64 });
    }
    // A file that is not UTF-8 is an error of reading.
    let text = fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    let spec = if path.extension().is_some_and(|ending| ending == "json") {
        let paper = import_paper(&text);
        paper.map_err(|error| {
            Error::Problems(vec![Problem::new(input, error.to_string(), "mend the file")])
        })?
    } else {
        Spec::parse(&text)?
    };
    Ok((spec, Source::new(path.parent().unwrap_or(Path::new(".")))))
}

/// Runs the command; the caller prints the report as text or JSON.
///
/// # Errors
/// Everything that may be wrong with the input, and the system's refusals.
pub fn run(command: &PopulationCommand) -> Result<Report> {
    let (spec, source) = load(&command.input)?;
    let pool = Pool::new(command.threads);
    let sampler = Sampler::new(&spec, &source, command.size, command.seed, &pool)?;
    match &command.out {
        Some(out) => write_population(out, &spec, &source, &sampler, &pool),
        None => {
            // Wordings are checked even where no background is written.
            let backgrounds = Backgrounds::new(&spec, &source, &sampler)?;
            if !backgrounds.is_empty() {
                backgrounds.write(&sampler, &sampler.sample(0..1, &pool)?, &pool)?;
            }
            report(&sampler, &pool)
        }
    }
}
