//! Interventions as they happen: what each world is told at the beginning of a round, and what is recorded of it.

use std::sync::Arc;

use throng_data::{CHANGES, Column, Table, Text, Values};
use throng_systems::engine::{AgentId, AgentRange, Mesh, Simulation};
use throng_systems::{Announcement, Background, Cast, ModelRef, Prepared};

use super::PlayError;
use super::columns::round_column;
use crate::config::Change;
use crate::select::SelectError;

/// The table of interventions by round.
pub(super) const EVENTS: &str = "events";
/// The attributes of agents that interventions change.
const MODEL: &str = "model";
const BACKGROUND: &str = "background_name";

/// An intervention, with the agents that it is about.
#[derive(Debug)]
struct Planned {
    change: Change,
    /// Whose model or background changes among the agents of this process, ascending; empty where neither does.
    agents: Arc<Vec<u32>>,
    /// How many they are in the whole population.
    total: u64,
}

/// The agents of this process, and how it hears of the others.
pub(super) struct Present<'a> {
    /// The table of people, of the range alone.
    pub(super) people: &'a Table,
    pub(super) range: AgentRange,
    /// Agents of the whole population.
    pub(super) agents: u64,
    /// Joins the processes of the run.
    pub(super) desk: &'a Mesh,
}

/// All interventions of a run, in the order in which they happen.
#[derive(Debug, Default)]
pub(super) struct Interventions {
    planned: Vec<Planned>,
    models: Vec<String>,
    backgrounds: Vec<String>,
    agents: u64,
    /// Whether the round before announced something, which is over.
    announced: bool,
}

/// What a world is told at the beginning of a round.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// All settings as they are from now on.
    settings: Option<Arc<Prepared>>,
    announcement: Announcement,
    models: Vec<(Arc<Vec<u32>>, ModelRef)>,
    backgrounds: Vec<(Arc<Vec<u32>>, Background)>,
}

impl Interventions {
    /// Finds the agents of each intervention, in a run with this seed.
    ///
    /// # Errors
    /// When one of them is about nobody in any process, or when another process has ended.
    pub(super) fn new(
        changes: &[Change],
        cast: &Cast,
        present: &Present<'_>,
        seed: u64,
    ) -> Result<Self, PlayError> {
        let models: Vec<String> = cast.models.iter().map(|(name, _)| name.clone()).collect();
        let backgrounds = cast.backgrounds.iter().map(|(name, _, _)| name.clone()).collect();
        let Present { people, range, agents, desk } = present;
        let mut all =
            Self { planned: Vec::new(), models, backgrounds, agents: *agents, announced: false };
        let mut now = Now::of(people, range.start, changes.iter().any(Change::moves));
        for (draw, change) in (0..).zip(changes) {
            let found = if change.moves() {
                let draw = (seed, draw);
                let found =
                    change.agents.agents_within(*agents, *range, draw, |name| now.column(name));
                found.map_err(|error| refused(change, &error))?
            } else {
                Vec::new()
            };
            now.apply(change, &found, &all);
            all.planned.push(Planned { change: change.clone(), agents: Arc::new(found), total: 0 });
        }
        all.count(desk)?;
        Ok(all)
    }

    /// Counts the agents of each intervention in all processes.
    fn count(&mut self, desk: &Mesh) -> Result<(), PlayError> {
        if self.planned.is_empty() {
            return Ok(());
        }
        let own: Vec<u64> =
            self.planned.iter().map(|planned| planned.agents.len() as u64).collect();
        let lost = |_| PlayError::WorldLost;
        for part in desk.gather(own).map_err(lost)? {
            for (planned, more) in self.planned.iter_mut().zip(part) {
                planned.total += more;
            }
        }
        let empty = |planned: &&Planned| planned.change.moves() && planned.total == 0;
        match self.planned.iter().find(empty) {
            Some(planned) => Err(refused(&planned.change, &SelectError::nobody())),
            None => Ok(()),
        }
    }

    /// What happens at the beginning of a round; nothing in most of them.
    pub(super) fn effect(&mut self, round: u32) -> Option<Effect> {
        let of_round = || self.planned.iter().filter(|planned| planned.change.round == round);
        let mut effect = Effect::default();
        for Planned { change, agents, .. } in of_round() {
            if let Some((prepared, _)) = &change.settings {
                effect.settings = Some(Arc::clone(prepared));
            }
            effect.models.extend(change.model.map(|model| (Arc::clone(agents), model)));
            let background = change.background.map(|place| (Arc::clone(agents), place));
            effect.backgrounds.extend(background);
        }
        let texts: Vec<String> =
            of_round().filter_map(|planned| planned.change.announcement.clone()).collect();
        effect.announcement = Announcement::of(&texts);
        let happens = of_round().next().is_some() || self.announced;
        self.announced = !texts.is_empty();
        happens.then_some(effect)
    }

    /// The tables with what happened at the beginning of a round, to the agents of this process where they are
    /// agents' own; none where nothing did.
    pub(super) fn tables(&self, round: u32) -> Result<Vec<Table>, PlayError> {
        let mut events = Events::default();
        let mut moved: Vec<(u32, &str, &str)> = Vec::new();
        for planned in self.planned.iter().filter(|planned| planned.change.round == round) {
            let Planned { change, agents, total } = planned;
            if let Some(text) = &change.announcement {
                events.push("announcement", "", text, self.agents);
            }
            for (key, value) in change.settings.iter().flat_map(|(_, set)| set) {
                events.push("setting", key, &value.to_string(), self.agents);
            }
            let model = change.model.map(|place| (MODEL, &self.models[usize::from(place.0)]));
            let background =
                change.background.map(|place| (BACKGROUND, &self.backgrounds[place.0 as usize]));
            for (what, name) in model.into_iter().chain(background) {
                events.push(what, &change.agents.to_string(), name, *total);
                moved.extend(agents.iter().map(|agent| (*agent, what, name.as_str())));
            }
        }
        // Stable, so that what happened later to an agent stays behind what happened before.
        moved.sort_by_key(|(agent, _, _)| *agent);
        let changes = (!moved.is_empty()).then(|| changes_table(round, &moved)).transpose()?;
        Ok(events.table(round)?.into_iter().chain(changes).collect())
    }
}

fn refused(change: &Change, error: &SelectError) -> PlayError {
    PlayError::Selection {
        round: change.round,
        selector: change.agents.to_string(),
        reason: error.to_string(),
    }
}

impl Change {
    /// Whether it changes something of single agents.
    fn moves(&self) -> bool {
        self.model.is_some() || self.background.is_some()
    }
}

impl Effect {
    /// Lets it happen in a world.
    pub(super) fn apply(&self, world: &mut Simulation) {
        if let Some(prepared) = &self.settings {
            (prepared.insert)(world);
        }
        world.insert_resource(self.announcement.clone());
        if self.models.is_empty() && self.backgrounds.is_empty() {
            return;
        }
        let world = world.world_mut();
        let mut agents = world.query::<(&AgentId, &mut ModelRef, &mut Background)>();
        for (agent, mut model, mut background) in agents.iter_mut(world) {
            let has = |list: &Arc<Vec<u32>>| list.binary_search(&agent.0).is_ok();
            for (_, changed) in self.models.iter().filter(|(list, _)| has(list)) {
                *model = *changed;
            }
            for (_, changed) in self.backgrounds.iter().filter(|(list, _)| has(list)) {
                *background = *changed;
            }
        }
    }
}

/// Models and backgrounds as they are when an intervention happens, beside the attributes that do not change.
struct Now<'a> {
    people: &'a Table,
    /// The agent of the first row.
    first: u64,
    changed: Vec<Column>,
}

impl<'a> Now<'a> {
    fn of(people: &'a Table, first: u64, moves: bool) -> Self {
        let columns = [MODEL, BACKGROUND].into_iter().filter_map(|name| people.column(name));
        Self { people, first, changed: columns.filter(|_| moves).cloned().collect() }
    }

    fn column(&self, name: &str) -> Option<&Column> {
        let changed = self.changed.iter().find(|column| column.name == name);
        changed.or_else(|| self.people.column(name))
    }

    fn apply(&mut self, change: &Change, agents: &[u32], all: &Interventions) {
        let model = change.model.map(|place| (MODEL, &all.models[usize::from(place.0)]));
        let background =
            change.background.map(|place| (BACKGROUND, &all.backgrounds[place.0 as usize]));
        for (name, value) in model.into_iter().chain(background) {
            let column = self.changed.iter_mut().find(|column| column.name == name);
            let column =
                column.expect("people have models, and whoever has a background has a name for it");
            for agent in agents {
                let row = (u64::from(*agent) - self.first) as usize;
                let room = column.set_category(row, value);
                debug_assert!(room, "models and backgrounds are fewer than categories");
            }
        }
    }
}

/// Rows of the table of interventions.
#[derive(Default)]
struct Events {
    what: Text,
    name: Text,
    value: Text,
    agents: Vec<i64>,
}

impl Events {
    fn push(&mut self, what: &str, name: &str, value: &str, agents: u64) {
        self.what.push(what);
        self.name.push(name);
        self.value.push(value);
        self.agents.push(agents as i64);
    }

    fn table(self, round: u32) -> Result<Option<Table>, PlayError> {
        let rows = self.agents.len();
        let column = Column::new;
        let what = "What changed: announcement, setting, model or background_name.";
        let name = "The setting, or the selection of agents.";
        let columns = vec![
            round_column(round, rows),
            column("what", what, Values::Text(self.what)),
            column("name", name, Values::Text(self.name)),
            column(
                "value",
                "What was announced, or what it is from this round on.",
                Values::Text(self.value),
            ),
            column("agents", "The number of agents that it is about.", Values::I64(self.agents)),
        ];
        let table = Table::new(EVENTS, columns)?;
        Ok((rows > 0).then_some(table))
    }
}

fn changes_table(round: u32, moved: &[(u32, &str, &str)]) -> Result<Table, PlayError> {
    let column = Column::new;
    let agents = moved.iter().map(|(agent, _, _)| i64::from(*agent)).collect();
    let category = |values: Vec<&str>| {
        let mut names: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        names.sort();
        names.dedup();
        let code = |value: &&str| names.binary_search_by(|name| name.as_str().cmp(value));
        let codes = values.iter().map(|value| code(value).expect("it is among the names") as u16);
        Values::Category16 { codes: codes.collect(), names }
    };
    let what = category(moved.iter().map(|(_, what, _)| *what).collect());
    let values = category(moved.iter().map(|(_, _, value)| *value).collect());
    let attribute = "The column of `people` that is another one from this round on.";
    Ok(Table::new(
        CHANGES,
        vec![
            column("agent", "Number of the agent.", Values::I64(agents)),
            round_column(round, moved.len()),
            column("attribute", attribute, what),
            column("value", "Its value from this round on.", values),
        ],
    )?)
}
