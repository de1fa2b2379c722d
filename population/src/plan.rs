//! From a specification to stages in order, with everything that is wrong found in one pass.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes;
use crate::blocks;
use crate::distribution::quantiles;
use crate::expression::Formula;
use crate::order::order;
use crate::problem::{Error, Problem, Result};
use crate::source::{FileTable, Source};
use crate::spec::{Fixed, Spec};
use crate::stage::{
    Conditional, FirstNames, GroupPlan, Kind, Lookup, Number, Plan, Planned, Rule, Stage, Target,
    categories, cumulative,
};
use crate::tables::{Table, table};

/// Most combinations of categories for which a derived attribute is worked out beforehand.
const DERIVED_CELLS_MAX: usize = 65_536;

/// What is known while planning.
pub(crate) struct Planner<'s> {
    pub spec: &'s Spec,
    pub source: &'s Source,
    pub planned: Vec<Planned>,
    pub names: BTreeMap<String, usize>,
    pub people: Option<FileTable>,
    pub tables: Vec<Table>,
    pub rules: Vec<Rule>,
    pub groups: Vec<GroupPlan>,
    pub targets: Vec<Target>,
    pub problems: Vec<Problem>,
    /// For columns that a category sets: the attribute and the value for each of its categories.
    pub set: BTreeMap<usize, (usize, Lookup)>,
    /// Formulas of derived attributes.
    pub formulas: BTreeMap<usize, Formula>,
    /// Names that stand for numbers or codes of the rows of existing people.
    pub columns: BTreeMap<usize, Lookup>,
}

/// Plans a specification.
///
/// # Errors
/// [`Error::Problems`] with everything that makes no sense.
pub(crate) fn plan(spec: &Spec, source: &Source) -> Result<Plan> {
    let mut planner = Planner::new(spec, source);
    attributes::declare(&mut planner);
    planner.settle_derived();
    planner.read_tables();
    planner.read_rules();
    if planner.problems.is_empty() {
        let stages = planner.stages();
        attributes::declare_pairs(&mut planner);
        if planner.problems.is_empty() {
            let Planner { planned, rules, groups, targets, .. } = planner;
            return Ok(Plan { attributes: planned, stages, rules, groups, targets });
        }
    }
    Err(Error::Problems(planner.problems))
}

impl<'s> Planner<'s> {
    fn new(spec: &'s Spec, source: &'s Source) -> Self {
        Self {
            spec,
            source,
            planned: Vec::new(),
            names: BTreeMap::new(),
            people: None,
            tables: Vec::new(),
            rules: Vec::new(),
            groups: Vec::new(),
            targets: Vec::new(),
            problems: Vec::new(),
            set: BTreeMap::new(),
            formulas: BTreeMap::new(),
            columns: BTreeMap::new(),
        }
    }

    pub(crate) fn problem(
        &mut self,
        key: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(Problem::new(key, message, hint));
    }

    /// The place of an attribute that a key names.
    pub(crate) fn find(&mut self, name: &str, key: &str) -> Option<usize> {
        let found = self.names.get(name).copied();
        if found.is_none() {
            let known = self.names.keys().cloned().collect::<Vec<_>>().join(", ");
            self.problem(
                key,
                format!("there is no attribute `{name}`"),
                format!("there are {known}"),
            );
        }
        found
    }

    pub(crate) fn sizes(&self, attributes: &[usize]) -> Vec<usize> {
        attributes
            .iter()
            .map(|place| self.planned[*place].kind.names().map_or(0, <[_]>::len))
            .collect()
    }

    fn inputs(&mut self, formula: &Formula, key: &str) -> Option<Vec<usize>> {
        let found: Vec<_> = formula.names.iter().map(|name| self.find(name, key)).collect();
        found.into_iter().collect()
    }

    /// Finds out what derived attributes are, in the order in which they need each other.
    fn settle_derived(&mut self) {
        let places: Vec<usize> = self.formulas.keys().copied().collect();
        let needs: Vec<BTreeSet<usize>> = places
            .iter()
            .map(|place| {
                let names = &self.formulas[place].names;
                let inputs = names.iter().filter_map(|name| self.names.get(name));
                inputs.filter_map(|input| places.iter().position(|other| other == input)).collect()
            })
            .collect();
        match order(&needs) {
            Ok(order) => order.into_iter().for_each(|place| self.settle_one(places[place])),
            Err(cycle) => {
                let names: Vec<&str> =
                    cycle.iter().map(|place| self.planned[places[*place]].name.as_str()).collect();
                let message = format!("attributes need each other: {}", names.join(" → "));
                self.problem(
                    format!("attribute.{}.derived", places[cycle[0]]),
                    message,
                    "break the circle",
                );
            }
        }
    }

    /// A derived attribute whose inputs all have categories has categories or numbers of its own.
    fn settle_one(&mut self, place: usize) {
        let Some(formula) = self.formulas.remove(&place) else { return };
        let key = format!("attribute.{place}.derived");
        let Some(inputs) = self.inputs(&formula, &key) else { return };
        let sizes = self.sizes(&inputs);
        let cells = sizes.iter().try_fold(1_usize, |cells, size| cells.checked_mul(*size));
        let small = cells.is_some_and(|cells| 0 < cells && cells <= DERIVED_CELLS_MAX);
        if small {
            match self.derive_cells(&formula, &inputs, &sizes, cells.unwrap_or(0)) {
                Ok((kind, values)) => {
                    self.planned[place].kind = kind;
                    self.columns.insert(place, values);
                }
                Err(message) => self.problem(key, message, "mend the expression"),
            }
        } else {
            self.planned[place].kind =
                Kind::Number { integer: self.spec.attributes[place].integer };
        }
        self.formulas.insert(place, formula);
    }

    fn derive_cells(
        &self,
        formula: &Formula,
        inputs: &[usize],
        sizes: &[usize],
        cells: usize,
    ) -> std::result::Result<(Kind, Lookup), String> {
        let mut values = Vec::with_capacity(cells);
        for cell in 0..cells {
            let codes = categories(cell, sizes);
            let pairs = inputs.iter().zip(&codes).map(|(input, code)| {
                let names = self.planned[*input].kind.names().unwrap_or_default();
                (self.planned[*input].name.as_str(), minijinja::Value::from(names[*code].as_str()))
            });
            values.push(formula.evaluate(pairs)?);
        }
        let numbers: Option<Vec<f64>> = values
            .iter()
            .map(|value| if value.is_number() { f64::try_from(value.clone()).ok() } else { None })
            .collect();
        if let Some(numbers) = numbers {
            let integer = numbers.iter().all(|number| number.fract().abs() <= 0.0);
            return Ok((Kind::Number { integer }, Lookup::Numbers(numbers)));
        }
        let mut names: Vec<String> = Vec::new();
        let codes = values.iter().map(|value| {
            let text = value.to_string();
            names.iter().position(|name| *name == text).unwrap_or_else(|| {
                names.push(text);
                names.len() - 1
            }) as u16
        });
        let codes = codes.collect();
        Ok((Kind::Category(names), Lookup::Codes(codes)))
    }

    fn read_tables(&mut self) {
        for (place, spec) in self.spec.tables.iter().enumerate() {
            let key = format!("table.{place}");
            match table(spec, &key, &self.planned, &self.names, self.source) {
                Ok(table) => self.tables.push(table),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    fn read_rules(&mut self) {
        for (place, constraint) in self.spec.constraints.iter().enumerate() {
            let key = format!("constraint.{place}.require");
            match Formula::parse(&constraint.require) {
                Err(message) => {
                    self.problem(key, message, "write an expression that is true or false")
                }
                Ok(formula) => {
                    if let Some(inputs) = self.inputs(&formula, &key) {
                        self.rules.push(Rule {
                            source: constraint.require.clone(),
                            formula,
                            inputs,
                        });
                    }
                }
            }
        }
    }

    /// The attributes from which one is made without a draw, itself where it is drawn.
    pub(crate) fn bases(&self, place: usize, found: &mut BTreeSet<usize>) {
        let made_from: Vec<usize> = if let Some((of, _)) = self.set.get(&place) {
            vec![*of]
        } else if let Some(formula) = self.formulas.get(&place) {
            formula.names.iter().filter_map(|name| self.names.get(name).copied()).collect()
        } else if let Some(bands) = self.spec.attributes.get(place).and_then(|a| a.bands.as_ref()) {
            self.names.get(&bands.of).copied().into_iter().collect()
        } else {
            found.insert(place);
            return;
        };
        made_from.into_iter().for_each(|of| self.bases(of, found));
    }

    fn stages(&mut self) -> Vec<Stage> {
        let blocks = blocks::blocks(self);
        let redrawn = self.redrawn(&blocks);
        let needs = self.needs(&blocks, &redrawn);
        match order(&needs) {
            Err(cycle) => {
                let names: Vec<&str> =
                    cycle.iter().map(|place| self.planned[*place].name.as_str()).collect();
                let message = format!("attributes need each other: {}", names.join(" → "));
                self.problem(format!("attribute.{}", cycle[0]), message, "break the circle");
                Vec::new()
            }
            Ok(order) => {
                let order: Vec<usize> =
                    order.into_iter().filter(|place| blocks[*place] == *place).collect();
                order.into_iter().filter_map(|place| self.stage(place, &blocks, &redrawn)).collect()
            }
        }
    }

    /// For each rule that cells cannot keep: the number that is drawn again until it holds.
    fn redrawn(&mut self, blocks: &[usize]) -> BTreeMap<usize, usize> {
        let mut found = BTreeMap::new();
        for rule in 0..self.rules.len() {
            let mut bases = BTreeSet::new();
            self.rules[rule]
                .inputs
                .clone()
                .into_iter()
                .for_each(|place| self.bases(place, &mut bases));
            if blocks::holds_rule(self, blocks, &bases) {
                continue;
            }
            let drawn = |place: &&usize| {
                let attribute = self.spec.attributes.get(**place);
                attribute.is_some_and(|a| {
                    a.given.is_some() || a.distribution() != crate::spec::Distribution::default()
                })
            };
            match bases.iter().rfind(drawn) {
                Some(number) => {
                    found.insert(rule, *number);
                }
                None => self.problem(
                    format!("constraint.{rule}.require"),
                    "no number can be drawn again until it holds",
                    "leave the combination out of the table that gives it",
                ),
            }
        }
        found
    }

    /// What each attribute needs; members of a block need what the block needs, and the block's first member.
    fn needs(&self, blocks: &[usize], redrawn: &BTreeMap<usize, usize>) -> Vec<BTreeSet<usize>> {
        let mut needs = vec![BTreeSet::new(); self.planned.len()];
        for (place, block) in blocks.iter().enumerate() {
            needs[*block].extend(self.direct_needs(place).into_iter().map(|need| blocks[need]));
            if place != *block {
                needs[place].insert(*block);
            }
        }
        for (rule, number) in redrawn {
            let mut bases = BTreeSet::new();
            self.rules[*rule].inputs.iter().for_each(|place| self.bases(*place, &mut bases));
            needs[*number]
                .extend(bases.into_iter().filter(|base| base != number).map(|base| blocks[base]));
        }
        needs
    }

    fn direct_needs(&self, place: usize) -> Vec<usize> {
        let mut needs = Vec::new();
        let named = |name: &String| self.names.get(name).copied();
        for table in self.tables.iter().filter(|table| table.given > 0) {
            if table.attributes.last() == Some(&place) {
                needs.extend(&table.attributes[..table.given]);
            }
        }
        needs.extend(self.set.get(&place).map(|(of, _)| *of));
        if let Some(formula) = self.formulas.get(&place) {
            needs.extend(formula.names.iter().filter_map(named));
        }
        if let Some(attribute) = self.spec.attributes.get(place) {
            needs.extend(attribute.given.as_ref().and_then(|given| named(&given.attribute)));
            needs.extend(attribute.bands.as_ref().and_then(|bands| named(&bands.of)));
            needs.extend(
                attribute.person.as_ref().and_then(|person| person.by.as_ref()).and_then(named),
            );
        }
        needs
    }

    fn stage(
        &mut self,
        place: usize,
        blocks: &[usize],
        redrawn: &BTreeMap<usize, usize>,
    ) -> Option<Stage> {
        if let Some((of, values)) = self.set.get(&place).cloned() {
            let sizes = self.sizes(&[of]);
            return Some(Stage::Lookup { attribute: place, inputs: vec![of], sizes, values });
        }
        if let Some(table) =
            self.tables.iter().position(|t| t.given > 0 && t.attributes.last() == Some(&place))
        {
            return self.conditional(place, table);
        }
        if let Some(group) =
            self.groups.iter().position(|group| group.name == self.planned[place].name)
        {
            return Some(Stage::GroupNumber { attribute: place, group });
        }
        let spec = self.spec;
        let Some(attribute) = spec.attributes.get(place) else {
            return blocks::cells(self, place, blocks);
        };
        if attribute.derived.is_some() {
            return self.derived(place);
        }
        if let Some(bands) = &attribute.bands {
            let of = *self.names.get(&bands.of)?;
            return Some(Stage::Bands { attribute: place, of, cuts: bands.cuts.clone() });
        }
        if let Some(person) = &attribute.person {
            return self.person(place, person);
        }
        if attribute.categories.is_some() || attribute.date.is_some() || attribute.column.is_some()
        {
            return blocks::cells(self, place, blocks);
        }
        self.number(place, redrawn)
    }

    fn conditional(&mut self, place: usize, table: usize) -> Option<Stage> {
        let table = &self.tables[table];
        let parents = table.attributes[..table.given].to_vec();
        let categories = table.sizes[table.given];
        let rows = table.shares.chunks(categories).flat_map(cumulative);
        let stage = Conditional {
            key: self.planned[place].name.clone(),
            attribute: place,
            parents,
            sizes: table.sizes[..table.given].to_vec(),
            categories,
            cumulative: rows.collect(),
        };
        self.targets.push(Target {
            attributes: table.attributes.clone(),
            sizes: table.sizes.clone(),
            given: table.given,
            shares: Some(table.shares.clone()),
        });
        if self.planned[place].group.is_some() {
            let message =
                format!("`{}` is shared by a group and conditional", self.planned[place].name);
            self.problem(format!("attribute.{place}"), message, "give a joint table instead");
            return None;
        }
        Some(Stage::Conditional(stage))
    }

    fn derived(&mut self, place: usize) -> Option<Stage> {
        let formula = self.formulas.remove(&place)?;
        let inputs: Vec<usize> =
            formula.names.iter().filter_map(|name| self.names.get(name).copied()).collect();
        let sizes = self.sizes(&inputs);
        let stage = match self.columns.get(&place) {
            Some(values) => {
                Stage::Lookup { attribute: place, inputs, sizes, values: values.clone() }
            }
            None => {
                let formula =
                    Formula::parse(self.spec.attributes[place].derived.as_deref()?).ok()?;
                Stage::Derived { attribute: place, formula, inputs }
            }
        };
        self.formulas.insert(place, formula);
        Some(stage)
    }

    fn person(&mut self, place: usize, person: &crate::spec::PersonName) -> Option<Stage> {
        let key = format!("attribute.{place}.person");
        let by = match &person.by {
            Some(name) => Some(self.find(name, &key)?),
            None => None,
        };
        let names: Vec<String> =
            by.and_then(|by| self.planned[by].kind.names()).unwrap_or_default().to_vec();
        for category in person.female.iter().chain(&person.male) {
            if !names.contains(category) {
                let hint = format!("its categories are {}", names.join(", "));
                self.problem(&key, format!("there is no category `{category}`"), hint);
            }
        }
        let kind = |name: &String| match (person.female.contains(name), person.male.contains(name))
        {
            (true, false) => FirstNames::Female,
            (false, true) => FirstNames::Male,
            _ => FirstNames::Either,
        };
        let kinds = names.iter().map(kind).collect();
        Some(Stage::Person { key: self.planned[place].name.clone(), attribute: place, by, kinds })
    }

    fn number(&mut self, place: usize, redrawn: &BTreeMap<usize, usize>) -> Option<Stage> {
        let spec = self.spec;
        let attribute = &spec.attributes[place];
        let key = format!("attribute.{place}");
        let mut cases = Vec::new();
        let mut given = None;
        if let Some(by) = &attribute.given {
            let of = self.find(&by.attribute, &key)?;
            let names = self.planned[of].kind.names().unwrap_or_default().to_vec();
            for name in &names {
                match by.cases.get(name) {
                    Some(case) => {
                        let key = format!("{key}.given.cases.{name}");
                        cases.extend(quantiles(
                            case,
                            &key,
                            attribute.integer,
                            self.source,
                            &mut self.problems,
                        ));
                    }
                    None => self.problem(
                        format!("{key}.given.cases"),
                        format!("there is no distribution for `{}` = `{name}`", by.attribute),
                        "give one for each category",
                    ),
                }
            }
            if let Some(extra) = by.cases.keys().find(|case| !names.contains(case)) {
                let hint = format!("its categories are {}", names.join(", "));
                self.problem(
                    format!("{key}.given.cases.{extra}"),
                    format!("`{}` has no such category", by.attribute),
                    hint,
                );
            }
            given = Some(of);
        } else {
            let distribution = attribute.distribution();
            cases.extend(quantiles(
                &distribution,
                &key,
                attribute.integer,
                self.source,
                &mut self.problems,
            ));
        }
        Some(Stage::Number(Number {
            key: attribute.name.clone(),
            attribute: place,
            integer: attribute.integer,
            given,
            cases,
            group: self.planned[place].group,
            constraints: redrawn
                .iter()
                .filter(|(_, number)| **number == place)
                .map(|(rule, _)| *rule)
                .collect(),
        }))
    }
}

/// Values that a category sets, as a column.
pub(crate) fn fixed_column(values: &[Fixed]) -> (Kind, Lookup) {
    let numbers: Option<Vec<f64>> = values
        .iter()
        .map(|value| match value {
            Fixed::Number(number) => Some(*number),
            Fixed::Text(_) => None,
        })
        .collect();
    if let Some(numbers) = numbers {
        let integer = numbers.iter().all(|number| number.fract().abs() <= 0.0);
        return (Kind::Number { integer }, Lookup::Numbers(numbers));
    }
    let mut names: Vec<String> = Vec::new();
    let codes = values.iter().map(|value| {
        let text = match value {
            Fixed::Number(number) => number.to_string(),
            Fixed::Text(text) => text.clone(),
        };
        names.iter().position(|name| *name == text).unwrap_or_else(|| {
            names.push(text);
            names.len() - 1
        }) as u16
    });
    let codes = codes.collect();
    (Kind::Category(names), Lookup::Codes(codes))
}
