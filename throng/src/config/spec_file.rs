//! The specification of a population: read from a file or the program, with places for what is wrong with it.

use std::path::Path;

use throng_population::{Error, PaperError, SPEC_BYTES_MAX, Spec, import_paper, shipped};

use super::diagnostic::{ConfigError, Finding, Place};
use super::document::Document;
use super::overrides::Override;
use super::source::Source;
use super::suggest;
use super::typed::in_words;

const HINT: &str = "`throng schema population` describes every key";

/// A specification, and where each of its values stands.
#[derive(Debug)]
pub(crate) struct SpecFile {
    pub(crate) spec: Spec,
    /// Where the files are that it names.
    pub(crate) files: throng_population::Source,
    text: Source,
    document: Document,
}

/// Why there is no population.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The specification: its author can mend it.
    Config(ConfigError),
    /// The system.
    System(Error),
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl SpecFile {
    /// Reads a shipped population, a `.toml` file, or a `.json` file in the paper's form.
    ///
    /// # Errors
    /// When there is none, or its text is no specification.
    pub(crate) fn open(input: &str) -> Result<Self, ConfigError> {
        if let Some(shipped) = shipped(input) {
            let text = Source::new(format!("{input} (shipped)"), shipped.text.to_owned());
            return Self::parse(text, shipped.source());
        }
        let path = Path::new(input);
        let names: Vec<&str> = throng_population::SHIPPED.iter().map(|of| of.name).collect();
        let hint = format!("give a .toml or .json file, or one of {}", names.join(", "));
        let text = Source::read_as("specification", path, SPEC_BYTES_MAX as u64, &hint)?;
        let files = throng_population::Source::new(path.parent().unwrap_or(Path::new("")));
        if path.extension().is_some_and(|ending| ending == "json") {
            return Self::of_paper(text, files);
        }
        Self::parse(text, files)
    }

    fn parse(text: Source, files: throng_population::Source) -> Result<Self, ConfigError> {
        let document = match Document::parse(&text) {
            Ok(document) => document,
            Err(findings) => return Err(ConfigError::new(Some(text), findings)),
        };
        match Spec::parse(&text.text) {
            Ok(spec) => Ok(Self { spec, files, text, document }),
            Err(error) => {
                let finding = found(&document, error)
                    .unwrap_or_else(|error| Finding::new(Place::Nowhere, error.to_string()));
                Err(ConfigError::new(Some(text), vec![finding]))
            }
        }
    }

    fn of_paper(text: Source, files: throng_population::Source) -> Result<Self, ConfigError> {
        match import_paper(&text.text) {
            Ok(spec) => Ok(Self { spec, files, text, document: Document::default() }),
            Err(PaperError { offset, message, .. }) => {
                let place = Place::Span(offset..offset + 1);
                let hint = "shares of 1 for each distribution, as `percentage` or `proportion`";
                let finding = Finding::new(place, message).hint(hint);
                Err(ConfigError::new(Some(text), vec![finding]))
            }
        }
    }

    /// Puts a whole number that a flag gives over a key of the specification.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn put(&mut self, flag: &str, key: &str, text: &str) -> Result<u64, ConfigError> {
        let Override { path, value, argument } = Override::flag(flag, key, text);
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let number = number.ok_or_else(|| {
            let place = Place::Argument(argument.clone());
            let message = format!("`{key}` takes a whole number of at least 0, not `{text}`");
            ConfigError::of(Finding::new(place, message))
        })?;
        self.document.put(&path, value, &argument)?;
        Ok(number)
    }

    /// What is wrong, with its places; what is the system's doing comes back as it is.
    pub(crate) fn refuse(&self, error: Error) -> Refused {
        let findings = match error {
            Error::Problems(problems) => {
                let finding = |problem: throng_population::Problem| {
                    let place = self.document.value_place(&problem.key);
                    Finding::new(place, problem.message).hint(problem.hint)
                };
                problems.into_iter().map(finding).collect()
            }
            error => match found(&self.document, error) {
                Ok(finding) => vec![finding],
                Err(error) => return Refused::System(error),
            },
        };
        Refused::Config(ConfigError::new(Some(self.text.clone()), findings))
    }
}

/// What serde says about a form, in our words.
fn of_form(place: Place, message: &str) -> Finding {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let Some((key, rest)) = unknown else {
        return Finding::new(place, in_words(message)).hint(HINT);
    };
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    Finding::new(place, format!("there is no key `{key}` here")).hint(suggest::hint(key, &known))
}

/// What a single error is about; those of the system are given back.
fn found(document: &Document, error: Error) -> Result<Finding, Error> {
    Ok(match error {
        Error::Form { key, message, span } => {
            let key = key.replace('[', ".").replace(']', "");
            let place = span.map_or_else(|| document.value_place(&key), Place::Span);
            of_form(place, &message)
        }
        Error::Agent { agent, message } => {
            Finding::new(Place::Nowhere, format!("agent {agent} cannot be made: {message}"))
        }
        Error::Limit { .. } => Finding::new(Place::Nowhere, error.to_string()),
        Error::Problems(_) | Error::Data(_) | Error::File { .. } | Error::Stopped { .. } => {
            return Err(error);
        }
    })
}
