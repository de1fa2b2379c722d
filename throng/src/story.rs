//! The story of one agent, from the files of a run alone.

use std::collections::BTreeMap;
use std::thread;

use throng_data::{
    AGENT, AGENTS, CALLS, Error, PEOPLE, PROMPT_HASH, Projection, PromptMessage, ROUND, RunDir,
    Table, TableSchema, find_prompt,
};

use crate::figures::Cell;

/// The column of a table that says who sent what its agent received.
const SENDER: &str = "from";

/// What the agent of a row is called where the story is its sender's.
const RECIPIENT: &str = "to";

/// The named values of a row, without the agent and the round.
pub(crate) type Cells = Vec<(String, Cell)>;

/// Rows of a table, by its name.
pub(crate) type Rows = (String, Vec<Cells>);

/// What a run has recorded of an agent.
#[derive(Debug)]
pub(crate) struct Story {
    /// Who it is.
    pub(crate) person: Cells,
    /// Its committed rounds, from 1.
    pub(crate) rounds: Vec<Chapter>,
}

/// A round of an agent.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// The round.
    pub(crate) round: u32,
    /// Its recorded state; `None` where the run keeps none.
    pub(crate) recorded: Option<Cells>,
    /// Its rows in every further table, such as its calls and the letters it received, by the table's name.
    pub(crate) tables: Vec<Rows>,
    /// What it sent, by the table's name.
    pub(crate) sent: Vec<Rows>,
    /// The texts that it was asked with, by their digests; those that the run has kept.
    pub(crate) prompts: BTreeMap<String, Vec<PromptMessage>>,
}

/// The tables in which an agent may have rows.
struct Tables {
    /// By agent.
    own: Vec<String>,
    /// By sender.
    sent: Vec<String>,
}

impl Story {
    /// Reads only the rows of the agent; `None` where the run has no such agent.
    ///
    /// # Errors
    /// What cannot be read, and where no population is committed.
    pub(crate) fn read(run: &RunDir, agent: i64) -> Result<Option<Self>, Error> {
        let people = run.read_agent(PEOPLE, 0, agent, Projection::All)?;
        let Some(person) = rows(&people, &[]).pop() else { return Ok(None) };
        let schemas = run.schemas()?;
        let named = |column: &'static str| {
            let has = move |schema: &&TableSchema| schema.column(column).is_some();
            schemas.iter().filter(has).map(|schema| schema.name.clone())
        };
        let own = named(AGENT).filter(|name| name != PEOPLE).collect();
        let tables = Tables { own, sent: named(SENDER).collect() };
        let rounds: Vec<u32> = run.rounds()?.into_iter().filter(|&round| round > 0).collect();
        Ok(Some(Self { person, rounds: chapters(run, &rounds, agent, &tables)? }))
    }
}

/// The rounds, a part of them on each processor: most of the time goes into opening files.
fn chapters(
    run: &RunDir,
    rounds: &[u32],
    agent: i64,
    tables: &Tables,
) -> Result<Vec<Chapter>, Error> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = rounds.len().div_ceil(threads).max(1);
    let read = |part: &[u32]| -> Result<Vec<Chapter>, Error> {
        part.iter().map(|&round| Chapter::read(run, round, agent, tables)).collect()
    };
    thread::scope(|scope| {
        let parts: Vec<_> =
            rounds.chunks(part).map(|part| scope.spawn(move || read(part))).collect();
        let joined = |part: thread::ScopedJoinHandle<'_, _>| part.join().expect("reading ends");
        let parts: Result<Vec<Vec<_>>, _> = parts.into_iter().map(joined).collect();
        Ok(parts?.into_iter().flatten().collect())
    })
}

impl Chapter {
    fn read(run: &RunDir, round: u32, agent: i64, tables: &Tables) -> Result<Self, Error> {
        let (recorded, prompts) = (None, BTreeMap::new());
        let mut chapter = Self { round, recorded, tables: Vec::new(), sent: Vec::new(), prompts };
        for name in &tables.own {
            let mut rows = rows(&run.read_agent(name, round, agent, Projection::All)?, &[]);
            if name == AGENTS {
                chapter.recorded = rows.pop();
            } else if !rows.is_empty() {
                chapter.tables.push((name.clone(), rows));
            }
        }
        for name in &tables.sent {
            let found = run.read_naming(name, round, (SENDER, agent), Projection::All)?;
            if found.rows() > 0 {
                chapter.sent.push((name.clone(), rows(&found, &[(AGENT, RECIPIENT)])));
            }
        }
        chapter.read_prompts(run)?;
        Ok(chapter)
    }

    /// Reads the texts that the agent's calls name.
    fn read_prompts(&mut self, run: &RunDir) -> Result<(), Error> {
        for (_, rows) in self.tables.iter().filter(|(name, _)| name == CALLS) {
            for hash in rows.iter().filter_map(prompt_hash) {
                if !self.prompts.contains_key(hash)
                    && let Some(messages) = find_prompt(run, self.round, hash)?
                {
                    self.prompts.insert(hash.to_owned(), messages);
                }
            }
        }
        Ok(())
    }
}

/// The digest of the prompt that a row of `calls` names.
pub(crate) fn prompt_hash(call: &Cells) -> Option<&str> {
    call.iter().find_map(|(name, cell)| match cell {
        Cell::Text(hash) if name == PROMPT_HASH => Some(hash.as_str()),
        _ => None,
    })
}

/// The rows of a table without the round, and without the agent unless it is called otherwise here. The sender of
/// what is called otherwise is known.
fn rows(table: &Table, called: &[(&str, &str)]) -> Vec<Cells> {
    let name = |name: &str| match called.iter().find(|(from, _)| *from == name) {
        Some((_, to)) => Some((*to).to_owned()),
        None if name == AGENT || name == ROUND => None,
        None if name == SENDER && !called.is_empty() => None,
        None => Some(name.to_owned()),
    };
    let row = |row| {
        let columns = table.columns().iter();
        columns.filter_map(|c| Some((name(&c.name)?, Cell::of_run(c, row)))).collect()
    };
    (0..table.rows()).map(row).collect()
}
