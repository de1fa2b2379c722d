//! Backgrounds that a model writes: asked for, checked against the attributes, asked again or given up, compared.

mod alike;
mod check;
mod store;

use std::collections::BTreeMap;

use minijinja::{Environment, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};
use throng_data::sha256_hex;
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{AgentId, Pool};

use crate::problem::{Error, Problem, Result};
use crate::report::portions;
use crate::sample::{Sample, Sampler};

pub use alike::{Distinctness, SIGNATURE_WORDS, distinctness};
pub use check::{Answered, DESCRIPTION_BYTES_MAX, Fields, check_answer};
pub use store::{FolderStore, MemoryStore, STORED_BYTES_MAX, Store};

/// Most agents whose questions are out at once.
pub const BATCH_MAX: usize = 4_096;
/// Most times that one agent's question may be asked.
pub const ATTEMPTS_LIMIT: u32 = 20;
const SYSTEM: &str = include_str!("../prompts/background-system.j2");
const USER: &str = include_str!("../prompts/background-user.j2");
const AGAIN: &str = include_str!("../prompts/background-again.j2");

/// A question for a model, whose answer is JSON of a schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Question {
    /// The agent that it is for.
    pub agent: u32,
    /// 0 at first, then one more each time.
    pub attempt: u32,
    /// What is the same for everyone, first, so that servers reuse it.
    pub system: String,
    /// What is the agent's own.
    pub user: String,
    /// The seed of this answer's random choices.
    pub seed: u64,
    /// The temperature of this answer.
    pub temperature: f64,
}

/// Somebody who answers: a bridge to models, or a test.
pub trait Ask {
    /// Answers each question, in order: the reply's text, or why there is none. A question that cannot be asked
    /// is a reply that failed, not an error of all.
    fn ask(
        &mut self,
        questions: &[Question],
        schema: &serde_json::Value,
    ) -> Vec<std::result::Result<String, String>>;
    /// What decides the answers beside the question, such as the model's name; part of what is reused.
    fn fingerprint(&self) -> String;
}

/// How backgrounds are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Times that one agent's question is asked before it has failed.
    pub attempts_max: u32,
    /// The least temperature; each agent has its own between the two.
    pub temperature_min: f64,
    /// The largest temperature.
    pub temperature_max: f64,
    /// The language of the description, as the prompt names it.
    pub language: String,
    /// Which attributes the fields of an answer must agree with.
    pub fields: Fields,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            temperature_min: 0.7,
            temperature_max: 1.1,
            language: "English".to_owned(),
            fields: Fields::default(),
        }
    }
}

/// What became of the questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GenerationReport {
    /// Agents with a description.
    pub answered: u64,
    /// Of these, taken from the store without asking.
    pub reused: u64,
    /// Agents without one after all attempts, by the last cause.
    pub failed: BTreeMap<String, u64>,
    /// Questions asked, repeats included.
    pub asked: u64,
    /// How much the descriptions differ.
    pub distinctness: Distinctness,
}

/// The descriptions of a population, in agent order; nothing where the model failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// A description for each agent, or nothing.
    pub answers: Vec<Option<Answered>>,
    /// What became of the questions.
    pub report: GenerationReport,
}

/// The JSON schema of an answer.
pub fn answer_schema() -> serde_json::Value {
    let schema = schemars::schema_for!(Answered);
    schema.to_value()
}

/// Asks for the background of every agent of a population.
///
/// # Errors
/// [`Error::Problems`] where the settings make no sense; the store's refusals. A model's failures are counted.
pub fn generate(
    sampler: &Sampler,
    settings: &Generation,
    ask: &mut dyn Ask,
    store: &mut dyn Store,
    pool: &Pool,
) -> Result<Generated> {
    check_settings(sampler, settings)?;
    let prompts = Prompts::new();
    let mut report = GenerationReport::default();
    let mut answers = Vec::new();
    for range in portions(sampler.size()) {
        let sample = sampler.sample(range, pool)?;
        let rows: Vec<usize> = (0..sample.rows).collect();
        for rows in rows.chunks(BATCH_MAX) {
            let mut batch = Batch {
                sampler,
                sample: &sample,
                settings,
                prompts: &prompts,
                report: &mut report,
            };
            answers.extend(batch.run(rows, ask, store)?);
        }
    }
    let texts = answers.iter().flatten().map(|answer: &Answered| answer.description.as_str());
    report.distinctness = distinctness(texts, pool);
    Ok(Generated { answers, report })
}

fn check_settings(sampler: &Sampler, settings: &Generation) -> Result<()> {
    let mut problems = Vec::new();
    if settings.attempts_max == 0 || settings.attempts_max > ATTEMPTS_LIMIT {
        problems.push(Problem::new(
            "attempts_max",
            format!("{} attempts", settings.attempts_max),
            format!("give 1 to {ATTEMPTS_LIMIT}"),
        ));
    }
    let (low, high) = (settings.temperature_min, settings.temperature_max);
    if !(low >= 0.0 && low <= high && high <= 2.0) {
        problems.push(Problem::new(
            "temperature_min",
            format!("temperatures from {low} to {high}"),
            "give 0 to 2, the lower first",
        ));
    }
    let known: Vec<&str> = sampler.columns().map(|column| column.name).collect();
    for (field, name) in settings.fields.named() {
        if !known.contains(&name) {
            problems.push(Problem::new(
                format!("fields.{field}"),
                format!("there is no attribute `{name}`"),
                format!("there are {}", known.join(", ")),
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Problems(problems)) }
}

struct Prompts {
    environment: Environment<'static>,
}

impl Prompts {
    fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in [("system", SYSTEM), ("user", USER), ("again", AGAIN)] {
            environment
                .add_template(name, text)
                .expect("the prompts of this crate are templates, which a test shows");
        }
        Self { environment }
    }

    fn render(&self, name: &str, values: Value) -> Result<String> {
        let rendered =
            self.environment.get_template(name).and_then(|template| template.render(values));
        rendered.map_err(|error| {
            Error::Problems(vec![Problem::new(name, error.to_string(), "mend the prompt")])
        })
    }
}

struct Batch<'b> {
    sampler: &'b Sampler,
    sample: &'b Sample,
    settings: &'b Generation,
    prompts: &'b Prompts,
    report: &'b mut GenerationReport,
}

impl Batch<'_> {
    /// Asks in turns until everyone has an answer or has failed; what the store has is not asked for.
    fn run(
        &mut self,
        rows: &[usize],
        ask: &mut dyn Ask,
        store: &mut dyn Store,
    ) -> Result<Vec<Option<Answered>>> {
        let schema = answer_schema();
        let fingerprint = ask.fingerprint();
        let mut answers: Vec<Option<Answered>> = vec![None; rows.len()];
        let mut open: Vec<(usize, Option<String>)> =
            (0..rows.len()).map(|place| (place, None)).collect();
        for attempt in 0..self.settings.attempts_max {
            let mut asked = Vec::new();
            let mut questions = Vec::new();
            for (place, refused) in std::mem::take(&mut open) {
                let question = self.question(rows[place], attempt, refused.as_deref())?;
                let address = address(&question, &fingerprint);
                match store.get(&address)?.and_then(|text| {
                    check_answer(&text, self.sampler, self.sample, rows[place], self.settings).ok()
                }) {
                    Some(answer) => {
                        answers[place] = Some(answer);
                        self.report.reused += 1;
                    }
                    None => {
                        asked.push((place, address));
                        questions.push(question);
                    }
                }
            }
            let mut replies =
                if questions.is_empty() { Vec::new() } else { ask.ask(&questions, &schema) };
            self.report.asked += questions.len() as u64;
            replies.resize(questions.len(), Err("no reply came".to_owned()));
            for ((place, address), reply) in asked.into_iter().zip(replies) {
                let checked = reply.map_err(|cause| ("call", cause)).and_then(|text| {
                    let answer =
                        check_answer(&text, self.sampler, self.sample, rows[place], self.settings)
                            .map_err(|cause| ("answer", cause))?;
                    Ok((text, answer))
                });
                match checked {
                    Ok((text, answer)) => {
                        store.put(&address, &text)?;
                        answers[place] = Some(answer);
                    }
                    Err((kind, _)) if attempt + 1 == self.settings.attempts_max => {
                        *self.report.failed.entry(kind.to_owned()).or_default() += 1;
                    }
                    Err((kind, cause)) => open.push((place, (kind == "answer").then_some(cause))),
                }
            }
        }
        self.report.answered += answers.iter().flatten().count() as u64;
        Ok(answers)
    }

    fn question(&self, row: usize, attempt: u32, refused: Option<&str>) -> Result<Question> {
        let agent = (self.sample.first + row as u64) as u32;
        let attributes: Vec<(String, Value)> = self
            .sampler
            .row(self.sample, row)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let shared = minijinja::context! { language => self.settings.language };
        let mut user = self.prompts.render("user", minijinja::context! { attributes })?;
        if let Some(refused) = refused {
            user.push_str("\n\n");
            user.push_str(&self.prompts.render("again", minijinja::context! { refused })?);
        }
        let mut stream =
            Streams::new(self.sampler.seed(), Purpose::new("population background"), attempt)
                .agent(AgentId(agent));
        let temperature =
            stream.between(self.settings.temperature_min, self.settings.temperature_max);
        // Two decimals: what is sent is what is addressed.
        let temperature = (temperature * 100.0).round_ties_even() / 100.0;
        // Servers take seeds of 31 bits.
        let seed = u64::from(stream.next_u32() >> 1);
        Ok(Question {
            agent,
            attempt,
            system: self.prompts.render("system", shared)?,
            user,
            seed,
            temperature,
        })
    }
}

/// What an answer is stored under: everything that decides it, and nothing about who asks when.
fn address(question: &Question, fingerprint: &str) -> String {
    let parts = serde_json::json!([
        fingerprint,
        question.system,
        question.user,
        question.seed,
        question.temperature
    ]);
    sha256_hex(parts.to_string().as_bytes())
}

#[cfg(test)]
mod tests;
