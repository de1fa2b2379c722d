//! `throng diff`: where two runs part, who differs there, and what it changes on average.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, table};
use super::runs::FolderArgument;
use crate::diff::{
    AGENTS_NAMED_MAX, AgentsDiffer, Difference, Figure, OriginDiffers, Paired, RoundDiffers,
    compare,
};
use crate::figures::{grouped, is_bin, significant};
use crate::watch::SCHEMA;

/// What is said of a number that is missing.
const MISSING: &str = "-";

/// Arguments of `throng diff`.
#[derive(Args, Debug)]
pub(super) struct DiffArguments {
    /// A run's directory, or its name in the folder of runs
    a: PathBuf,
    /// The run to compare it with; differences are B minus A
    b: PathBuf,
    #[command(flatten)]
    folder: FolderArgument,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Compares two runs; fails where their rounds or states differ.
pub(super) fn run(arguments: &DiffArguments, results: &Results) -> Result<Exit, Failure> {
    let [a, b] = [arguments.folder.open(&arguments.a)?, arguments.folder.open(&arguments.b)?];
    let difference = compare(&a, &b)?;
    if arguments.json {
        let mut object = object(&difference);
        object["runs"] = json!([a.path(), b.path()]);
        results.line(&object.to_string());
    } else {
        results.lines(text(&difference));
    }
    Ok(if difference.is_none() { Exit::Done } else { Exit::Failed })
}

fn object(difference: &Difference) -> Value {
    let origin = difference.origin.iter();
    let first = difference.first.as_ref().map(
        |first| json!({ "round": first.round, "agents": first.agents.as_ref().map(agents_object) }),
    );
    json!({
        "schema": SCHEMA,
        "kind": "diff",
        "equal": difference.is_none(),
        "manifest": origin.map(|o| json!({ "field": o.field, "values": o.values })).collect::<Vec<_>>(),
        "rounds_shared": difference.rounds_shared,
        "rounds_only": difference.only,
        "first": first,
        "rounds": difference.rounds.iter().map(round_object).collect::<Vec<_>>(),
    })
}

fn agents_object(agents: &AgentsDiffer) -> Value {
    let named = agents.named.iter();
    let columns = agents.columns.iter();
    json!({
        "differ": agents.count,
        "first": named.map(|(id, columns)| json!({ "agent": id, "columns": columns })).collect::<Vec<_>>(),
        "columns": columns.map(|(name, n)| json!({ "column": name, "agents": n })).collect::<Vec<_>>(),
        "agents_only": agents.agents_only,
        "columns_only": agents.columns_only,
    })
}

fn round_object(round: &RoundDiffers) -> Value {
    let figure = |figure: &Figure| {
        json!({
            "group": figure.group,
            "column": figure.column,
            "values": figure.values,
            "difference": figure.difference(),
        })
    };
    let answer = |paired: &Paired| {
        json!({
            "column": paired.column,
            "pairs": paired.pairs,
            "mean_difference": paired.mean,
            "standard_error": paired.standard_error,
        })
    };
    json!({
        "round": round.round,
        "figures": round.figures.iter().map(figure).collect::<Vec<_>>(),
        "answer": round.answer.as_ref().map(answer),
    })
}

fn text(difference: &Difference) -> Vec<String> {
    let mut lines = Vec::new();
    if !difference.origin.is_empty() {
        let field =
            |o: &OriginDiffers| vec![o.field.clone(), plain(&o.values[0]), plain(&o.values[1])];
        lines.extend(titled(["manifest", "A", "B"], difference.origin.iter().map(field)));
    }
    for (name, only) in ["A", "B"].iter().zip(&difference.only) {
        if let (Some(first), Some(last)) = (only.first(), only.last()) {
            lines.push(format!("only {name} has rounds {first} to {last}"));
        }
    }
    if let Some(first) = &difference.first {
        lines.push(format!("the first round that differs is {}", first.round));
        lines.extend(agents_text(first.agents.as_ref()));
    }
    lines.extend(rounds_text(&difference.rounds));
    let shared = grouped(difference.rounds_shared);
    lines.push(if difference.is_none() {
        format!("the runs are equal: {shared} committed rounds have the same states")
    } else {
        "the runs differ".to_owned()
    });
    lines
}

fn agents_text(agents: Option<&AgentsDiffer>) -> Vec<String> {
    let Some(agents) = agents else { return vec!["a run has not recorded its agents".to_owned()] };
    let mut lines =
        vec![format!("{} agents differ there in what is recorded", grouped(agents.count))];
    let column = |(name, count): &(String, u64)| vec![name.clone(), grouped(*count)];
    if !agents.columns.is_empty() {
        lines.extend(titled(["column", "agents"], agents.columns.iter().map(column)));
        let named = |(id, columns): &(i64, Vec<String>)| vec![id.to_string(), columns.join(", ")];
        lines.extend(titled(["agent", "differs in"], agents.named.iter().map(named)));
    }
    if agents.count > AGENTS_NAMED_MAX as u64 {
        lines.push(format!("and {} more agents", grouped(agents.count - AGENTS_NAMED_MAX as u64)));
    }
    for (side, name) in ["A", "B"].iter().enumerate() {
        if agents.agents_only[side] > 0 {
            lines.push(format!(
                "only {name} has {} of the agents",
                grouped(agents.agents_only[side])
            ));
        }
        if !agents.columns_only[side].is_empty() {
            lines.push(format!("only {name} records {}", agents.columns_only[side].join(", ")));
        }
    }
    lines
}

fn rounds_text(rounds: &[RoundDiffers]) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(|| MISSING.to_owned(), significant);
    let mut figures = Vec::new();
    let mut answers = Vec::new();
    for round in rounds {
        let differs =
            |figure: &&Figure| figure.values[0] != figure.values[1] && !is_bin(&figure.column);
        figures.extend(round.figures.iter().filter(differs).map(|figure| {
            let [a, b] = figure.values.map(number);
            let names = [round.round.to_string(), figure.group.clone(), figure.column.clone()];
            [names.to_vec(), vec![a, b, number(figure.difference())]].concat()
        }));
        answers.extend(round.answer.iter().map(|paired| {
            let (mean, error) = (number(paired.mean), number(paired.standard_error));
            vec![round.round.to_string(), paired.column.clone(), grouped(paired.pairs), mean, error]
        }));
    }
    let mut lines = Vec::new();
    if !figures.is_empty() {
        lines.extend(titled(["round", "group", "figure", "A", "B", "B - A"], figures.into_iter()));
    }
    if !answers.is_empty() {
        let header = ["round", "answer", "pairs", "mean of B - A", "standard error"];
        lines.extend(titled(header, answers.into_iter()));
    }
    lines
}

fn titled<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = Vec<String>>,
) -> Vec<String> {
    let header = header.map(str::to_owned).to_vec();
    table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => MISSING.to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
