//! Interventions: what changes at the beginning of a round, written into the configuration and checked at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use throng_systems::{Background, ModelRef, Prepared, Scenario, SettingsError};
use toml::Table;

use super::cast::choices;
use super::secrets::redacted;
use super::suggest;
use super::tables::{ResolvedBackground, ResolvedModel};
use super::typed::{Findings, in_words, keys};
use crate::population::RunPeople;
use crate::select::{SelectError, Selector};

/// Interventions of a run.
pub const INTERVENTIONS_MAX: usize = 256;
/// Characters of an announcement.
pub const ANNOUNCEMENT_CHARS_MAX: usize = 4_000;

/// The attribute of agents with the model that answers for them.
pub(super) const MODEL: &str = "model";
/// The attribute of agents with the name of their background.
pub(super) const BACKGROUND: &str = "background_name";

/// Something that changes at the beginning of a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Intervention {
    /// The round at whose beginning it happens, from 1.
    #[schemars(range(min = 1, max = 999_999))]
    pub round: u32,
    /// What everyone is told above the question of this round; models that answer in words read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announcement: Option<String>,
    /// Whose model or background changes: "all", "7, 100-199", "education = \"Ph.D.\"" or "sample:100"; everyone, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<String>,
    /// The model that answers for these agents from now on, one of [[models]].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The background of these agents from now on, one of [[backgrounds]].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Settings of the scenario from now on; `throng scenarios` says which may change.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub set: Table,
}

/// An intervention that was checked.
#[derive(Clone, Debug)]
pub struct Change {
    /// The round at whose beginning it happens.
    pub round: u32,
    /// What is announced.
    pub announcement: Option<String>,
    /// All settings as they are afterwards, and those that it changes.
    pub settings: Option<(Arc<Prepared>, Table)>,
    /// Whose model or background changes.
    pub agents: Selector,
    /// Their model.
    pub model: Option<ModelRef>,
    /// Their background.
    pub background: Option<Background>,
}

/// What interventions can be about.
pub(super) struct Subject<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) settings: &'a Table,
    pub(super) models: &'a [ResolvedModel],
    pub(super) backgrounds: &'a [ResolvedBackground],
    pub(super) people: Option<&'a RunPeople>,
    pub(super) agents: u64,
    pub(super) rounds: u32,
    pub(super) asks_in_words: bool,
}

/// Reads the list; what is wrong is noted.
pub(super) fn read(findings: &mut Findings<'_>, entries: Vec<Table>) -> Vec<Intervention> {
    findings.at_most("interventions", entries.len(), INTERVENTIONS_MAX);
    let read = |(index, table)| findings.read(table, &format!("interventions.{index}"));
    entries.into_iter().enumerate().map(read).collect()
}

/// What the interventions change, in the order in which they happen; what cannot change is noted.
pub(super) fn changes(
    findings: &mut Findings<'_>,
    list: &[Intervention],
    subject: &Subject<'_>,
) -> Vec<Change> {
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by_key(|&index| list[index].round);
    let mut settings = subject.settings.clone();
    let change = |index: usize| {
        let path = format!("interventions.{index}");
        subject.change(findings, &path, &list[index], &mut settings)
    };
    order.into_iter().map(change).collect()
}

impl Subject<'_> {
    fn change(
        &self,
        findings: &mut Findings<'_>,
        path: &str,
        intervention: &Intervention,
        settings: &mut Table,
    ) -> Change {
        let Intervention { round, announcement, agents, model, background, set } = intervention;
        if *round == 0 || *round > self.rounds {
            let message = format!("the run has rounds 1 to {}, not {round}", self.rounds);
            findings.value(&format!("{path}.round"), message, "write the number of a round");
        }
        let moves = model.is_some() || background.is_some();
        if announcement.is_none() && set.is_empty() && !moves {
            let hint = "write `announcement`, `set`, or `agents` with `model` or `background`";
            findings.key(path, "the intervention changes nothing", hint);
        }
        if agents.is_some() && !moves {
            let hint = "an announcement and the settings are everyone's: leave `agents` out";
            findings.value(&format!("{path}.agents"), "nothing of these agents changes", hint);
        }
        if let Some(text) = announcement {
            self.check_announcement(findings, path, text);
        }
        Change {
            round: *round,
            announcement: announcement.clone(),
            settings: self.settings(findings, path, set, settings),
            agents: self.selected(findings, path, agents.as_deref()),
            model: model.as_ref().and_then(|name| self.model(findings, path, name)),
            background: background.as_ref().and_then(|name| self.background(findings, path, name)),
        }
    }

    fn check_announcement(&self, findings: &mut Findings<'_>, path: &str, text: &str) {
        let path = format!("{path}.announcement");
        let length = text.chars().count();
        if text.trim().is_empty() || length > ANNOUNCEMENT_CHARS_MAX {
            let hint = format!("write 1 to {ANNOUNCEMENT_CHARS_MAX} characters");
            findings.value(&path, format!("an announcement of {length} characters"), hint);
        } else if !self.asks_in_words || !self.models.iter().any(|model| model.words().is_some()) {
            let hint = "add a model that answers in words, or change settings instead";
            findings.value(&path, "nobody would read it: policies read no announcements", hint);
        }
    }

    /// All settings after `set`, which must be such as may change.
    fn settings(
        &self,
        findings: &mut Findings<'_>,
        path: &str,
        set: &Table,
        settings: &mut Table,
    ) -> Option<(Arc<Prepared>, Table)> {
        if set.is_empty() || !self.may_change(findings, path, set) {
            return None;
        }
        let mut after = settings.clone();
        after.extend(set.clone());
        match self.scenario.prepare(after, &choices(self.models)) {
            Ok(prepared) => {
                settings.clone_from(&prepared.resolved);
                Some((Arc::new(prepared), set.clone()))
            }
            Err(SettingsError::Type { key, message }) => {
                let message = in_words(&redacted(&message));
                let hint = "`throng scenarios` lists the settings";
                let (message, hint) = message.split_once(": write ").unwrap_or((&message, hint));
                findings.value(&format!("{path}.set.{key}"), format!("`{key}`: {message}"), hint);
                None
            }
            Err(SettingsError::Values(problems)) => {
                for problem in problems {
                    let at = format!("{path}.set.{}", problem.key);
                    findings.value(&at, problem.message, problem.hint);
                }
                None
            }
        }
    }

    fn may_change(&self, findings: &mut Findings<'_>, path: &str, set: &Table) -> bool {
        let before = findings.list.len();
        let (schema, changeable) = (self.scenario.schema(), self.scenario.changeable());
        let known = keys(&schema);
        for key in set.keys() {
            let at = format!("{path}.set.{key}");
            if !known.contains(&key.as_str()) {
                let message = format!("`{}` has no setting `{key}`", self.scenario.name);
                findings.key(&at, message, suggest::hint(key, &known));
            } else if !changeable.contains(&key.as_str()) {
                let message = format!("the setting `{key}` cannot change while a run is played");
                let hint = match changeable {
                    [] => format!("no setting of `{}` can", self.scenario.name),
                    names => format!("those that can are {}", names.join(", ")),
                };
                findings.key(&at, message, hint);
            }
        }
        findings.list.len() == before
    }

    fn selected(&self, findings: &mut Findings<'_>, path: &str, text: Option<&str>) -> Selector {
        let Some(text) = text else { return Selector::All };
        let selected = text.parse::<Selector>().and_then(|selector| {
            selector.check(self.agents)?;
            self.check_attribute(&selector)?;
            Ok(selector)
        });
        selected.unwrap_or_else(|SelectError { message, hint }| {
            findings.value(&format!("{path}.agents"), message, hint);
            Selector::All
        })
    }

    fn check_attribute(&self, selector: &Selector) -> Result<(), SelectError> {
        let Selector::Equal { column, value } = selector else { return Ok(()) };
        let wrong = |message: String, hint: String| Err(SelectError { message, hint });
        let mut columns: Vec<&str> = vec![MODEL];
        if !self.backgrounds.is_empty() {
            columns.push(BACKGROUND);
        }
        columns.extend(self.people.map(RunPeople::columns).unwrap_or_default());
        if !columns.contains(&column.as_str()) {
            let message = format!("agents have no attribute `{column}`");
            return wrong(message, suggest::hint(column, &columns));
        }
        let names: Option<Vec<&str>> = match column.as_str() {
            MODEL => Some(self.models.iter().map(|model| model.name.as_str()).collect()),
            BACKGROUND => Some(self.backgrounds.iter().map(|entry| entry.name.as_str()).collect()),
            name => self
                .people
                .and_then(|people| people.categories(name))
                .map(|names| names.iter().map(String::as_str).collect()),
        };
        match names {
            Some(names) if !names.contains(&value.as_str()) => {
                wrong(format!("nobody's `{column}` is `{value}`"), suggest::hint(value, &names))
            }
            _ => Ok(()),
        }
    }

    fn model(&self, findings: &mut Findings<'_>, path: &str, name: &str) -> Option<ModelRef> {
        let place = self.models.iter().position(|model| model.name == name);
        if place.is_none() {
            let known: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
            let message = format!("the run has no model `{name}`");
            findings.value(&format!("{path}.model"), message, suggest::hint(name, &known));
        }
        place.map(|place| ModelRef(place as u16))
    }

    fn background(
        &self,
        findings: &mut Findings<'_>,
        path: &str,
        name: &str,
    ) -> Option<Background> {
        let at = format!("{path}.background");
        if self.people.is_some_and(RunPeople::has_backgrounds) {
            let message = "the people of the population have backgrounds of their own";
            findings.value(&at, message, "change a model or a setting instead");
            return None;
        }
        let place = self.backgrounds.iter().position(|entry| entry.name == name);
        if place.is_none() {
            let known: Vec<&str> = self.backgrounds.iter().map(|e| e.name.as_str()).collect();
            let message = format!("the run has no background `{name}`");
            let hint = match known[..] {
                [] => "add [[backgrounds]]".to_owned(),
                _ => suggest::hint(name, &known),
            };
            findings.value(&at, message, hint);
        }
        place.map(|place| Background(place as u32))
    }
}
