//! `throng interview`: asks agents something after a round that was played, without disturbing the run.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use throng_llm_bridge::ModelConfig;
use throng_llm_bridge::answer::AnswerSpec;
use throng_llm_bridge::model::EndpointConfig;
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::{Results, note};
use super::recorded::Recorded;
use super::run::plan;
use super::runs::RunArgument;
use super::story::harmless;
use crate::figures::{Cell, grouped, significant};
use crate::play::{
    Interview, Interviewed, Plan, RoundReport, RunEnd, RunHead, StopFlag, Watch, interview,
};
use crate::watch::SCHEMA;

/// Answers in words that are shown; the table has all.
const SHOWN_MAX: usize = 20;
/// Characters of an answer in words, where nothing else is said.
const TEXT_CHARS: u32 = 1_000;
/// Decimals of an answer that is a number.
const DECIMALS: u8 = 4;

/// Arguments of `throng interview`.
#[derive(Args, Debug)]
pub(super) struct InterviewArguments {
    #[command(flatten)]
    run: RunArgument,
    /// The round after which they are asked; 0 is before the first
    #[arg(long, value_name = "K")]
    at: u32,
    /// Who is asked: `7, 100-199`, `education = "Ph.D."`, `sample:100` or `all`
    #[arg(long, value_name = "SELECTION")]
    agents: String,
    /// What they are asked
    #[arg(long, value_name = "TEXT")]
    question: String,
    /// What they may answer: `text`, `text:200`, `number:0..100`, `integer:1..7` or `choice:yes,no`
    #[arg(long, value_name = "TYPE", default_value = "text")]
    answer: String,
    /// The model that answers for all of them: one of the run, or one of --endpoint
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Ask the model of --model at this address, such as <http://127.0.0.1:8000/v1>; may be repeated
    #[arg(long, value_name = "URL", requires = "model")]
    endpoint: Vec<String>,
    /// Change what may be spent or how servers are called, such as `budget.usd_max=5`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Compute threads; 0 takes one per core [default: 0]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    threads: Option<String>,
    /// Write one object with all answers
    #[arg(long)]
    json: bool,
}

/// Asks, and shows what was answered.
pub(super) fn run(
    arguments: &InterviewArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let last = run.rounds()?.last().copied().unwrap_or(0);
    if arguments.at > last {
        let path = run.path().display();
        let told =
            format!("--at {}: the run `{path}` has committed rounds 1 to {last}", arguments.at);
        return Err(Failure::Arguments(told));
    }
    let recorded = Recorded::open(&run, scenarios)?;
    let mut overrides = recorded.harmless(&arguments.set)?;
    overrides.extend(super::resume::execution(arguments.threads.as_deref(), None));
    let resolved = recorded.resolve(overrides, scenarios)?;
    // One world knows everyone.
    let plan = Plan { shards: 1, ..plan(resolved, run.manifest()?.run_id) };
    let asked = asked(arguments, &plan)?;
    let stop = StopFlag::default();
    interrupt::listen(stop.clone())?;
    let held = interview(&plan, &run, &asked, &stop, &mut Notes)?;
    if arguments.json {
        results.line(&object(&held).to_string());
    } else {
        results.lines(text(&held));
    }
    Ok(Exit::Done)
}

fn asked(arguments: &InterviewArguments, plan: &Plan) -> Result<Interview, Failure> {
    let wrong = |name: &str, problem: &dyn std::fmt::Display| {
        Failure::Arguments(format!("--{name}: {problem}"))
    };
    let agents = arguments.agents.parse().map_err(|error| wrong("agents", &error))?;
    let question = arguments.question.trim().to_owned();
    if question.is_empty() {
        return Err(wrong("question", &"it is empty"));
    }
    let answer = answer(&arguments.answer).ok_or_else(|| {
        let rule = "write text, text:200, number:0..100, integer:1..7 or choice:yes,no";
        wrong("answer", &format!("`{}` is no type of answer; {rule}", arguments.answer))
    })?;
    answer.check().map_err(|error| wrong("answer", &error))?;
    let model = model(arguments, plan)?;
    let answer = (answer, arguments.answer.clone());
    Ok(Interview { at: arguments.at, agents, question, answer, model })
}

fn answer(text: &str) -> Option<AnswerSpec> {
    let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
    let ends = || rest?.split_once("..");
    match kind.trim() {
        "text" => {
            let length_max = rest.map_or(Some(TEXT_CHARS), |chars| chars.trim().parse().ok())?;
            Some(AnswerSpec::Text { length_max })
        }
        "number" => {
            let (min, max) = ends()?;
            let (min, max) = (min.trim().parse().ok()?, max.trim().parse().ok()?);
            Some(AnswerSpec::Number { min, max, decimals: DECIMALS })
        }
        "integer" => {
            let (min, max) = ends()?;
            Some(AnswerSpec::Integer {
                min: min.trim().parse().ok()?,
                max: max.trim().parse().ok()?,
            })
        }
        "choice" => {
            let options = rest?.split(',').map(|option| option.trim().to_owned()).collect();
            Some(AnswerSpec::Choice { options })
        }
        _ => None,
    }
}

/// The model of `--model`: at the addresses that were given, or one of the run's.
fn model(arguments: &InterviewArguments, plan: &Plan) -> Result<Option<ModelConfig>, Failure> {
    let Some(name) = &arguments.model else { return Ok(None) };
    if !arguments.endpoint.is_empty() {
        let endpoint = |url: &String| EndpointConfig::at(url);
        let endpoints = arguments.endpoint.iter().map(endpoint).collect();
        let (name, model) = (name.clone(), name.clone());
        return Ok(Some(ModelConfig { name, model, endpoints, ..ModelConfig::default() }));
    }
    let live = plan.config.models.iter().filter(|model| model.replayed().is_none());
    let words = live.filter_map(|model| model.words());
    let known: Vec<&ModelConfig> = words.collect();
    let found = known.iter().find(|model| model.name == *name);
    found.map(|model| Some((*model).clone())).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|model| model.name.as_str()).collect();
        let told = match names[..] {
            [] => {
                "no model of the run answers in words; give its address with --endpoint".to_owned()
            }
            _ => format!("the models of the run that answer in words are {}", names.join(", ")),
        };
        Failure::Arguments(format!("--model {name}: {told}"))
    })
}

fn object(held: &Interviewed) -> serde_json::Value {
    let table = &held.table;
    let cell = |row: usize, name: &str| {
        table
            .column(name)
            .map_or(serde_json::Value::Null, |column| Cell::of_run(column, row).json())
    };
    let names =
        ["agent", "model", "status", "answer", "number", "prompt_tokens", "completion_tokens"];
    let row = |row| -> serde_json::Map<String, serde_json::Value> {
        names.iter().map(|name| ((*name).to_owned(), cell(row, name))).collect()
    };
    json!({
        "schema": SCHEMA,
        "kind": "interview",
        "record": held.record,
        "asked_before": held.again,
        "answers": (0..table.rows()).map(row).collect::<Vec<_>>(),
    })
}

fn text(held: &Interviewed) -> Vec<String> {
    let Interviewed { record, table, again } = held;
    let failed: u64 = record.failed.values().sum();
    let mut lines = vec![format!(
        "{} agents answered and {} failed, after round {}{}",
        grouped(record.answered),
        grouped(failed),
        record.round,
        if *again { "; they had been asked before, and nobody was asked now" } else { "" },
    )];
    let text = |row: usize, name: &str| {
        table.column(name).and_then(|c| c.values.text(row)).unwrap_or_default()
    };
    let answered: Vec<usize> =
        (0..table.rows()).filter(|&row| text(row, "status") == "answered").collect();
    let numbers: Vec<f64> = answered
        .iter()
        .filter_map(|&row| {
            let column = table.column("number")?;
            column.is_valid(row).then(|| column.values.number(row))?
        })
        .collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    answered.iter().for_each(|&row| *counts.entry(text(row, "answer")).or_default() += 1);
    if !numbers.is_empty() {
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        lines.push(format!("mean {}", significant(mean)));
    } else if record.answer.starts_with("choice") {
        lines.extend(counts.iter().map(|(answer, count)| format!("{} {answer}", grouped(*count))));
    } else {
        let shown = answered.iter().take(SHOWN_MAX);
        let agent =
            |row: usize| table.column("agent").and_then(|c| c.values.integer(row)).unwrap_or(0);
        lines.extend(
            shown.map(|&row| format!("agent {}: {}", agent(row), harmless(text(row, "answer")))),
        );
    }
    lines.push(format!("{} in the run's directory", record.file.path));
    lines
}

/// Tells what the user should know; an interview has no rounds.
struct Notes;

impl Watch for Notes {
    fn started(&mut self, _: &RunHead) {}
    fn notice(&mut self, text: &str) {
        note(text);
    }
    fn round(&mut self, _: &RoundReport) {}
    fn finished(&mut self, _: &RunEnd) {}
}
