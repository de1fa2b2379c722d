//! Asking agents of a run something from outside, after any of its rounds, without disturbing it.

use std::sync::Arc;

use throng_data::{
    CallTotals, Column, FileRecord, InterviewRecord, Interviewing, RunDir, SCHEMA_VERSION, Stamp,
    Table, Text, Values, interview_name, read_parts,
};
use throng_llm_bridge::answer::{Answer, AnswerSpec};
use throng_llm_bridge::store::Moment;
use throng_llm_bridge::{
    Ask, Batch, Bridge, BridgeConfig, CompletionStore, Exchanged, ModelConfig, Prompts, Reply,
    Role, Status, Totals,
};
use throng_systems::engine::AgentId;
use throng_systems::{Cause, interviewed};

use super::store::JournalStore;
use super::way::{Sentry, knock};
use super::worlds::Worlds;
use super::{Plan, PlayError, StopFlag, Watch, again};
use crate::select::Selector;

/// Agents of one interview; each of them is looked up in the whole population.
pub const INTERVIEWED_MAX: usize = 10_000;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Interview {
    /// The round after which it is held; 0 is before the first.
    pub at: u32,
    /// Who is asked.
    pub agents: Selector,
    /// What they are asked.
    pub question: String,
    /// What they may answer, and how that was written.
    pub answer: (AnswerSpec, String),
    /// The model that answers for all of them; their own, where it is left out.
    pub model: Option<ModelConfig>,
}

/// A finished interview.
#[derive(Debug)]
pub struct Interviewed {
    /// Its record.
    pub record: InterviewRecord,
    /// A row for each agent that was asked.
    pub table: Table,
    /// Whether it had been held before, so that nobody was asked now.
    pub again: bool,
}

/// Plays the run to the round from its records, asks, and writes what was answered beside the run's rounds.
///
/// # Errors
/// [`PlayError::Interview`] when nobody can be asked or the interview was stopped; what was paid for is kept then.
pub fn interview(
    plan: &Plan,
    directory: &RunDir,
    interview: &Interview,
    stop: &StopFlag,
    watch: &mut dyn Watch,
) -> Result<Interviewed, PlayError> {
    let mut worlds = again::until(plan, directory, interview.at)?;
    let before = worlds.state()?;
    let asked = Asked::choose(plan, &mut worlds, interview)?;
    let name = interview_name(interview.at, &asked.identity(plan, interview));
    if let Some(record) = directory.interview(&name)? {
        let nobody = Asked { agents: Vec::new(), places: Vec::new(), config: asked.config };
        let nothing = Exchanged { replies: Vec::new(), totals: Totals::default(), stop: None };
        let schema = nobody.table(interview, &nothing, &[])?.schema();
        let table = read_parts(&[directory.path().join(&record.file.path)], &schema)?;
        return Ok(Interviewed { record, table, again: true });
    }
    let (held, cuts) = Interviewing::open(directory, &name)?;
    cuts.iter().for_each(|cut| watch.notice(&cut.to_string()));
    let batch = asked.batch(plan, &mut worlds, interview)?;
    let store: Arc<dyn CompletionStore> = Arc::new(JournalStore::of(held.journal()));
    knock(&asked.config, &mut |text| watch.notice(text))?;
    let bridge = Arc::new(Bridge::start(asked.config.clone(), store)?);
    let sentry = Sentry::post(Arc::clone(&bridge), {
        let stop = stop.clone();
        move || stop.is_set()
    });
    let digests: Vec<String> =
        batch.asks.iter().map(|ask| batch.prompts.digest(ask.prompt).to_string()).collect();
    let done = bridge.exchange(batch).map_err(|error| PlayError::Interview(error.to_string()))?;
    drop((sentry, bridge));
    if let Some(stop) = done.stop {
        let told =
            format!("it was stopped ({stop:?}); the same command goes on, and pays nothing twice");
        return Err(PlayError::Interview(told));
    }
    let after = worlds.state()?;
    if after != before {
        return Err(PlayError::Interview("it has changed the state of the run".to_owned()));
    }
    let table = asked.table(interview, &done, &digests)?;
    let record = record(interview, &done, before.to_string());
    let stamp = stamp(directory, interview.at, before.to_string())?;
    let record = held.finish(table.clone(), &stamp, record)?;
    Ok(Interviewed { record, table, again: false })
}

/// Whom an interview asks, and which model answers for whom.
struct Asked {
    agents: Vec<u32>,
    /// For each agent its model's place in `config`.
    places: Vec<u16>,
    config: BridgeConfig,
}

impl Asked {
    fn choose(plan: &Plan, worlds: &mut Worlds, interview: &Interview) -> Result<Self, PlayError> {
        let people = worlds.people_now()?;
        let (size, draw) = (plan.config.run.agents, (plan.config.run.seed, interview.at));
        let agents = interview.agents.agents(size, draw, |name| people.column(name));
        let agents = agents.map_err(|error| PlayError::Interviewee(error.to_string()))?;
        if agents.len() > INTERVIEWED_MAX {
            let (found, most) = (agents.len(), INTERVIEWED_MAX);
            let told =
                format!("{found} agents are more than {most}; select fewer, such as sample:{most}");
            return Err(PlayError::Interviewee(told));
        }
        let own = plan.config.bridge(plan.bridge);
        let (config, places) = match (&interview.model, own) {
            (Some(model), _) => {
                let config = plan.bridge.calls(vec![model.clone()], plan.config.budget);
                (config, vec![0; agents.len()])
            }
            (None, Some((config, mut places))) => {
                // What is recorded cannot be asked something else.
                for (place, model) in places.iter_mut().zip(&plan.config.models) {
                    *place = place.filter(|_| model.replayed().is_none());
                }
                let config = plan.config.callable(config);
                let places = own_places(&agents, worlds, &places)?;
                (config, places)
            }
            (None, None) => return Err(silent(agents.len())),
        };
        Ok(Self { agents, places, config })
    }

    /// All that decides what is asked; an interview that differs in any of it is another one.
    fn identity(&self, plan: &Plan, interview: &Interview) -> String {
        let models = self.config.models.iter();
        let models: Vec<String> =
            models.map(|model| format!("{}{}", model.fingerprint(), model.parameters())).collect();
        let Interview { agents, question, answer: (_, answer), .. } = interview;
        let (places, models) = (&self.places, models.join(" "));
        format!("{}\n{agents}\n{answer}\n{models}\n{places:?}\n{question}", plan.run_id)
    }

    fn batch(
        &self,
        plan: &Plan,
        worlds: &mut Worlds,
        interview: &Interview,
    ) -> Result<Batch, PlayError> {
        let wrong = |error: &dyn std::fmt::Display| PlayError::Interview(error.to_string());
        let mut prompts = Prompts::new();
        let mut asks = Vec::with_capacity(self.agents.len());
        for (&agent, &model) in self.agents.iter().zip(&self.places) {
            let told = worlds.preview(&plan.scenario, AgentId(agent)).map_err(|e| wrong(&e))?;
            let user = interviewed(&told.user, &interview.question);
            let messages = [(Role::System, told.system.as_str()), (Role::User, user.as_str())];
            let prompt = prompts.ask(&messages).map_err(|error| wrong(&error))?;
            asks.push(Ask { agent: agent.into(), prompt, model, answer: 0 });
        }
        Ok(Batch {
            moment: Moment { round: interview.at, exchange: 0 },
            run_seed: plan.config.run.seed,
            asks,
            prompts: Arc::new(prompts),
            answers: Arc::from([interview.answer.0.clone()]),
            deadline: None,
            failed_max: None,
            apart: None,
            ranks_before: std::collections::BTreeMap::new(),
        })
    }

    fn table(
        &self,
        interview: &Interview,
        done: &Exchanged,
        digests: &[String],
    ) -> Result<Table, PlayError> {
        let replies = &done.replies;
        let rows = replies.len();
        let texts = |text: &dyn Fn(usize) -> String| {
            let mut column = Text::default();
            (0..rows).for_each(|row| column.push(&text(row)));
            Values::Text(column)
        };
        let status = |row: usize| match &replies[row].status {
            Status::Answered(_) => "answered".to_owned(),
            Status::Failed(failure) => Cause::from(failure.cause).status().to_owned(),
        };
        let spec = &interview.answer.0;
        let answers: Vec<Option<String>> = replies
            .iter()
            .map(|reply| reply.answer().map(|answer| in_words(answer, spec)))
            .collect();
        let numbers: Vec<Option<f64>> =
            replies.iter().map(|reply| reply.answer().and_then(number)).collect();
        let column = Column::new;
        let model = |row: usize| self.config.models[usize::from(self.places[row])].name.clone();
        let answer = texts(&|row| answers[row].clone().unwrap_or_default());
        let values = numbers.iter().map(|number| number.unwrap_or(0.0)).collect();
        let round = Values::I32Repeat { value: interview.at as i32, rows };
        let agents = Values::I64(self.agents.iter().map(|&agent| agent.into()).collect());
        let when = "The round after which it was asked; 0 is before the first.";
        let mut columns = vec![
            column("agent", "The agent that was asked.", agents),
            column("round", when, round),
            column("model", "The model that answered.", texts(&model)),
            column("status", "`answered`, or `failed_` and the cause.", texts(&status)),
            column("answer", "The answer in words.", answer)
                .with_valid(answers.iter().map(Option::is_some).collect()),
            column("number", "The answer, where it is a number.", Values::F64(values))
                .with_valid(numbers.iter().map(Option::is_some).collect()),
            column(
                "prompt_hash",
                "SHA-256 of the prompt, in hex.",
                texts(&|row| digests[row].clone()),
            ),
        ];
        columns.extend(costs(replies));
        Ok(Table::new("answers", columns)?)
    }
}

/// The record of an interview, but for its file.
fn record(interview: &Interview, done: &Exchanged, state_hash: String) -> InterviewRecord {
    let mut failed = std::collections::BTreeMap::new();
    for failure in done.replies.iter().filter_map(Reply::failure) {
        *failed.entry(Cause::from(failure.cause).to_string()).or_insert(0) += 1;
    }
    let totals = &done.totals;
    InterviewRecord {
        schema_version: SCHEMA_VERSION,
        round: interview.at,
        state_hash,
        question: interview.question.clone(),
        answer: interview.answer.1.clone(),
        agents: interview.agents.to_string(),
        answered: totals.answered,
        failed,
        calls: CallTotals {
            requests: totals.requests,
            completions: totals.completions,
            reused: totals.journaled,
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            cached_tokens: totals.cached_tokens,
            cost_pico_usd: totals.cost.0,
        },
        // Filled in when the table is written.
        file: FileRecord::default(),
    }
}

/// What each reply took.
fn costs(replies: &[Reply]) -> [Column; 4] {
    let column = Column::new;
    let usage = |of: fn(&Reply) -> i64| Values::I64(replies.iter().map(of).collect());
    let attempts = Values::I32(replies.iter().map(|reply| reply.attempts.into()).collect());
    let cost = Values::F64(replies.iter().map(|reply| reply.cost.usd()).collect());
    let (prompt, completion) =
        (usage(|r| r.usage.prompt_tokens.into()), usage(|r| r.usage.completion_tokens.into()));
    [
        column("attempts", "Requests that it took.", attempts),
        column("prompt_tokens", "The agent's share of prompt tokens.", prompt),
        column("completion_tokens", "The agent's share of completion tokens.", completion),
        column("cost_usd", "The agent's share of the price.", cost).with_unit("usd"),
    ]
}

/// The places of the agents' own models, all of which must answer in words.
fn own_places(
    agents: &[u32],
    worlds: &mut Worlds,
    places: &[Option<u16>],
) -> Result<Vec<u16>, PlayError> {
    let models = worlds.models_now();
    let place = |agent: &u32| places[usize::from(models[*agent as usize].0)];
    let in_words: Vec<u16> = agents.iter().filter_map(place).collect();
    let silently = agents.len() - in_words.len();
    if silently > 0 { Err(silent(silently)) } else { Ok(in_words) }
}

fn silent(agents: usize) -> PlayError {
    let told = format!(
        "policies answer for {agents} of the agents, and policies do not talk; let a model answer for all of \
         them with --model NAME --endpoint URL, or select others"
    );
    PlayError::Interviewee(told)
}

fn in_words(answer: &Answer, spec: &AnswerSpec) -> String {
    match (answer, spec) {
        (Answer::Choice(place), AnswerSpec::Choice { options }) => {
            options.get(*place as usize).cloned().unwrap_or_default()
        }
        (Answer::Number(number), _) => number.to_string(),
        (Answer::Integer(number), _) => number.to_string(),
        (Answer::Choice(place), _) => place.to_string(),
        (Answer::Text(text), _) => text.to_string(),
        (Answer::Object(_), _) => String::new(),
    }
}

fn number(answer: &Answer) -> Option<f64> {
    match answer {
        Answer::Number(number) => Some(*number),
        Answer::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

fn stamp(run: &RunDir, round: u32, state_hash: String) -> Result<Stamp, PlayError> {
    let manifest = run.manifest()?;
    let origin = manifest.origin;
    Ok(Stamp {
        run_id: manifest.run_id,
        round,
        seed: origin.seed,
        scenario: origin.scenario,
        scenario_version: origin.scenario_version,
        engine_version: origin.engine_version,
        config_sha256: manifest.config_sha256,
        state_hash: Some(state_hash),
    })
}
