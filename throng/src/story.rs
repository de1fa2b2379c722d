//! The story of one agent, from the files of a run alone.

use throng_data::{AGENT, AGENTS, Error, PEOPLE, Projection, ROUND, RunDir, Table};

use crate::figures::Cell;

/// The named values of a row, without the agent and the round.
pub(crate) type Cells = Vec<(String, Cell)>;

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
    /// Its rows in every further table, such as its calls, by the table's name.
    pub(crate) tables: Vec<(String, Vec<Cells>)>,
}

impl Story {
    /// Reads only the rows of the agent; `None` where the run has no such agent.
    ///
    /// # Errors
    /// What cannot be read, and where no population is committed.
    pub(crate) fn read(run: &RunDir, agent: i64) -> Result<Option<Self>, Error> {
        let people = run.read_agent(PEOPLE, 0, agent, Projection::All)?;
        let Some(person) = rows(&people).pop() else { return Ok(None) };
        let schemas = run.schemas()?;
        let about_agents = schemas.iter().filter(|schema| schema.column(AGENT).is_some());
        let names: Vec<&str> = about_agents.map(|schema| schema.name.as_str()).collect();
        let rounds = run.rounds()?.into_iter().filter(|&round| round > 0);
        let chapters = rounds.map(|round| Chapter::read(run, round, agent, &names));
        Ok(Some(Self { person, rounds: chapters.collect::<Result<_, _>>()? }))
    }
}

impl Chapter {
    fn read(run: &RunDir, round: u32, agent: i64, names: &[&str]) -> Result<Self, Error> {
        let mut chapter = Self { round, recorded: None, tables: Vec::new() };
        for &name in names.iter().filter(|&&name| name != PEOPLE) {
            let mut rows = rows(&run.read_agent(name, round, agent, Projection::All)?);
            if name == AGENTS {
                chapter.recorded = rows.pop();
            } else if !rows.is_empty() {
                chapter.tables.push((name.to_owned(), rows));
            }
        }
        Ok(chapter)
    }
}

fn rows(table: &Table) -> Vec<Cells> {
    let columns = || table.columns().iter().filter(|c| c.name != AGENT && c.name != ROUND);
    let row =
        |row| columns().map(|column| (column.name.clone(), Cell::of_run(column, row))).collect();
    (0..table.rows()).map(row).collect()
}
