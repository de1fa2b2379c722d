//! Prompts in files: strict templates that name the line of a mistake and always end.

use bevy_ecs::prelude::*;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use thiserror::Error;

/// Instructions that rendering one prompt may take; a template that loops for ever ends here.
const FUEL_MAX: u64 = 1_000_000;

/// The prompt templates of a scenario, by name.
#[derive(Resource, Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

/// A template that cannot be read or rendered.
#[derive(Debug, Error)]
#[error("prompt template `{name}`{}: {reason}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The template's name.
    pub name: String,
    /// The line, where known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Templates {
    /// Templates from (name, text) pairs, usually `include_str!` of files beside the scenario.
    ///
    /// # Errors
    /// When a text is not a template.
    pub fn new(texts: &[(&'static str, &'static str)]) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL_MAX));
        for (name, text) in texts {
            environment.add_template(name, text).map_err(|error| describe(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// The texts of all templates with their names, to be hashed.
    pub fn text(&self) -> String {
        let mut templates: Vec<_> = self.environment.templates().collect();
        templates.sort_by_key(|(name, _)| *name);
        let texts =
            templates.iter().map(|(name, template)| format!("{name}\n{}\n", template.source()));
        texts.collect()
    }

    /// The text of a template with these values.
    ///
    /// # Errors
    /// When there is no such template, a value it names is missing, or it does not end.
    pub fn render(&self, name: &str, values: impl Into<Value>) -> Result<String, TemplateError> {
        let template =
            self.environment.get_template(name).map_err(|error| describe(name, &error))?;
        template.render(values.into()).map_err(|error| describe(name, &error))
    }
}

fn describe(name: &str, error: &minijinja::Error) -> TemplateError {
    let hint = match error.kind() {
        ErrorKind::UndefinedError => "; it names a value that the scenario does not give",
        ErrorKind::OutOfFuel => "; it does not end",
        _ => "",
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let reason = format!("{}{detail}{hint}", error.kind());
    TemplateError { name: name.to_owned(), line: error.line(), reason }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn a_missing_value_is_an_error_with_its_line() {
        let templates = Templates::new(&[("hello", "Hello.\nYou are {{ nmae }}.")]).unwrap();
        let error = templates.render("hello", context! { name => "Ada" }).unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.to_string().contains("does not give"), "{error}");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let text =
            "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}";
        let templates = Templates::new(&[("long", text)]).unwrap();
        assert!(
            templates.render("long", context! {}).unwrap_err().to_string().contains("does not end")
        );
    }

    #[test]
    fn a_broken_template_is_refused() {
        assert!(Templates::new(&[("broken", "{% if %}")]).is_err());
    }
}
