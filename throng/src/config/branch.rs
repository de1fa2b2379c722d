//! What is set anew for a fork, as values over its parent's configuration: from round 1 on, or as an intervention.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::diagnostic::{ConfigError, Finding, Place};
use super::interventions::{BACKGROUND, MODEL};
use super::overrides::Override;
use super::tables::NAME_CHARS_MAX;

/// Keys of the run that a fork has from its parent, and why.
const KEPT: [(&str, &str); 4] = [
    ("run.agents", "a fork keeps its parent's population"),
    ("population", "a fork keeps its parent's population"),
    (
        "run.seed",
        "a fork keeps its parent's random numbers, so that only the change makes a difference",
    ),
    ("run.scenario", "a fork plays its parent's scenario"),
];

/// The values over the configuration `parent` of a fork whose rounds up to `at` are the parent's.
///
/// Without any such round they hold from the start. Otherwise settings of the scenario become an intervention,
/// and a model or background with new values is added to the others, to be that of its agents from then on.
///
/// # Errors
/// All values that a fork cannot have.
pub fn branch(parent: &Table, at: u32, set: Vec<Override>) -> Result<Vec<Override>, ConfigError> {
    let refused: Vec<Finding> = set.iter().filter_map(|entry| refused(entry, at)).collect();
    if !refused.is_empty() {
        return Err(ConfigError::new(None, refused));
    }
    if at == 0 {
        return Ok(set);
    }
    let mut branch = Branch::of(parent, at + 1);
    set.into_iter().for_each(|entry| branch.take(entry));
    Ok(branch.finish())
}

/// The key that a fork has from its parent, and why.
fn kept(entry: &Override) -> Option<&'static (&'static str, &'static str)> {
    let below = |key: &str| {
        entry.path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    KEPT.iter().find(|(key, _)| below(key))
}

impl Override {
    /// Whether it is of something that every fork has from its parent.
    pub fn is_of_every_fork(&self) -> bool {
        kept(self).is_some()
    }
}

fn refused(entry: &Override, at: u32) -> Option<Finding> {
    let finding = |message: &str, hint: &str| {
        Finding::new(Place::Argument(entry.argument.clone()), message).hint(hint)
    };
    if let Some((_, why)) = kept(entry) {
        return Some(finding(why, "start a new run with it"));
    }
    let keys: Vec<&str> = entry.path.split('.').collect();
    match keys[..] {
        ["models" | "backgrounds", _, "name" | "share"] if at > 0 => {
            let why = "who has which name and share was decided before round 1";
            Some(finding(why, "fork with --at 0, or change other keys"))
        }
        ["scenario"] | ["scenario", _, _, ..] if at > 0 => {
            Some(finding("a setting changes as a whole", "write --set scenario.SETTING=VALUE"))
        }
        _ => None,
    }
}

/// The values of a fork that shares rounds with its parent.
struct Branch<'a> {
    parent: &'a Table,
    /// The first round of its own.
    round: u32,
    /// Values that are simply set.
    direct: Vec<Override>,
    /// Settings of the scenario, and the arguments that set them.
    settings: (Table, Vec<String>),
    /// Copies of entries of lists, by list and index, with the arguments that change them.
    copies: BTreeMap<(&'static str, usize), Copied>,
}

/// A model or background that is another one from some round on.
struct Copied {
    /// Its place behind all others.
    place: usize,
    /// The name of the entry that it takes over from.
    from: String,
    entry: Table,
    changes: Vec<Override>,
}

impl<'a> Branch<'a> {
    fn of(parent: &'a Table, round: u32) -> Self {
        let (direct, settings, copies) = Default::default();
        Self { parent, round, direct, settings, copies }
    }

    fn take(&mut self, entry: Override) {
        let keys: Vec<String> = entry.path.split('.').map(str::to_owned).collect();
        match &keys[..] {
            [table, key] if table == "scenario" => {
                self.settings.0.insert(key.clone(), entry.value);
                self.settings.1.push(entry.argument);
            }
            [list, index, rest @ ..] if !rest.is_empty() => {
                let list = ["models", "backgrounds"].into_iter().find(|known| known == list);
                let index = index.parse().ok();
                match list.zip(index).and_then(|(list, index)| self.copy(list, index)) {
                    Some(copied) => {
                        let list = if keys[0] == "models" { "models" } else { "backgrounds" };
                        let path = format!("{list}.{}.{}", copied.place, rest.join("."));
                        copied.changes.push(Override { path, ..entry });
                    }
                    None => self.direct.push(entry),
                }
            }
            _ => self.direct.push(entry),
        }
    }

    /// The copy of an entry, made when it is changed first; nothing where there is no such entry.
    fn copy(&mut self, list: &'static str, index: usize) -> Option<&mut Copied> {
        let entries = self.parent.get(list).and_then(Value::as_array)?;
        let entry = entries.get(index)?.as_table()?;
        let before = self.copies.keys().filter(|(of, _)| *of == list).count();
        let round = self.round;
        Some(self.copies.entry((list, index)).or_insert_with(|| {
            let from = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut entry = entry.clone();
            entry.insert("name".to_owned(), Value::String(unused(&from, round, entries)));
            entry.insert("share".to_owned(), Value::Float(0.0));
            Copied { place: entries.len() + before, from, entry, changes: Vec::new() }
        }))
    }

    fn finish(self) -> Vec<Override> {
        let list = self.parent.get("interventions").and_then(Value::as_array);
        let mut place = list.map_or(0, Vec::len);
        let mut overrides = self.direct;
        let round = self.round;
        let mut intervene = |table: Table, argument: String| {
            let path = format!("interventions.{place}");
            place += 1;
            let mut table = table;
            table.insert("round".to_owned(), Value::Integer(round.into()));
            Override { path, value: Value::Table(table), argument }
        };
        let (set, arguments) = self.settings;
        if !set.is_empty() {
            let table = Table::from_iter([("set".to_owned(), Value::Table(set))]);
            overrides.push(intervene(table, arguments.join(" ")));
        }
        for ((list, _), copied) in self.copies {
            let Copied { place, from, entry, changes } = copied;
            let arguments: Vec<&str> =
                changes.iter().map(|change| change.argument.as_str()).collect();
            let argument = arguments.join(" ");
            let (attribute, key) =
                if list == "models" { (MODEL, "model") } else { (BACKGROUND, "background") };
            let name = entry.get("name").cloned().unwrap_or(Value::String(String::new()));
            let whose = Value::String(format!("{attribute} = \"{from}\""));
            let table = Table::from_iter([("agents".to_owned(), whose), (key.to_owned(), name)]);
            let intervention = intervene(table, argument.clone());
            let path = format!("{list}.{place}");
            overrides.push(Override { path, value: Value::Table(entry), argument });
            overrides.extend(changes);
            overrides.push(intervention);
        }
        overrides
    }
}

/// A name that no entry has, for one that takes over in `round`.
fn unused(name: &str, round: u32, entries: &[Value]) -> String {
    let taken = |name: &str| {
        entries.iter().any(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
    };
    let numbered = (1..=entries.len() + 1).map(|number| {
        let behind = match number {
            1 => format!("-from-{round}"),
            number => format!("-from-{round}-{number}"),
        };
        let kept = NAME_CHARS_MAX - behind.len();
        format!("{}{behind}", name.chars().take(kept).collect::<String>())
    });
    // One more name than there are entries: one of them is free.
    numbered.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(at: u32, texts: &[&str]) -> Result<Vec<(String, String)>, ConfigError> {
        let parent = "[[models]]\nname = \"a\"\nshare = 1.0\n[[interventions]]\nround = 1\n";
        let parent: Table = parent.parse().unwrap();
        let set = texts.iter().map(|text| Override::set(text).unwrap()).collect();
        let overrides = branch(&parent, at, set)?;
        Ok(overrides.into_iter().map(|o| (o.path, o.value.to_string())).collect())
    }

    fn shown(at: u32, texts: &[&str]) -> String {
        let lines = set(at, texts).unwrap();
        let lines = lines.iter().map(|(path, value)| format!("{path} = {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn from_the_start_values_are_simply_set() {
        let same = shown(0, &["scenario.ratio=0.5", "models.0.temperature=0.2"]);
        assert_eq!(same, "scenario.ratio = 0.5\nmodels.0.temperature = 0.2");
    }

    #[test]
    fn later_on_they_become_interventions() {
        let told = shown(3, &["scenario.ratio=0.5", "models.0.temperature=0.2", "run.rounds=9"]);
        insta::assert_snapshot!(told, @r#"
        run.rounds = 9
        interventions.1 = { round = 4, set = { ratio = 0.5 } }
        models.1 = { name = "a-from-4", share = 0.0 }
        models.1.temperature = 0.2
        interventions.2 = { agents = 'model = "a"', model = "a-from-4", round = 4 }
        "#);
    }

    #[test]
    fn what_was_decided_before_round_1_is_refused() {
        for text in ["run.agents=7", "run.seed=2", "population.spec=\"x\"", "models.0.share=0.5"] {
            assert!(set(3, &[text]).is_err(), "{text}");
        }
        assert!(set(0, &["models.0.share=1"]).is_ok());
    }

    #[test]
    fn names_stay_unique_and_short() {
        let named = |name: &str| Value::Table(Table::from_iter([("name".to_owned(), name.into())]));
        assert_eq!(unused("a", 4, &[named("a"), named("a-from-4")]), "a-from-4-2");
        assert_eq!(unused(&"a".repeat(64), 4, &[]).chars().count(), NAME_CHARS_MAX);
    }
}
