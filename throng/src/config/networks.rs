//! The networks of a scenario: files of ties are read, and what does not fit the people is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use throng_data::{Imported, import_table, sha256_file};
use throng_systems::Prepared;
use throng_systems::engine::{AgentId, Simulation};
use throng_systems::network::{Graph, TieLists};
use toml::Value;

use super::diagnostic::Place;
use super::suggest;
use super::typed::Findings;

/// Reads the ties of every network that names a file, for a population of so many agents. The resolved settings
/// name the file from the root and with its digest, so that they mean the same anywhere and always.
pub(super) fn read_files(
    findings: &mut Findings<'_>,
    prepared: &mut Prepared,
    base: &Path,
    agents: u64,
) {
    let mut lists = TieLists::default();
    for (key, graph) in prepared.networks.clone() {
        let Graph::Edges { file, from, to, sha256, .. } = graph else { continue };
        let at = format!("scenario.{key}");
        let path = absolute(findings, &at, &file, base);
        let Some(table) = read(findings, &at, &path, sha256.as_deref()) else { continue };
        let (digest, table) = table;
        if let Some(ties) = ties(findings, &at, &table, [&from, &to], agents) {
            lists.0.insert(file, Arc::new(ties));
        }
        if let Some(Value::Table(own)) = prepared.resolved.get_mut(key) {
            own.insert("file".to_owned(), path.display().to_string().into());
            own.insert("sha256".to_owned(), digest.into());
        }
    }
    if lists.0.is_empty() {
        return;
    }
    let settings = std::mem::replace(&mut prepared.insert, Box::new(|_| ()));
    prepared.insert = Box::new(move |sim: &mut Simulation| {
        settings(sim);
        sim.insert_resource(lists.clone());
    });
}

/// Notes every network that joins people by an attribute that these do not have.
pub(super) fn check_attributes(findings: &mut Findings<'_>, prepared: &Prepared, known: &[String]) {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for (key, graph) in &prepared.networks {
        if let Graph::Blocks { by: Some(by), .. } = graph
            && !known.contains(&by.as_str())
        {
            let message = format!("nothing groups the agents of this run by `{by}`");
            findings.value(&format!("scenario.{key}.by"), message, suggest::hint(by, &known));
        }
    }
}

/// What a file holds, and the digest of the file.
type Read = (String, Imported);

fn absolute(findings: &Findings<'_>, at: &str, file: &str, base: &Path) -> PathBuf {
    let path = match findings.document.value_place(&format!("{at}.file")) {
        // What was typed counts from where it was typed.
        Place::Argument(_) => PathBuf::from(file),
        Place::Span(_) | Place::Nowhere => base.join(file),
    };
    std::path::absolute(&path).unwrap_or(path)
}

fn read(
    findings: &mut Findings<'_>,
    at: &str,
    path: &Path,
    expected: Option<&str>,
) -> Option<Read> {
    let hint = "name a .csv or .parquet file with a column for each end of a tie";
    let read = sha256_file(path).and_then(|(digest, _)| Ok((digest, import_table(path)?)));
    match read {
        Err(error) => {
            findings.value(&format!("{at}.file"), error.to_string(), hint);
            None
        }
        Ok((digest, _)) if expected.is_some_and(|expected| expected != digest) => {
            let hint = "take `sha256` out to play with the ties as they are now";
            findings.value(&format!("{at}.sha256"), "the file has changed since", hint);
            None
        }
        Ok(read) => Some(read),
    }
}

/// The ties of a table; the first that cannot be is noted with its row.
fn ties(
    findings: &mut Findings<'_>,
    at: &str,
    table: &Imported,
    columns: [&str; 2],
    agents: u64,
) -> Option<Vec<(AgentId, AgentId)>> {
    let names: Vec<&str> = table.names.iter().map(String::as_str).collect();
    for (key, column) in ["from", "to"].into_iter().zip(columns) {
        if !names.contains(&column) {
            let message = format!("the file has no column `{column}`");
            findings.value(&format!("{at}.{key}"), message, suggest::hint(column, &names));
            return None;
        }
    }
    let ends = columns.map(|column| table.column(column).map(throng_data::Text::iter));
    let [Some(from), Some(to)] = ends else { return None };
    let mut ties = Vec::with_capacity(table.rows);
    for (row, (one, other)) in from.zip(to).enumerate() {
        match tie(one, other, agents) {
            Ok(tie) => ties.push(tie),
            Err((problem, hint)) => {
                let message = format!("row {} of the ties: {problem}", row + 1);
                findings.value(&format!("{at}.file"), message, hint);
                return None;
            }
        }
    }
    Some(ties)
}

fn tie(one: &str, other: &str, agents: u64) -> Result<(AgentId, AgentId), (String, String)> {
    let read = |text: &str| {
        let agent = text.trim().parse::<u32>().ok().filter(|id| u64::from(*id) < agents);
        agent.map(AgentId).ok_or_else(|| {
            let hint = format!("agents are numbered from 0 to {}", agents - 1);
            (format!("`{text}` is none of the {agents} agents"), hint)
        })
    };
    let (one, other) = (read(one)?, read(other)?);
    if one == other {
        let hint = "take the row out of the file".to_owned();
        return Err((format!("agent {one} cannot be its own contact"), hint));
    }
    Ok((one, other))
}
