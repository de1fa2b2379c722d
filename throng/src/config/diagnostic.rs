//! What is wrong with a configuration: every finding with its place, the line it stands in, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use throng_systems::Scenario;

use super::source::Source;
use super::suggest;

/// Findings that are shown; more of them have one cause.
const FINDINGS_MAX: usize = 40;

/// Where the cause of a finding stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file, at these bytes.
    Span(Range<usize>),
    /// On the command line, in this argument.
    Argument(String),
    /// Nowhere: it is about what was left out.
    Nowhere,
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Finding {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everything that is wrong with a configuration. [`fmt::Display`] shows it without colours.
#[derive(Clone, Debug)]
pub struct ConfigError {
    source: Option<Source>,
    findings: Vec<Finding>,
}

impl ConfigError {
    pub(super) fn new(source: Option<Source>, findings: Vec<Finding>) -> Self {
        assert!(!findings.is_empty(), "an error says what is wrong");
        let mut findings = findings;
        findings.sort_by_key(|finding| match &finding.place {
            Place::Nowhere => (0, 0),
            Place::Span(span) => (1, span.start),
            Place::Argument(_) => (2, 0),
        });
        Self { source, findings }
    }

    pub(super) fn of(finding: Finding) -> Self {
        Self::new(None, vec![finding])
    }

    /// What a flag would have written is there already.
    pub(crate) fn exists(flag: &str, path: &Path) -> Self {
        let place = Place::Argument(format!("{flag} {}", path.display()));
        let hint = "give a path at which there is nothing: nothing is ever written over";
        Self::of(Finding::new(place, "the directory exists already").hint(hint))
    }

    /// There is no such scenario.
    pub(crate) fn unknown_scenario(name: &str, scenarios: &[Scenario]) -> Self {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        let message = format!("there is no scenario `{name}`");
        let place = Place::Argument(name.to_owned());
        Self::of(Finding::new(place, message).hint(suggest::hint(name, &names)))
    }

    /// Everything that is wrong: what was left out, the file from top to bottom, then arguments.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The findings as text, with colours as escape sequences.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let shown = self
            .findings
            .iter()
            .take(FINDINGS_MAX)
            .map(|finding| renderer.render(&[self.group(finding)]));
        let mut blocks: Vec<String> = shown.collect();
        if let more @ 1.. = self.findings.len().saturating_sub(FINDINGS_MAX) {
            blocks.push(format!("error: there are {more} more problems"));
        }
        blocks.join("\n\n")
    }

    fn group<'a>(&'a self, finding: &'a Finding) -> Group<'a> {
        let mut group = Group::with_title(Level::ERROR.primary_title(finding.message.as_str()));
        match (&finding.place, &self.source) {
            (Place::Span(span), Some(source)) => {
                let mark = AnnotationKind::Primary.span(source.pointable(span));
                let snippet = Snippet::source(source.shown.as_str()).path(source.name.as_str());
                group = group.element(snippet.annotation(mark));
            }
            (Place::Argument(argument), _) => {
                group = group.element(Origin::path(argument.as_str()));
            }
            (Place::Nowhere, Some(source)) => {
                group = group.element(Origin::path(source.name.as_str()));
            }
            (Place::Span(_) | Place::Nowhere, None) => (),
        }
        match &finding.hint {
            Some(hint) => group.element(Level::HELP.message(hint.as_str())),
            None => group,
        }
    }
}

impl From<Finding> for ConfigError {
    fn from(finding: Finding) -> Self {
        Self::of(finding)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for ConfigError {}
