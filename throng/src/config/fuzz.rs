//! The body of the fuzz target of configurations, also run as a property test: what must hold for any text.

use throng_systems::Scenario;

use super::resolve::resolve_source;
use super::source::Source;
use super::{Request, ResolveError, Resolved, Target};

/// Where the text is said to stand; files that it names would be looked for beside it.
const NAME: &str = "nowhere/text.toml";

/// Any text is a configuration that resolves to itself, or has findings that can be shown.
pub fn configuration(text: &str, scenarios: &[Scenario]) {
    match of_text(text, scenarios) {
        Ok(first) => {
            let written = first.config.to_toml();
            match of_text(&written, scenarios) {
                Ok(again) => assert_eq!(again.config.to_toml(), written),
                Err(error) => panic!("what it resolves to does not resolve: {error}"),
            }
        }
        Err(ResolveError::Config(error)) => {
            assert!(
                !error.findings().is_empty() && error.to_string().starts_with("error"),
                "{error}"
            );
        }
        Err(ResolveError::Scenario(error)) => assert!(!error.to_string().is_empty()),
    }
}

fn of_text(text: &str, scenarios: &[Scenario]) -> Result<Resolved, ResolveError> {
    let source = Source::new(NAME.to_owned(), text.to_owned());
    let target = Target::File(NAME.into());
    let request = Request { target, model: None, endpoints: Vec::new(), overrides: Vec::new() };
    resolve_source(Some(source), &request, scenarios)
}
