//! Backgrounds that a model writes: asked for, checked against the attributes, asked again or given up, compared.

mod alike;
mod form;
mod prompts;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use throng_data::{Column, Text, Values};
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, Pool};

use crate::background::Backgrounds;
use crate::problem::{Error, Problem, Result};
use crate::sample::{Sample, Sampler};
use crate::spec::Generation;
use alike::Alike;
use prompts::Prompts;

pub use alike::{Distinctness, NEAR, SIGNATURE_WORDS};
pub use form::{DESCRIPTION, DESCRIPTION_CHARS_MAX, EXTRA_MAX, Form, FormField, FormValue};

/// Most agents whose questions are out at once.
pub const BATCH_MAX: usize = 65_536;
/// Most times that one agent's question may be asked.
pub const ATTEMPTS_LIMIT: u32 = 20;
/// Different temperatures, evenly spread: agents of one temperature are asked together.
pub const TEMPERATURES: u32 = 8;
/// Why nobody answered in the end: the model did, and never with what it was asked for.
const INVALID: &str = "invalid";
/// Prefix of the columns that a model invents, beside attributes of the same names.
const INVENTED: &str = "generated_";

/// A question for a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Question<'q> {
    /// The agent that it is for.
    pub agent: u32,
    /// 0 at first, then one more each time.
    pub attempt: u32,
    /// What is the same for everyone, first, so that servers reuse it.
    pub system: &'q str,
    /// What is the agent's own.
    pub user: String,
    /// The temperature of this answer.
    pub temperature: f64,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A text for each field of the form.
    Answered(Vec<String>),
    /// An answer that is not of the form, and what is wrong with it.
    Invalid(String),
    /// None, for this cause, whatever was tried.
    Failed(String),
}

/// Why asking ended before everybody had an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The budget is spent.
    Budget,
    /// It was asked to.
    Interrupted,
    /// More people than allowed would be left without a description.
    Failures {
        /// People without one so far, by cause.
        failed: BTreeMap<String, u64>,
        /// People who may be.
        allowed: u64,
    },
    /// Whoever is asked has failed.
    Broken(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget => f.write_str("the budget is spent"),
            Self::Interrupted => f.write_str("it was interrupted"),
            Self::Failures { failed, allowed } => {
                let causes: Vec<String> =
                    failed.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
                let causes = causes.join(", ");
                write!(f, "more than {allowed} people have no description ({causes})")
            }
            Self::Broken(problem) => f.write_str(problem),
        }
    }
}

/// Somebody who answers: a bridge to models, or a test.
pub trait Ask {
    /// Answers each question, in order, by rising agents.
    ///
    /// # Errors
    /// When asking has to end; what was answered until then should be known when it is asked for again.
    fn ask(
        &mut self,
        questions: &[Question<'_>],
        form: &Form,
    ) -> std::result::Result<Vec<Reply>, Stop>;
    /// Who it is.
    fn model(&self) -> Writer;
}

/// The model that wrote backgrounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Its name.
    pub name: String,
    /// What decides its answers beside the question.
    pub fingerprint: String,
}

/// What became of the questions; equal populations have equal reports, whatever was asked anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GenerationReport {
    /// Who wrote.
    pub model: Writer,
    /// Agents with a description.
    pub answered: u64,
    /// Of these, those whose first, second ... answer agreed with their attributes.
    pub at_attempt: Vec<u64>,
    /// Agents without one after all attempts, by cause.
    pub failed: BTreeMap<String, u64>,
    /// How much the descriptions differ.
    pub distinctness: Distinctness,
}

impl GenerationReport {
    /// The report as text for a terminal.
    pub fn to_text(&self) -> String {
        let attempts: Vec<String> = (1..)
            .zip(&self.at_attempt)
            .filter(|(_, count)| **count > 0)
            .map(|(attempt, count)| format!("{count} at attempt {attempt}"))
            .collect();
        let mut text = format!(
            "backgrounds by `{}`: {} answered ({}), {} failed\n",
            self.model.name,
            self.answered,
            attempts.join(", "),
            self.failed.values().sum::<u64>()
        );
        for (cause, count) in &self.failed {
            let _ = writeln!(text, "  {count} failed: {cause}");
        }
        let Distinctness { texts, distinct, near_duplicates, most_alike } = &self.distinctness;
        let _ = writeln!(
            text,
            "  {distinct} of {texts} texts are different; {near_duplicates} resemble an earlier one by {NEAR} or more"
        );
        for (first, second, much) in most_alike {
            let _ = writeln!(text, "  agents {first} and {second}: {much:.2}");
        }
        text
    }
}

/// Writes the backgrounds of a population, sample by sample.
pub struct Generator<'g> {
    settings: Generation,
    form: Form,
    prompts: Prompts,
    ask: &'g mut dyn Ask,
    /// For those for whom the model has failed.
    wordings: &'g Backgrounds,
    report: GenerationReport,
    alike: Alike,
}

impl fmt::Debug for Generator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// An agent that still needs an answer.
struct Open {
    row: usize,
    /// Why its last answer was refused.
    refused: Option<String>,
}

impl<'g> Generator<'g> {
    /// Prepares to ask for the backgrounds of a population.
    ///
    /// # Errors
    /// [`Error::Problems`] where the settings make no sense.
    pub fn new(
        settings: &Generation,
        sampler: &Sampler,
        ask: &'g mut dyn Ask,
        wordings: &'g Backgrounds,
    ) -> Result<Self> {
        let form = check_generation(settings, sampler)?;
        let fields: Vec<&str> = form.fields.iter().map(|field| field.name.as_str()).collect();
        let prompts = Prompts::new(settings, &fields)?;
        let at_attempt = vec![0; settings.attempts_max as usize];
        let report =
            GenerationReport { model: ask.model(), at_attempt, ..GenerationReport::default() };
        let (settings, alike) = (settings.clone(), Alike::default());
        Ok(Self { settings, form, prompts, ask, wordings, report, alike })
    }

    /// Asks for everyone of a sample, and returns the columns that follow their attributes.
    ///
    /// # Errors
    /// [`Error::Stopped`] where asking has ended, and all that a wording may say.
    pub(crate) fn columns(
        &mut self,
        sampler: &Sampler,
        sample: &Sample,
        pool: &Pool,
    ) -> Result<Vec<Column>> {
        let mut answers: Vec<Option<Vec<String>>> = vec![None; sample.rows];
        let rows: Vec<usize> = (0..sample.rows).collect();
        for rows in rows.chunks(BATCH_MAX) {
            self.batch(sampler, sample, rows, &mut answers)?;
        }
        let first = sample.first as u32;
        let texts = (first..)
            .zip(&answers)
            .filter_map(|(agent, answer)| Some((agent, answer.as_ref()?.last()?.as_str())));
        self.alike.add(texts.collect(), pool);
        self.table_columns(sampler, sample, &answers)
    }

    /// Asks in turns until everyone has an answer or has failed.
    fn batch(
        &mut self,
        sampler: &Sampler,
        sample: &Sample,
        rows: &[usize],
        answers: &mut [Option<Vec<String>>],
    ) -> Result<()> {
        let mut open: Vec<Open> =
            rows.iter().map(|row| Open { row: *row, refused: None }).collect();
        for attempt in 0..self.settings.attempts_max {
            if open.is_empty() {
                break;
            }
            let replies = self.ask(sampler, sample, &open, attempt)?;
            let last = attempt + 1 == self.settings.attempts_max;
            let mut again = Vec::new();
            for (Open { row, .. }, reply) in open.into_iter().zip(replies) {
                let checked = match reply {
                    Reply::Answered(answer) => {
                        self.form.check(&answer, sampler, sample, row).map(|()| answer)
                    }
                    Reply::Invalid(why) => Err(why),
                    Reply::Failed(cause) => {
                        self.failed(cause);
                        continue;
                    }
                };
                match checked {
                    Ok(answer) => {
                        answers[row] = Some(answer);
                        self.report.answered += 1;
                        self.report.at_attempt[attempt as usize] += 1;
                    }
                    Err(_) if last => self.failed(INVALID.to_owned()),
                    Err(why) => again.push(Open { row, refused: Some(why) }),
                }
            }
            self.check_failures(sampler.size())?;
            open = again;
        }
        Ok(())
    }

    fn ask(
        &mut self,
        sampler: &Sampler,
        sample: &Sample,
        open: &[Open],
        attempt: u32,
    ) -> Result<Vec<Reply>> {
        let purpose = Purpose::new("population background");
        let streams = Streams::new(sampler.seed(), purpose, attempt);
        let question = |open: &Open| {
            let agent = (sample.first + open.row as u64) as u32;
            let user = self.prompts.user(sampler, sample, open.row, open.refused.as_deref())?;
            let level = streams.agent(AgentId(agent)).below(TEMPERATURES);
            let temperature = temperature(&self.settings, level);
            Ok(Question { agent, attempt, system: &self.prompts.system, user, temperature })
        };
        let questions = open.iter().map(question).collect::<Result<Vec<_>>>()?;
        let asked = self.ask.ask(&questions, &self.form);
        let replies = asked.map_err(|stop| Error::Stopped { stop })?;
        debug_assert_eq!(replies.len(), questions.len(), "every question has a reply");
        Ok(replies)
    }

    fn failed(&mut self, cause: String) {
        *self.report.failed.entry(cause).or_default() += 1;
    }

    fn check_failures(&self, size: u64) -> Result<()> {
        let allowed = (self.settings.failed_max * size as f64) as u64;
        let failed = &self.report.failed;
        if failed.values().sum::<u64>() <= allowed {
            return Ok(());
        }
        let stop = Stop::Failures { failed: failed.clone(), allowed };
        Err(Error::Stopped { stop })
    }

    /// The background, who wrote it, and what the model has invented.
    fn table_columns(
        &self,
        sampler: &Sampler,
        sample: &Sample,
        answers: &[Option<Vec<String>>],
    ) -> Result<Vec<Column>> {
        let mut texts = Vec::with_capacity(answers.len());
        let mut writers = Vec::with_capacity(answers.len());
        for (row, answer) in answers.iter().enumerate() {
            let (text, writer) = match answer {
                Some(answer) => (answer.last().map_or("", |text| text.trim()).to_owned(), 0),
                None if self.wordings.is_empty() => (String::new(), 2),
                None => (self.wordings.one(sampler, sample, row)?, 1),
            };
            texts.push(text);
            writers.push(writer);
        }
        let names = ["model", "wording", "nobody"].map(str::to_owned).to_vec();
        let texts: Text = texts.into_iter().collect();
        let mut columns = vec![
            Column::new("background", "who the agent is, in words", Values::Text(texts)),
            Column::new(
                "background_from",
                "who wrote the background: a model, a wording where the model failed, or nobody",
                Values::Category { codes: writers, names },
            ),
        ];
        columns.extend(self.form.invented().map(|place| self.invented(place, answers)));
        Ok(columns)
    }

    /// A field that the model has invented, without a value where it failed.
    fn invented(&self, place: usize, answers: &[Option<Vec<String>>]) -> Column {
        let field = &self.form.fields[place];
        let valid = answers.iter().map(Option::is_some).collect();
        let texts = answers.iter().map(|answer| answer.as_ref().map_or("", |a| a[place].trim()));
        let values = match field.value {
            FormValue::Whole { .. } => {
                Values::I64(texts.map(|text| text.parse().unwrap_or_default()).collect())
            }
            FormValue::Text { .. } | FormValue::OneOf(_) => {
                Values::Text(texts.map(str::to_owned).collect())
            }
        };
        let doc = format!("{} As the model invented it.", field.about);
        let column = Column::new(format!("{INVENTED}{}", field.name), doc, values);
        Column { valid: Some(valid), ..column }
    }

    /// What became of everyone who was asked for.
    pub(crate) fn finish(mut self) -> GenerationReport {
        self.report.distinctness = self.alike.finish();
        self.report
    }
}

/// A temperature between the two, in steps; two decimals, so that what is sent is what is known.
fn temperature(settings: &Generation, level: u32) -> f64 {
    let (low, high) = (settings.temperature_min, settings.temperature_max);
    let at = low + (high - low) * f64::from(level) / f64::from(TEMPERATURES - 1);
    (at * 100.0).round_ties_even() / 100.0
}

/// Sees whether the settings make sense for a population, and what an answer consists of then.
///
/// # Errors
/// [`Error::Problems`] with everything that makes no sense.
pub fn check_generation(settings: &Generation, sampler: &Sampler) -> Result<Form> {
    let mut problems = Vec::new();
    if settings.attempts_max == 0 || settings.attempts_max > ATTEMPTS_LIMIT {
        problems.push(Problem::new(
            "generate.attempts_max",
            format!("{} attempts", settings.attempts_max),
            format!("give 1 to {ATTEMPTS_LIMIT}"),
        ));
    }
    let (low, high) = (settings.temperature_min, settings.temperature_max);
    if !(low >= 0.0 && low <= high && high <= 2.0) {
        problems.push(Problem::new(
            "generate.temperature_min",
            format!("temperatures from {low} to {high}"),
            "give 0 to 2, the lower first",
        ));
    }
    if !(0.0..=1.0).contains(&settings.failed_max) {
        problems.push(Problem::new(
            "generate.failed_max",
            format!("a share of {}", settings.failed_max),
            "give 0 to 1",
        ));
    }
    let form = Form::new(settings, sampler, &mut problems);
    let columns = ["background_from".to_owned()].into_iter();
    let invented = form.invented().map(|place| format!("{INVENTED}{}", form.fields[place].name));
    for column in columns.chain(invented) {
        if sampler.columns().any(|other| other.name == column) {
            let message = format!("`{column}` becomes a column of the backgrounds");
            problems.push(Problem::new("generate", message, "rename the attribute"));
        }
    }
    if problems.is_empty() { Ok(form) } else { Err(Error::Problems(problems)) }
}

#[cfg(test)]
mod tests;
