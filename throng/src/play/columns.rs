//! From the engine's tables to the tables of the run directory; values move, they are not copied.

use throng_data::{Column, Table, Text, Values};
use throng_systems::engine::{AgentRange, record};

use super::PlayError;
use super::events::EVENTS;
use super::worlds::Played;

/// The tables of a round for the agents of `range`: a row for each of them and what else the scenario keeps; where
/// `leads`, also a row for each group, and for each exchange where rounds have several.
pub(super) fn round_tables(
    round: u32,
    agents: u64,
    (range, leads): (AgentRange, bool),
    played: Played,
) -> Result<Vec<Table>, PlayError> {
    let mut columns = vec![agent_column(range), round_column(round, range.len())];
    columns.extend(played.agents.columns.into_iter().map(column));
    let mut tables = vec![Table::new("agents", columns)?];
    if leads {
        let mut reductions = vec![round_column(round, played.summary.rows())];
        reductions.extend(played.summary.columns.into_iter().map(column));
        tables.push(Table::new("rounds", reductions)?);
    }
    // Whom an intervention is about is told by the process of each agent, and what it is by one.
    tables.extend(played.events.into_iter().filter(|table| leads || table.name() != EVENTS));
    for (name, kept) in played.tables {
        tables.push(Table::new(name, kept.columns.into_iter().map(column).collect())?);
    }
    if leads {
        tables.extend(played.accounts.table(round, agents)?);
    }
    Ok(tables)
}

/// The numbers of agents, in order.
pub(super) fn agent_column(range: AgentRange) -> Column {
    let doc = "Number of the agent, dense from 0.";
    let (first, rows) = (range.start as i64, range.len());
    Column::new("agent", doc, Values::I64Sequence { first, rows })
}

pub(super) fn round_column(round: u32, rows: usize) -> Column {
    let values = Values::I32Repeat { value: round as i32, rows };
    Column::new("round", "Number of the round, from 1.", values)
}

pub(super) fn column(column: record::Column) -> Column {
    let record::Column { spec, values, valid } = column;
    let column = Column::new(spec.name, spec.doc, convert(spec.kind, values));
    match valid {
        Some(valid) => column.with_valid(valid),
        None => column,
    }
}

fn convert(kind: record::ColumnKind, values: record::Values) -> Values {
    match (kind, values) {
        (record::ColumnKind::Category(labels), record::Values::Category(codes)) => {
            Values::Category {
                codes,
                names: labels.iter().map(|&label| label.to_owned()).collect(),
            }
        }
        (_, record::Values::Category(_)) => unreachable!("a category column has labels"),
        (_, record::Values::I32(values)) => Values::I32(values),
        (_, record::Values::I64(values)) => Values::I64(values),
        (_, record::Values::F32(values)) => Values::F32(values),
        (_, record::Values::F64(values)) => Values::F64(values),
        (_, record::Values::Bool(values)) => Values::Bool(values),
        (_, record::Values::Text(texts)) => Values::Text(text(&texts)),
    }
}

fn text(texts: &[String]) -> Text {
    let bytes = texts.iter().map(String::len).sum();
    let mut joined = Text::with_capacity(texts.len(), bytes);
    texts.iter().for_each(|text| joined.push(text));
    joined
}
