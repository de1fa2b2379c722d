//! The table of people: which model answers for each agent, and who it is.

use throng_data::{Column, Table, Values};
use throng_systems::engine::AgentRange;
use throng_systems::{Cast, People};

use super::PlayError;
use super::columns::agent_column;

/// A row for each agent of the range, in agent order, with the columns that only the run's own population has.
pub(super) fn table(
    range: AgentRange,
    cast: &Cast,
    people: &People,
    own: Vec<Column>,
) -> Result<Table, PlayError> {
    let mut columns = vec![agent_column(range), models(cast, people)];
    if !cast.backgrounds.is_empty() {
        columns.extend(backgrounds(cast, people));
    }
    columns.extend(own);
    Ok(Table::new("people", columns)?)
}

fn models(cast: &Cast, people: &People) -> Column {
    let names = cast.models.iter().map(|(name, _)| name.clone()).collect();
    let codes = people.models.iter().map(|model| model.0).collect();
    let doc = "Name of the model that answers for the agent.";
    Column::new("model", doc, Values::Category16 { codes, names })
}

fn backgrounds(cast: &Cast, people: &People) -> [Column; 2] {
    let codes: Vec<u16> = people.backgrounds.iter().map(|place| place.0 as u16).collect();
    let column = |name: &str, doc: &str, names: Vec<String>| {
        Column::new(name, doc, Values::Category16 { codes: codes.clone(), names })
    };
    let names = cast.backgrounds.iter().map(|(name, _, _)| name.clone()).collect();
    let texts = cast.backgrounds.iter().map(|(_, text, _)| text.clone()).collect();
    [
        column("background_name", "Short name of the agent's background.", names),
        column("background", "Who the agent is, in words.", texts),
    ]
}
