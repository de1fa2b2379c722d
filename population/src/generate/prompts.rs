//! The words in which a model is asked for a background.

use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::problem::{Error, Problem, Result};
use crate::sample::{Sample, Sampler};
use crate::spec::Generation;

const SYSTEM: &str = include_str!("../prompts/background-system.j2");
const USER: &str = include_str!("../prompts/background-user.j2");
const AGAIN: &str = include_str!("../prompts/background-again.j2");

/// The prompts of one population.
#[derive(Debug)]
pub(super) struct Prompts {
    environment: Environment<'static>,
    /// What is the same for everyone.
    pub(super) system: String,
}

impl Prompts {
    pub(super) fn new(settings: &Generation, fields: &[&str]) -> Result<Self> {
        let fields = fields.join(", ");
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in [("system", SYSTEM), ("user", USER), ("again", AGAIN)] {
            environment
                .add_template(name, text)
                .expect("the prompts of this crate are templates, which a test shows");
        }
        let mut prompts = Self { environment, system: String::new() };
        let Generation { language, instructions, .. } = settings;
        prompts.system = prompts.render("system", context! { language, instructions, fields })?;
        Ok(prompts)
    }

    /// What one agent's question is, with the reason why an earlier answer was refused.
    pub(super) fn user(
        &self,
        sampler: &Sampler,
        sample: &Sample,
        row: usize,
        refused: Option<&str>,
    ) -> Result<String> {
        let told = |(name, _): &(&str, Value)| !sampler.is_bookkeeping(name);
        let attributes = sampler.row(sample, row).filter(told);
        let attributes: Vec<Value> =
            attributes.map(|(name, value)| Value::from(vec![Value::from(name), value])).collect();
        let mut user = self.render("user", context! { attributes })?;
        if let Some(refused) = refused {
            user.push_str("\n\n");
            user.push_str(&self.render("again", context! { refused })?);
        }
        Ok(user)
    }

    fn render(&self, name: &str, values: Value) -> Result<String> {
        let rendered =
            self.environment.get_template(name).and_then(|template| template.render(values));
        rendered.map_err(|error| {
            Error::Problems(vec![Problem::new("generate", error.to_string(), "mend the prompt")])
        })
    }
}
