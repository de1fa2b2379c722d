//! Expressions over attributes, in the language of the templates.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use minijinja::{Environment, Error, Expression, UndefinedBehavior, Value};

/// Instructions that one evaluation may take.
const FUEL_MAX: u64 = 100_000;

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL_MAX));
        environment
    })
}

/// An expression and the names it reads.
pub(crate) struct Formula {
    source: String,
    expression: Expression<'static, 'static>,
    /// The names it reads, sorted.
    pub(crate) names: BTreeSet<String>,
}

impl Formula {
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let expression = environment()
            .compile_expression_owned(source.to_owned())
            .map_err(|error| describe(&error))?;
        let names = expression.undeclared_variables(false).into_iter().collect();
        Ok(Self { source: source.to_owned(), expression, names })
    }

    pub(crate) fn evaluate<'v>(
        &self,
        values: impl Iterator<Item = (&'v str, Value)>,
    ) -> Result<Value, String> {
        let values = Value::from_pairs(values);
        self.expression.eval(values).map_err(|error| describe(&error))
    }
}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Formula").field(&self.source).finish()
    }
}

/// An error of an expression in words.
pub(crate) fn describe(error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{}{detail}", error.kind())
}
