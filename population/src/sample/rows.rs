//! A block of agents, attribute by attribute.

use super::{
    AgentId, Cells, Census, Conditional, Error, Lookup, Number, Permutation, Prepared, REDRAWS_MAX,
    Result, Sampler, Stage, Value, Values, combination, names, parents,
};

/// A block of agents whose attributes are being made.
pub(super) struct Rows<'s> {
    pub(super) sampler: &'s Sampler,
    pub(super) block: usize,
    pub(super) first: u64,
    pub(super) agents: usize,
    pub(super) columns: Vec<Values>,
}

impl Rows<'_> {
    pub(super) fn play(&mut self, stage: &Stage, prepared: &Prepared) -> Result<()> {
        match (stage, prepared) {
            (Stage::Cells(cells), Prepared::Cells { order, cuts }) => {
                self.cells(cells, order, cuts);
            }
            (Stage::Conditional(conditional), Prepared::Conditional(census)) => {
                self.conditional(conditional, census);
            }
            (Stage::Number(number), Prepared::Number { order }) => self.number(number, order)?,
            (Stage::Lookup { attribute, inputs, sizes, values }, _) => {
                let combinations = (0..self.agents).map(|row| {
                    combination(inputs.iter().map(|input| self.code(*input, row)), sizes)
                });
                self.columns[*attribute] = match values {
                    Lookup::Codes(codes) => {
                        Values::Codes(combinations.map(|cell| codes[cell]).collect())
                    }
                    Lookup::Numbers(numbers) => {
                        Values::Numbers(combinations.map(|cell| numbers[cell]).collect())
                    }
                };
            }
            (Stage::Bands { attribute, of, cuts }, _) => {
                let band =
                    |row| cuts.partition_point(|cut| *cut <= self.number_at(*of, row)) as u16;
                self.columns[*attribute] = Values::Codes((0..self.agents).map(band).collect());
            }
            (Stage::Derived { attribute, formula, inputs }, _) => {
                let mut numbers = Vec::with_capacity(self.agents);
                for row in 0..self.agents {
                    let values =
                        inputs.iter().map(|input| (self.name(*input), self.value(*input, row)));
                    let value = formula.evaluate(values).and_then(|value| {
                        f64::try_from(value).map_err(|_| "it gives no number".to_owned())
                    });
                    numbers.push(value.map_err(|message| {
                        self.fail(row, format!("`{}`: {message}", self.name(*attribute)))
                    })?);
                }
                self.columns[*attribute] = Values::Numbers(numbers);
            }
            (Stage::Person { key, attribute, by, kinds }, _) => {
                let streams = self.sampler.streams("name", key, 0);
                let kind = |row| {
                    by.map_or(crate::stage::FirstNames::Either, |by| kinds[self.code(by, row)])
                };
                let name = |row| names::name(kind(row), &mut streams.agent(self.agent(row)));
                self.columns[*attribute] = Values::Texts((0..self.agents).map(name).collect());
            }
            (Stage::GroupNumber { attribute, group }, _) => {
                let number = |row| self.sampler.groups[*group].of(self.first + row as u64) as f64;
                self.columns[*attribute] = Values::Numbers((0..self.agents).map(number).collect());
            }
            _ => unreachable!("each stage was prepared as what it is"),
        }
        Ok(())
    }

    pub(super) fn agent(&self, row: usize) -> AgentId {
        AgentId((self.first + row as u64) as u32)
    }

    pub(super) fn name(&self, attribute: usize) -> &str {
        &self.sampler.plan.attributes[attribute].name
    }

    pub(super) fn unit(&self, group: Option<usize>, row: usize) -> u64 {
        let agent = self.first + row as u64;
        group.map_or(agent, |group| self.sampler.groups[group].of(agent))
    }

    pub(super) fn cells(&mut self, cells: &Cells, order: &Permutation, cuts: &[u64]) {
        let places: Vec<u32> = (0..self.agents)
            .map(|row| {
                let place = order.place(self.unit(cells.group, row));
                cuts.partition_point(|cut| *cut <= place) as u32
            })
            .collect();
        for (attribute, values) in cells.attributes.iter().zip(&cells.columns) {
            self.columns[*attribute] = match values {
                Lookup::Codes(codes) => {
                    Values::Codes(places.iter().map(|cell| codes[*cell as usize]).collect())
                }
                Lookup::Numbers(numbers) => {
                    Values::Numbers(places.iter().map(|cell| numbers[*cell as usize]).collect())
                }
            };
        }
    }

    pub(super) fn conditional(&mut self, conditional: &Conditional, census: &Census) {
        let mut next =
            census.before[self.block * census.combinations..][..census.combinations].to_vec();
        let mut codes = Vec::with_capacity(self.agents);
        for row in 0..self.agents {
            let parents = parents(conditional, &self.columns, row);
            let rank = next[parents];
            next[parents] += 1;
            let order = census.orders[parents].as_ref().expect("the census counted this agent");
            let place = order.place(u64::from(rank)) as u32;
            let cuts = &census.cuts[parents * conditional.categories..][..conditional.categories];
            codes.push(cuts.partition_point(|cut| *cut <= place) as u16);
        }
        self.columns[conditional.attribute] = Values::Codes(codes);
    }

    pub(super) fn number(&mut self, number: &Number, order: &Permutation) -> Result<()> {
        let within = self.sampler.streams("within", &number.key, 0);
        let width = 1.0 / order.size() as f64;
        let mut values = Vec::with_capacity(self.agents);
        for row in 0..self.agents {
            let unit = self.unit(number.group, row);
            let quantiles = &number.cases[number.given.map_or(0, |given| self.code(given, row))];
            let at = order.place(unit) as f64 + within.agent(AgentId(unit as u32)).uniform();
            // The ends themselves have no quantile.
            let mut value =
                quantiles.at((at * width).clamp(f64::EPSILON, 1.0 - f64::EPSILON), number.integer);
            let mut attempt = 0;
            while let Some(rule) = self.broken(number, row, value)? {
                attempt += 1;
                if attempt > REDRAWS_MAX {
                    let source = &self.sampler.plan.rules[rule].source;
                    let message = format!(
                        "no `{}` of {REDRAWS_MAX} meets `{source}`; loosen the constraint or widen the distribution",
                        number.key
                    );
                    return Err(self.fail(row, message));
                }
                let again = self.sampler.streams("within", &number.key, attempt);
                let u = again.agent(AgentId(unit as u32)).uniform();
                value = quantiles.at(u.clamp(f64::EPSILON, 1.0 - f64::EPSILON), number.integer);
            }
            values.push(value);
        }
        self.columns[number.attribute] = Values::Numbers(values);
        Ok(())
    }

    /// The first constraint that a number would break.
    pub(super) fn broken(&self, number: &Number, row: usize, value: f64) -> Result<Option<usize>> {
        for rule in &number.constraints {
            let checked = &self.sampler.plan.rules[*rule];
            let mut values = Vec::with_capacity(checked.inputs.len());
            for input in &checked.inputs {
                values
                    .push((self.name(*input), self.follow(*input, row, number.attribute, value)?));
            }
            let held = checked.formula.evaluate(values.into_iter());
            if !held
                .map_err(|message| self.fail(row, format!("`{}`: {message}", checked.source)))?
                .is_true()
            {
                return Ok(Some(*rule));
            }
        }
        Ok(None)
    }

    /// The value of an attribute that is made already, or that follows from a number under trial.
    pub(super) fn follow(
        &self,
        attribute: usize,
        row: usize,
        trial: usize,
        value: f64,
    ) -> Result<Value> {
        if attribute == trial {
            return Ok(Value::from(value));
        }
        if !self.columns[attribute].is_empty() {
            return Ok(self.value(attribute, row));
        }
        let maker =
            self.sampler.plan.stages.iter().find(|stage| stage.makes().contains(&attribute));
        match maker {
            Some(Stage::Bands { of, cuts, .. }) => {
                let number =
                    f64::try_from(self.follow(*of, row, trial, value)?).unwrap_or(f64::NAN);
                Ok(self.sampler.words[attribute][cuts.partition_point(|cut| *cut <= number)]
                    .clone())
            }
            Some(Stage::Derived { formula, inputs, .. }) => {
                let mut values = Vec::with_capacity(inputs.len());
                for input in inputs {
                    values.push((self.name(*input), self.follow(*input, row, trial, value)?));
                }
                formula.evaluate(values.into_iter()).map_err(|message| self.fail(row, message))
            }
            _ => Err(self.fail(
                row,
                format!("`{}` is not known when the constraint is checked", self.name(attribute)),
            )),
        }
    }

    pub(super) fn fail(&self, row: usize, message: String) -> Error {
        Error::Agent { agent: self.agent(row).0, message }
    }

    pub(super) fn code(&self, attribute: usize, row: usize) -> usize {
        match &self.columns[attribute] {
            Values::Codes(codes) => usize::from(codes[row]),
            Values::Numbers(_) | Values::Texts(_) => 0,
        }
    }

    pub(super) fn number_at(&self, attribute: usize, row: usize) -> f64 {
        match &self.columns[attribute] {
            Values::Numbers(numbers) => numbers[row],
            Values::Codes(_) | Values::Texts(_) => f64::NAN,
        }
    }

    pub(super) fn value(&self, attribute: usize, row: usize) -> Value {
        self.sampler.value(attribute, &self.columns[attribute], row)
    }
}
