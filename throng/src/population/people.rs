//! The people of a run: drawn from a specification, or read from a finished population.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use throng_data::{AGENT, Column, Table, Values};
use throng_engine::{AgentRange, BLOCK, Pool};
use throng_population::{Backgrounds, Error, Sampler, people_table};
use throng_systems::{Grouping, ModelRef, PopulationError, PopulationPart, PopulationSource};

/// The column with the model that a population gives an agent.
pub(crate) const MODEL: &str = "model";
const BACKGROUND: &str = "background";
/// Agents looked at together.
const PORTION: u64 = 64 * BLOCK as u64;
/// Bytes that one text takes beside its letters.
const TEXT_BYTES: usize = 16;

/// Where people come from.
pub(crate) enum Origin {
    /// Drawn, range by range, whenever somebody asks.
    Drawn {
        /// Who they are.
        sampler: Box<Sampler>,
        /// How they read in words.
        backgrounds: Box<Backgrounds>,
    },
    /// Read, all of them.
    Read(Table),
}

/// Which model answers for whom: by the category of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelsBy {
    /// The column.
    pub(crate) column: String,
    /// A model for each of its categories.
    pub(crate) cases: BTreeMap<String, ModelRef>,
}

/// Everybody of a run.
pub struct RunPeople {
    origin: Origin,
    size: u64,
    /// What decides who they are.
    sha256: String,
    pub(crate) models: Option<ModelsBy>,
    /// Columns by which results are grouped, one or several together.
    pub(crate) groups: Vec<Vec<String>>,
}

impl fmt::Debug for RunPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All of what decides the people and nothing else: runs hash this.
        let Self { origin: _, size, sha256, models, groups } = self;
        let mut debug = f.debug_struct("RunPeople");
        debug.field("size", size).field("sha256", sha256);
        debug.field("models", models).field("groups", groups).finish()
    }
}

impl RunPeople {
    /// People from an origin that this digest stands for.
    pub(crate) const fn new(origin: Origin, size: u64, sha256: String) -> Self {
        Self { origin, size, sha256, models: None, groups: Vec::new() }
    }

    /// How many there are.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The digest of what decides who they are.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The names of all columns.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match &self.origin {
            Origin::Drawn { sampler, .. } => sampler.columns().map(|column| column.name).collect(),
            Origin::Read(table) => {
                let names = table.columns().iter().map(|column| column.name.as_str());
                names.filter(|name| ![AGENT, BACKGROUND].contains(name)).collect()
            }
        }
    }

    /// The categories of a column; nothing where there is no such column, or it has none.
    pub(crate) fn categories(&self, name: &str) -> Option<&[String]> {
        match &self.origin {
            Origin::Drawn { sampler, .. } => {
                sampler.columns().find(|column| column.name == name)?.categories
            }
            Origin::Read(table) => names(&table.column(name)?.values),
        }
    }

    /// Whether they have backgrounds of their own.
    pub(crate) fn has_backgrounds(&self) -> bool {
        match &self.origin {
            Origin::Drawn { backgrounds, .. } => !backgrounds.is_empty(),
            Origin::Read(table) => table.column(BACKGROUND).is_some(),
        }
    }

    /// Makes everybody once, and counts those of each of `models` models.
    ///
    /// # Errors
    /// When an agent cannot be made.
    pub(crate) fn count(&self, models: usize, pool: &Pool) -> Result<Vec<u64>, Error> {
        let mut counts = vec![0; models];
        for start in (0..self.size).step_by(PORTION as usize) {
            let people = self.attributes(start..(start + PORTION).min(self.size), pool)?;
            for model in self.models_of(&people).unwrap_or_default() {
                counts[usize::from(model.0)] += 1;
            }
        }
        Ok(counts)
    }

    /// How many agents of each block are answered by one of these models; nothing where the population does not say
    /// who answers.
    ///
    /// # Errors
    /// When an agent cannot be made.
    pub(crate) fn per_block(
        &self,
        models: &[ModelRef],
        pool: &Pool,
    ) -> Result<Option<Vec<u64>>, Error> {
        if self.models.is_none() {
            return Ok(None);
        }
        let mut blocks = Vec::new();
        for start in (0..self.size).step_by(PORTION as usize) {
            let people = self.attributes(start..(start + PORTION).min(self.size), pool)?;
            let answered = self.models_of(&people).unwrap_or_default();
            let count = |block: &[ModelRef]| {
                block.iter().filter(|model| models.contains(model)).count() as u64
            };
            blocks.extend(answered.chunks(BLOCK).map(count));
        }
        Ok(Some(blocks))
    }

    /// The attributes of a range, without backgrounds.
    fn attributes(&self, range: Range<u64>, pool: &Pool) -> Result<Table, Error> {
        match &self.origin {
            Origin::Drawn { sampler, .. } => {
                people_table(sampler, sampler.sample(range, pool)?, None)
            }
            Origin::Read(_) => self.table(range, pool),
        }
    }

    /// Bytes of memory that an agent takes: its row of the table of people, its background, and its groups.
    ///
    /// # Errors
    /// When one of the first agents cannot be made.
    pub(crate) fn bytes_per_agent(&self, pool: &Pool) -> Result<u64, Error> {
        let first = self.table(0..self.size.min(BLOCK as u64), pool)?;
        let rows = first.rows().max(1);
        let row: usize = first.columns().iter().map(|column| bytes(&column.values)).sum();
        let text = first.column(BACKGROUND).map_or(0, |column| bytes(&column.values));
        Ok(((row + text).div_ceil(rows) + 2 * self.groups.len()) as u64)
    }

    /// The columns of these agents but number and model, in agent order.
    ///
    /// # Errors
    /// When an agent cannot be made.
    pub(crate) fn columns_of(&self, range: Range<u64>, pool: &Pool) -> Result<Vec<Column>, Error> {
        let people = self.table(range, pool)?;
        let crossed = self.groups.iter().filter(|group| group.len() > 1).map(|group| {
            let Grouping { by, names, codes } = grouping(&people, group);
            let doc = format!("{} together.", group.join(" and "));
            Column::new(by, doc, Values::Category16 { codes, names })
        });
        let crossed: Vec<Column> = crossed.collect();
        let columns = people.into_columns().into_iter();
        let own = columns.filter(|column| ![AGENT, MODEL].contains(&column.name.as_str()));
        Ok(own.chain(crossed).collect())
    }

    fn table(&self, range: Range<u64>, pool: &Pool) -> Result<Table, Error> {
        match &self.origin {
            Origin::Drawn { sampler, backgrounds } => {
                let sample = sampler.sample(range, pool)?;
                let texts = (!backgrounds.is_empty())
                    .then(|| backgrounds.write(sampler, &sample, pool))
                    .transpose()?;
                people_table(sampler, sample, texts)
            }
            Origin::Read(table) => {
                let rows = range.start as usize..range.end as usize;
                let columns = table.columns().iter().map(|column| Column {
                    name: column.name.clone(),
                    doc: column.doc.clone(),
                    unit: column.unit.clone(),
                    values: cut(&column.values, rows.clone()),
                    valid: column.valid.as_ref().map(|valid| valid[rows.clone()].to_vec()),
                });
                Ok(Table::new(table.name(), columns.collect())?)
            }
        }
    }

    fn models_of(&self, people: &Table) -> Option<Vec<ModelRef>> {
        let ModelsBy { column, cases } = self.models.as_ref()?;
        let values = &people.column(column)?.values;
        let models: Vec<ModelRef> = names(values)?
            .iter()
            .map(|name| cases.get(name).copied().unwrap_or_default())
            .collect();
        Some(codes(values).into_iter().map(|code| models[usize::from(code)]).collect())
    }
}

impl PopulationSource for RunPeople {
    fn part(&self, range: AgentRange, pool: &Pool) -> Result<PopulationPart, PopulationError> {
        let people = self.table(range.to_range(), pool);
        let people = people.map_err(|error| PopulationError(error.to_string()))?;
        let texts = people.column(BACKGROUND).map(|column| {
            let text = |row| column.values.text(row).unwrap_or_default().to_owned();
            (0..people.rows()).map(text).collect()
        });
        Ok(PopulationPart {
            models: self.models_of(&people),
            backgrounds: texts,
            groupings: self.groups.iter().map(|group| grouping(&people, group)).collect(),
        })
    }
}

/// The groups of a column, or of several together: a group for each combination.
fn grouping(people: &Table, group: &[String]) -> Grouping {
    let mut all =
        Grouping { by: group.join("_"), names: vec![String::new()], codes: vec![0; people.rows()] };
    for name in group {
        let values = &people.column(name).expect("groups are columns, as was checked").values;
        let own = names(values).unwrap_or_default();
        let joined = |before: &String| {
            let before = before.clone();
            let with = move |name: &String| match before.as_str() {
                "" => name.clone(),
                before => format!("{before} · {name}"),
            };
            own.iter().map(with)
        };
        all.names = all.names.iter().flat_map(joined).collect();
        for (code, own_code) in all.codes.iter_mut().zip(codes(values)) {
            *code = *code * own.len() as u16 + own_code;
        }
    }
    all
}

/// The names of a column's categories, where it has any.
fn names(values: &Values) -> Option<&[String]> {
    match values {
        Values::Category { names, .. } | Values::Category16 { names, .. } => Some(names),
        _ => None,
    }
}

/// The category of each row; nothing where the column has none.
fn codes(values: &Values) -> Vec<u16> {
    match values {
        Values::Category { codes, .. } => codes.iter().map(|code| u16::from(*code)).collect(),
        Values::Category16 { codes, .. } => codes.clone(),
        _ => Vec::new(),
    }
}

/// Some rows of a column.
fn cut(values: &Values, rows: Range<usize>) -> Values {
    match values {
        Values::I32(values) => Values::I32(values[rows].to_vec()),
        Values::I32Repeat { value, .. } => Values::I32Repeat { value: *value, rows: rows.len() },
        Values::I64(values) => Values::I64(values[rows].to_vec()),
        Values::I64Sequence { first, .. } => {
            Values::I64Sequence { first: first + rows.start as i64, rows: rows.len() }
        }
        Values::F32(values) => Values::F32(values[rows].to_vec()),
        Values::F64(values) => Values::F64(values[rows].to_vec()),
        Values::Bool(values) => Values::Bool(values[rows].to_vec()),
        Values::Text(texts) => Values::Text(rows.map(|row| texts.get(row)).collect()),
        Values::Category { codes, names } => {
            Values::Category { codes: codes[rows].to_vec(), names: names.clone() }
        }
        Values::Category16 { codes, names } => {
            Values::Category16 { codes: codes[rows].to_vec(), names: names.clone() }
        }
        Values::TimestampUs(values) => Values::TimestampUs(values[rows].to_vec()),
    }
}

/// Bytes that the values of a column take in memory.
fn bytes(values: &Values) -> usize {
    let each = match values {
        Values::I32Repeat { .. } | Values::I64Sequence { .. } => 0,
        Values::Bool(_) | Values::Category { .. } => 1,
        Values::Category16 { .. } => 2,
        Values::I32(_) | Values::F32(_) => 4,
        Values::I64(_) | Values::F64(_) | Values::TimestampUs(_) => 8,
        Values::Text(_) => TEXT_BYTES,
    };
    let letters = match values {
        Values::Text(texts) => texts.iter().map(str::len).sum(),
        _ => 0,
    };
    each * values.len() + letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_ask_a_model_are_counted_block_by_block() {
        let size = 2 * BLOCK + 10;
        let cases = ["talks", "plays"];
        // The first block and the last agents talk.
        let codes: Vec<u8> =
            (0..size).map(|agent| u8::from((BLOCK..2 * BLOCK).contains(&agent))).collect();
        let values = Values::Category { codes, names: cases.map(str::to_owned).to_vec() };
        let table = Table::new("people", vec![Column::new("kind", "A kind.", values)]).unwrap();
        let mut people = RunPeople::new(Origin::Read(table), size as u64, String::new());
        let pool = Pool::new(1);
        assert_eq!(people.per_block(&[ModelRef(0)], &pool).unwrap(), None, "shares decide");
        let cases =
            cases.iter().zip(0..).map(|(case, model)| ((*case).to_owned(), ModelRef(model)));
        people.models = Some(ModelsBy { column: "kind".to_owned(), cases: cases.collect() });
        let talking = people.per_block(&[ModelRef(0)], &pool).unwrap().unwrap();
        assert_eq!(talking, [BLOCK as u64, 0, 10]);
    }
}
