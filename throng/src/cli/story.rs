//! `throng story`: one agent's rounds, from the files of a run alone.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, Value, json};
use throng_data::PromptMessage;

use super::exit::Exit;
use super::failure::Failure;
use super::output::Results;
use super::runs::RunArgument;
use crate::figures::{Cell, significant};
use crate::story::{Cells, Chapter, Rows, Story, prompt_hash};
use crate::watch::SCHEMA;

/// How the names of columns end that hold digests, which say nothing to a reader.
const DIGEST_SUFFIX: &str = "_hash";

/// Arguments of `throng story`.
#[derive(Args, Debug)]
pub(super) struct StoryArguments {
    #[command(flatten)]
    run: RunArgument,
    /// The agent's number
    #[arg(long, value_name = "ID")]
    agent: u64,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Tells what the run has recorded of an agent.
pub(super) fn run(arguments: &StoryArguments, results: &Results) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let agent = arguments.agent;
    let found = match i64::try_from(agent) {
        Ok(id) => Story::read(&run, id)?,
        Err(_) => None,
    };
    let Some(story) = found else {
        let agents = run.manifest()?.origin.agents;
        let path = run.path().display();
        let told =
            format!("the run `{path}` has {agents} agents, numbered from 0, and no agent {agent}");
        return Err(Failure::Arguments(told));
    };
    if arguments.json {
        results.line(&object(agent, &story).to_string());
    } else {
        results.lines(text(agent, &story));
    }
    Ok(Exit::Done)
}

fn object(agent: u64, story: &Story) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": "story",
        "agent": agent,
        "person": cells_object(&story.person),
        "rounds": story.rounds.iter().map(chapter_object).collect::<Vec<_>>(),
    })
}

fn chapter_object(chapter: &Chapter) -> Value {
    let rows = |rows: &Vec<Cells>| Value::Array(rows.iter().map(cells_object).collect());
    let tables = |of: &[Rows]| -> Map<_, _> {
        of.iter().map(|(name, of)| (name.clone(), rows(of))).collect()
    };
    let message = |message: &PromptMessage| json!({ "role": message.role, "text": message.text });
    let prompt = |(hash, of): (&String, &Vec<PromptMessage>)| {
        (hash.clone(), Value::Array(of.iter().map(message).collect()))
    };
    json!({
        "round": chapter.round,
        "recorded": chapter.recorded.as_ref().map(cells_object),
        "tables": tables(&chapter.tables),
        "sent": tables(&chapter.sent),
        "prompts": chapter.prompts.iter().map(prompt).collect::<Map<_, _>>(),
    })
}

fn cells_object(cells: &Cells) -> Value {
    Value::Object(cells.iter().map(|(name, cell)| (name.clone(), cell.json())).collect())
}

fn text(agent: u64, story: &Story) -> Vec<String> {
    let mut lines = vec![format!("agent {agent}")];
    lines.extend(cells_text(&story.person, "  "));
    let mut told = BTreeMap::new();
    for chapter in &story.rounds {
        lines.push(format!("round {}", chapter.round));
        lines.extend(chapter.recorded.iter().flat_map(|cells| cells_text(cells, "  ")));
        for (name, rows) in &chapter.tables {
            lines.extend(rows_text(name, rows, |call| prompt_text(chapter, call, &mut told)));
        }
        for (name, rows) in &chapter.sent {
            lines.extend(rows_text(&format!("{name} sent"), rows, |_| Vec::new()));
        }
    }
    lines
}

/// The rows of a table, each after the lines that go before it.
fn rows_text(
    name: &str,
    rows: &[Cells],
    mut before: impl FnMut(&Cells) -> Vec<String>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (row, cells) in (1..).zip(rows) {
        lines.push(format!("  {name}, {row} of {}", rows.len()));
        lines.extend(before(cells));
        lines.extend(cells_text(cells, "    "));
    }
    lines
}

/// What the agent was asked with in a call, message by message; what is the same as in the call before is said in a word.
fn prompt_text<'a>(
    chapter: &'a Chapter,
    call: &Cells,
    told: &mut BTreeMap<usize, &'a PromptMessage>,
) -> Vec<String> {
    let messages = prompt_hash(call).and_then(|hash| chapter.prompts.get(hash));
    let mut cells = Vec::new();
    for (place, message) in messages.into_iter().flatten().enumerate() {
        let before = told.insert(place, message);
        let text = if before == Some(message) { "(as before)" } else { message.text.as_str() };
        cells.push((format!("asked, {}", message.role), Cell::Text(text.to_owned())));
    }
    cells_text(&cells, "    ")
}

/// A line per value; missing ones and digests are left out, and texts of several lines keep them.
fn cells_text(cells: &Cells, indent: &str) -> Vec<String> {
    let shown: Vec<_> = cells
        .iter()
        .filter(|(name, cell)| *cell != Cell::Missing && !name.ends_with(DIGEST_SUFFIX))
        .collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, cell): &(String, Cell)| {
        let value = words(cell);
        let mut parts = value.lines();
        let first = format!("{indent}{name:<width$}  {}", parts.next().unwrap_or_default());
        let rest = parts.map(|part| format!("{indent}{:<width$}  {part}", ""));
        std::iter::once(first.trim_end().to_owned()).chain(rest.collect::<Vec<_>>())
    };
    shown.into_iter().flat_map(line).collect()
}

fn words(cell: &Cell) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Whole(whole) => whole.to_string(),
        Cell::Number(number) => significant(*number),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Text(text) => harmless(text),
    }
}

/// A model's words must not steer the reader's terminal: control characters are spelled out.
pub(super) fn harmless(text: &str) -> String {
    let spelled = |letter: char| match letter {
        '\n' => "\n".to_owned(),
        letter if letter.is_control() => letter.escape_default().to_string(),
        letter => letter.to_string(),
    };
    text.chars().map(spelled).collect()
}
