//! The contents of rounds: agents in order, accounts that add up, reductions that follow.

use super::kept::{EXCHANGES, check_exchanges, check_rows};
use super::reductions::{attributes, check_reductions};
use super::{Check, Report, relative};
use crate::commit::CommitRecord;
use crate::layout::{AGENTS, CHANGES, DataFile, PEOPLE, ROUNDS, commit_path};
use crate::manifest::Manifest;
use crate::read::{Projection, read_files};
use crate::rules::{AGENT, ROUND, STATUS, accounts_of};
use crate::run_read::{RunDir, files_of};
use crate::schema::Schemas;
use crate::table::Table;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Tables with checks of their own.
const OWN: [&str; 3] = [AGENTS, PEOPLE, ROUNDS];

/// What is looked at in the rows of further tables.
const ROW_COLUMNS: [&str; 3] = [AGENT, "from", ROUND];

/// Looks into the files that are whole.
pub(super) fn check_rounds(
    run: &RunDir,
    manifest: &Manifest,
    records: &[CommitRecord],
    whole: &BTreeSet<String>,
    report: &mut Report,
) {
    let schemas = match run.schemas() {
        Ok(schemas) => schemas,
        Err(error) => {
            report.add(crate::layout::SCHEMA, Check::Decode, "the schemas", error);
            return;
        }
    };
    let reader = Reader { run, schemas: &schemas, whole };
    let mut people = records.first().and_then(|first| reader.read(first, PEOPLE, None, report));
    for record in records {
        let path = relative(run.path(), &commit_path(run.path(), record.round));
        if record.accounting.agents != manifest.origin.agents {
            let (expected, found) = (manifest.origin.agents, record.accounting.agents);
            report.add(&path, Check::Accounting, format!("{expected} agents"), found);
        }
        if let Some(people) = &mut people
            && !files_of(record, CHANGES).is_empty()
            && let Some(changes) = reader.read(record, CHANGES, None, report)
        {
            change_people(people, &changes, &file_name(record, CHANGES), report);
        }
        if record.round > 0 {
            check_round(&reader, manifest, record, people.as_ref(), report);
            check_further(&reader, record, report);
        } else if let Some(people) = &people {
            check_agents(&file_name(record, PEOPLE), people, record, report);
        }
    }
}

/// Gives agents the attributes that they have from this round on, by which `rounds` groups them.
fn change_people(people: &mut Table, changes: &Table, name: &str, report: &mut Report) {
    for row in 0..changes.rows() {
        let text = |column: &str| changes.column(column).and_then(|c| c.values.text(row));
        let agent = changes.column(AGENT).and_then(|column| column.values.integer(row));
        let agent = agent.and_then(|agent| usize::try_from(agent).ok());
        let row_read = agent.zip(text("attribute").zip(text("value")));
        let done = row_read.is_some_and(|(agent, (attribute, value))| {
            people.set_category(attribute, agent, value)
        });
        if !done {
            return report.add(name, Check::Decode, "attributes of agents", format!("row {row}"));
        }
    }
}

fn check_round(
    reader: &Reader<'_>,
    manifest: &Manifest,
    record: &CommitRecord,
    people: Option<&Table>,
    report: &mut Report,
) {
    let answer = manifest.origin.answer.as_ref();
    let mut columns = vec![AGENT, STATUS];
    columns.extend(answer.map(|answer| answer.column.as_str()));
    let rounds = reader.read(record, ROUNDS, None, report);
    let grouped_by = rounds.as_ref().map(attributes).unwrap_or_default();
    for name in &grouped_by {
        if reader.has(AGENTS, name) && !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let Some(agents) = reader.read(record, AGENTS, Some(&columns), report) else { return };
    let name = file_name(record, AGENTS);
    check_agents(&name, &agents, record, report);
    match accounts_of(&agents) {
        Err(error) => report.add(&name, Check::Accounting, "statuses with a meaning", error),
        Ok(counted) => {
            if let Some(difference) = counted.difference(&record.accounting) {
                report.add(&name, Check::Accounting, "the accounts on record", difference);
            }
        }
    }
    if let Some(rounds) = rounds {
        let name = file_name(record, ROUNDS);
        check_reductions(&name, &rounds, &agents, people, answer, report);
    }
}

/// The tables of a round that a scenario keeps besides.
fn check_further(reader: &Reader<'_>, record: &CommitRecord, report: &mut Report) {
    let tables = record.files.iter().filter_map(|file| Some(DataFile::parse(&file.path)?.table));
    let further: BTreeSet<String> = tables.filter(|table| !OWN.contains(&table.as_str())).collect();
    for table in further {
        let columns: Vec<&str> =
            ROW_COLUMNS.iter().copied().filter(|column| reader.has(&table, column)).collect();
        let columns = (table != EXCHANGES).then_some(columns.as_slice());
        if columns.is_some_and(<[_]>::is_empty) {
            continue;
        }
        let Some(rows) = reader.read(record, &table, columns, report) else { continue };
        let name = file_name(record, &table);
        if table == EXCHANGES {
            check_exchanges(&name, &rows, record, report);
        }
        check_rows(&name, &rows, record, report);
    }
}

/// Through all shards, ids begin with 0 and ascend by one.
fn check_agents(name: &str, table: &Table, record: &CommitRecord, report: &mut Report) {
    let Some(agents) = table.column(AGENT) else {
        report.add(name, Check::Agents, "a column of agents", "none");
        return;
    };
    let misplaced = (0_i64..)
        .zip(0..table.rows())
        .find(|&(expected, row)| agents.values.integer(row) != Some(expected));
    if let Some((expected, row)) = misplaced {
        let found = agents.values.integer(row);
        let found = found.map_or("no integer".to_owned(), |id| format!("agent {id}"));
        report.add(name, Check::Agents, format!("agent {expected} in row {row}"), found);
    }
    let (rows, expected) = (table.rows() as u64, record.accounting.agents);
    if rows != expected {
        report.add(name, Check::Agents, format!("{expected} agents"), rows);
    }
}

/// The name under which problems of a table in a round are reported: its first file.
fn file_name(record: &CommitRecord, table: &str) -> String {
    files_of(record, table).first().map_or_else(|| table.to_owned(), DataFile::path)
}

/// Reads tables of which every file is whole.
struct Reader<'a> {
    run: &'a RunDir,
    schemas: &'a Schemas,
    whole: &'a BTreeSet<String>,
}

impl Reader<'_> {
    /// Whether a table has a column.
    fn has(&self, table: &str, column: &str) -> bool {
        self.schemas.get(table).is_some_and(|schema| schema.column(column).is_some())
    }

    /// A table of a round; `None` where it cannot be read, which is in the report then.
    fn read(
        &self,
        record: &CommitRecord,
        table: &str,
        columns: Option<&[&str]>,
        report: &mut Report,
    ) -> Option<Table> {
        let files = files_of(record, table);
        if files.is_empty() {
            // `rounds` is the scenario's to leave out; agents are not.
            if table != ROUNDS && record.accounting.agents > 0 {
                let path = relative(self.run.path(), &commit_path(self.run.path(), record.round));
                report.add(path, Check::Listing, format!("a file of `{table}`"), "none");
            }
            return None;
        }
        // A file that is not whole has been reported; what it holds would only mislead.
        if !files.iter().all(|file| self.whole.contains(&file.path())) {
            return None;
        }
        let name = file_name(record, table);
        let Some(schema) = self.schemas.get(table) else {
            report.add(name, Check::Decode, "a schema in `schema.json`", "none");
            return None;
        };
        let paths: Vec<PathBuf> =
            files.iter().map(|file| self.run.path().join(file.path())).collect();
        let projection = columns.map_or(Projection::All, Projection::Columns);
        read_files(&paths, schema, None, projection)
            .inspect_err(|error| report.add(name, Check::Decode, "rows as in the schema", error))
            .ok()
    }
}
