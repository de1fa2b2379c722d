//! One stage of a plan: how the values of an attribute, or of a table's attributes, are made.

use super::{
    BTreeMap, Conditional, FirstNames, Formula, Number, Planner, Stage, Target, blocks, cumulative,
    quantiles,
};

impl Planner<'_> {
    pub(super) fn stage(
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

    pub(super) fn conditional(&mut self, place: usize, table: usize) -> Option<Stage> {
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

    pub(super) fn derived(&mut self, place: usize) -> Option<Stage> {
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

    pub(super) fn person(
        &mut self,
        place: usize,
        person: &crate::spec::PersonName,
    ) -> Option<Stage> {
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

    pub(super) fn number(
        &mut self,
        place: usize,
        redrawn: &BTreeMap<usize, usize>,
    ) -> Option<Stage> {
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
