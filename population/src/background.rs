//! Backgrounds without a model: wordings as templates over the attributes, one drawn for each agent.

use minijinja::{Environment, UndefinedBehavior, Value};
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, Pool};

use crate::expression::describe;
use crate::problem::{Error, Problem, Result};
use crate::sample::{Sample, Sampler, Values};
use crate::source::Source;
use crate::spec::{Spec, Wording};

/// Instructions that one background may take; a template that loops for ever ends here.
const FUEL_MAX: u64 = 100_000;
/// Agents whose backgrounds one task writes.
const AGENTS_PER_TASK: usize = 1_024;
/// Longest background, in bytes.
pub const BACKGROUND_BYTES_MAX: usize = 64 << 10;

/// The wordings of a population's backgrounds.
#[derive(Debug)]
pub struct Backgrounds {
    environment: Environment<'static>,
    wordings: Vec<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    name: String,
    weight: f64,
    /// (attribute, category) pairs that an agent must have.
    when: Vec<(usize, u16)>,
}

impl Backgrounds {
    /// Reads the wordings of a specification.
    ///
    /// # Errors
    /// [`Error::Problems`] with the line of a template that cannot be read or names an unknown attribute.
    pub fn new(spec: &Spec, source: &Source, sampler: &Sampler) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL_MAX));
        let mut backgrounds = Self { environment, wordings: Vec::new() };
        let mut problems = Vec::new();
        for place in 0..spec.backgrounds.len() {
            match backgrounds.prepare(spec, place, source, sampler) {
                Ok(wording) => backgrounds.wordings.push(wording),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(backgrounds) } else { Err(Error::Problems(problems)) }
    }

    /// Whether there is no wording.
    pub fn is_empty(&self) -> bool {
        self.wordings.is_empty()
    }

    fn prepare(
        &mut self,
        spec: &Spec,
        place: usize,
        source: &Source,
        sampler: &Sampler,
    ) -> std::result::Result<Prepared, Problem> {
        let key = format!("background.{place}");
        let wording = &spec.backgrounds[place];
        let (at, shown, text) = template_of(wording, &key, source)?;
        if !(wording.weight.is_finite() && wording.weight > 0.0) {
            return Err(Problem::new(
                format!("{key}.weight"),
                format!("a weight of {}", wording.weight),
                "give a number above 0",
            ));
        }
        let name = format!("{shown}#{place}");
        let refuse = |line: Option<usize>, message: String| {
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            let known: Vec<&str> = sampler.columns().map(|column| column.name).collect();
            Problem::new(
                at.clone(),
                format!("template `{shown}`{line}: {message}"),
                format!("attributes are {}", known.join(", ")),
            )
        };
        self.environment
            .add_template_owned(name.clone(), text.clone())
            .map_err(|error| refuse(error.line(), describe(&error)))?;
        let template = self
            .environment
            .get_template(&name)
            .map_err(|error| refuse(error.line(), describe(&error)))?;
        let known = |name: &String| {
            sampler.columns().any(|column| column.name == name) || GLOBALS.contains(&name.as_str())
        };
        let unknown: std::collections::BTreeSet<String> =
            template.undeclared_variables(false).into_iter().collect();
        if let Some(name) = unknown.iter().find(|name| !known(name)) {
            let line =
                text.lines().position(|line| line.contains(name.as_str())).map(|line| line + 1);
            return Err(refuse(line, format!("there is no attribute `{name}`")));
        }
        let when = wording.when.iter().map(|(attribute, category)| {
            condition(sampler, attribute, category).ok_or_else(|| {
                Problem::new(
                    format!("{key}.when"),
                    format!("there is no `{attribute}` = `{category}`"),
                    "name an attribute and one of its categories",
                )
            })
        });
        let when = when.collect::<std::result::Result<_, Problem>>()?;
        Ok(Prepared { name, weight: wording.weight, when })
    }

    /// The background of each agent of a sample, in order.
    ///
    /// # Errors
    /// [`Error::Agent`] where no wording applies to an agent, or its template fails or does not end.
    pub fn write(&self, sampler: &Sampler, sample: &Sample, pool: &Pool) -> Result<Vec<String>> {
        let rows: Vec<usize> = (0..sample.rows).collect();
        let parts = pool.split(rows.as_slice(), AGENTS_PER_TASK, |rows| {
            rows.iter().map(|row| self.one(sampler, sample, *row)).collect::<Result<Vec<_>>>()
        });
        let mut all = Vec::with_capacity(sample.rows);
        for part in parts {
            all.extend(part?);
        }
        Ok(all)
    }

    pub(crate) fn one(&self, sampler: &Sampler, sample: &Sample, row: usize) -> Result<String> {
        let agent = (sample.first + row as u64) as u32;
        let fail = |message: String| Error::Agent { agent, message };
        let applies = |wording: &&Prepared| {
            wording.when.iter().all(|(place, code)| matches!(&sample.columns[*place], Values::Codes(codes) if codes[row] == *code))
        };
        let total: f64 = self.wordings.iter().filter(applies).map(|wording| wording.weight).sum();
        let streams = Streams::new(sampler.seed(), Purpose::new("population wording"), 0);
        let mut left = streams.agent(AgentId(agent)).uniform() * total;
        let mut chosen = None;
        for wording in self.wordings.iter().filter(applies) {
            chosen = Some(wording);
            left -= wording.weight;
            if left < 0.0 {
                break;
            }
        }
        let wording = chosen.ok_or_else(|| {
            fail("no wording of the background applies; add one without `when`".to_owned())
        })?;
        let values = Value::from_pairs(sampler.row(sample, row));
        let rendered = self
            .environment
            .get_template(&wording.name)
            .and_then(|template| template.render(values));
        let text = rendered.map_err(|error| {
            let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
            let end = if error.kind() == minijinja::ErrorKind::OutOfFuel {
                "; it does not end"
            } else {
                ""
            };
            let shown = wording.name.rsplit_once('#').map_or("", |(shown, _)| shown);
            fail(format!("template `{shown}`{line}: {}{end}", describe(&error)))
        })?;
        if text.len() > BACKGROUND_BYTES_MAX {
            return Err(fail(format!(
                "its background has {} bytes, and the limit is {BACKGROUND_BYTES_MAX}",
                text.len()
            )));
        }
        Ok(text.trim().to_owned())
    }
}

/// The key under which a template stands, its name for messages, and its text.
fn template_of(
    wording: &Wording,
    key: &str,
    source: &Source,
) -> std::result::Result<(String, String, String), Problem> {
    match (&wording.text, &wording.file) {
        (Some(text), None) => Ok((format!("{key}.text"), key.to_owned(), text.clone())),
        (None, Some(file)) => {
            let at = format!("{key}.file");
            let text = source.text(file, &at)?;
            Ok((at, file.clone(), text))
        }
        _ => {
            let hint = "give `text` or `file`, not both";
            Err(Problem::new(key, "a wording is a text or a file", hint))
        }
    }
}

/// Functions of the template language.
const GLOBALS: [&str; 5] = ["range", "dict", "debug", "namespace", "loop"];

impl Sampler {
    /// The attributes of one agent of a sample, by name.
    pub(crate) fn row<'s>(
        &'s self,
        sample: &'s Sample,
        row: usize,
    ) -> impl Iterator<Item = (&'s str, Value)> + 's {
        let columns = self.plan.attributes.iter().zip(&sample.columns).enumerate();
        columns.map(move |(place, (attribute, values))| {
            (attribute.name.as_str(), self.value(place, values, row))
        })
    }
}
/// The places of an attribute and of one of its categories, where there are such.
fn condition(sampler: &Sampler, attribute: &str, category: &str) -> Option<(usize, u16)> {
    let (place, column) =
        sampler.columns().enumerate().find(|(_, column)| column.name == attribute)?;
    let code = column.categories?.iter().position(|name| name == category)?;
    Some((place, code as u16))
}
