//! Attributes that are drawn together: which they are, and the weights of their cells.

use std::collections::BTreeSet;

use crate::fit::{Margin, Misfit, fit};
use crate::plan::Planner;
use crate::spec::Role;
use crate::stage::{CELLS_MAX, Cells, Lookup, Stage, Target, categories, combination, cumulative};
use crate::tables::cell_name;

/// For each attribute the first one of its block, itself where it is drawn alone.
pub(crate) fn blocks(planner: &mut Planner<'_>) -> Vec<usize> {
    let mut blocks: Vec<usize> = (0..planner.planned.len()).collect();
    let people: Vec<usize> =
        planner.columns.keys().copied().filter(|place| is_people(planner, *place)).collect();
    join(&mut blocks, &people);
    for place in 0..planner.tables.len() {
        let table = &planner.tables[place];
        if table.given == 0 {
            let attributes = table.attributes.clone();
            if check_joint(planner, &attributes, place) {
                join(&mut blocks, &attributes);
            }
        }
    }
    for rule in 0..planner.rules.len() {
        let mut bases = BTreeSet::new();
        planner.rules[rule].inputs.iter().for_each(|place| planner.bases(*place, &mut bases));
        if bases.iter().all(|base| in_cells(planner, *base)) {
            join(&mut blocks, &bases.into_iter().collect::<Vec<_>>());
        }
    }
    blocks
}

fn join(blocks: &mut [usize], members: &[usize]) {
    let Some(first) = members.iter().map(|member| blocks[*member]).min() else { return };
    let old: BTreeSet<usize> = members.iter().map(|member| blocks[*member]).collect();
    blocks.iter_mut().filter(|block| old.contains(block)).for_each(|block| *block = first);
}

fn is_people(planner: &Planner<'_>, place: usize) -> bool {
    planner.spec.attributes.get(place).is_some_and(|attribute| attribute.column.is_some())
}

fn is_conditional(planner: &Planner<'_>, place: usize) -> bool {
    planner.tables.iter().any(|table| table.given > 0 && table.attributes.last() == Some(&place))
}

/// Whether an attribute is drawn from cells: categories without a condition, or a column of existing people.
fn in_cells(planner: &Planner<'_>, place: usize) -> bool {
    let declared = planner.spec.attributes.get(place);
    let categories = declared.is_some_and(|attribute| attribute.categories.is_some());
    (categories && !is_conditional(planner, place)) || is_people(planner, place)
}

fn check_joint(planner: &mut Planner<'_>, attributes: &[usize], table: usize) -> bool {
    let bad = attributes.iter().find(|place| !in_cells(planner, **place));
    if let Some(place) = bad {
        let name = planner.planned[*place].name.clone();
        let hint = "a joint table is over attributes with `categories` that no other table makes conditional";
        planner.problem(
            format!("table.{table}.of"),
            format!("`{name}` is not drawn by shares"),
            hint,
        );
        return false;
    }
    let groups: BTreeSet<Option<usize>> =
        attributes.iter().map(|place| planner.planned[*place].group).collect();
    let kinds: BTreeSet<bool> = attributes.iter().map(|place| is_people(planner, *place)).collect();
    if groups.len() > 1 || kinds.len() > 1 {
        let message = "it joins attributes that are drawn from different things";
        let hint =
            "all are shared by one group, or none; all are columns of existing people, or none";
        planner.problem(format!("table.{table}.of"), message, hint);
        return false;
    }
    true
}

/// Whether one block holds everything that a rule is about, so that its cells keep the rule.
pub(crate) fn holds_rule(planner: &Planner<'_>, blocks: &[usize], bases: &BTreeSet<usize>) -> bool {
    bases.iter().all(|base| in_cells(planner, *base))
        && bases.iter().map(|base| blocks[*base]).collect::<BTreeSet<_>>().len() <= 1
}

/// The cells of the block that begins with `first`.
pub(crate) fn cells(planner: &mut Planner<'_>, first: usize, blocks: &[usize]) -> Option<Stage> {
    let attributes: Vec<usize> =
        (0..blocks.len()).filter(|place| blocks[*place] == first).collect();
    let (columns, mut weights) = if is_people(planner, first) {
        rows(planner, &attributes)?
    } else {
        product(planner, &attributes)?
    };
    let group = planner.planned[first].group;
    if attributes.iter().any(|place| planner.planned[*place].group != group) {
        let message = "a constraint joins attributes that are not all shared by one group";
        planner.problem("constraint", message, "share all of them or none");
        return None;
    }
    forbid(planner, &attributes, &columns, &mut weights)?;
    let margins = margins(planner, &attributes, &columns);
    settle(planner, &attributes, &margins, &mut weights)?;
    for (key, target, _) in margins
        .into_iter()
        .filter(|(_, target, _)| target.shares.as_ref().is_some_and(|s| s.len() <= 4_096))
    {
        let known = planner
            .targets
            .iter()
            .any(|other| other.attributes == target.attributes && other.given == 0);
        debug_assert!(!key.is_empty(), "a margin says where it stands");
        if !known {
            planner.targets.push(target);
        }
    }
    let names: Vec<&str> =
        attributes.iter().map(|place| planner.planned[*place].name.as_str()).collect();
    let key = if is_people(planner, first) { "people".to_owned() } else { names.join("+") };
    Some(Stage::Cells(Cells { key, attributes, columns, cumulative: cumulative(&weights), group }))
}

/// The rows of existing people with their weights.
fn rows(planner: &mut Planner<'_>, attributes: &[usize]) -> Option<(Vec<Lookup>, Vec<f64>)> {
    let columns: Vec<Lookup> =
        attributes.iter().filter_map(|place| planner.columns.get(place).cloned()).collect();
    let people = planner.people.as_ref()?;
    let rows = people.table.rows;
    let weights = match planner.spec.people.as_ref().and_then(|people| people.weight.as_deref()) {
        None => Ok(vec![1.0; rows]),
        Some(column) => people.numbers(column, "people.weight"),
    };
    match weights {
        Ok(weights)
            if weights.iter().all(|weight| *weight >= 0.0) && weights.iter().sum::<f64>() > 0.0 =>
        {
            Some((columns, weights))
        }
        Ok(weights) => {
            let negative = weights.iter().position(|weight| *weight < 0.0);
            let message = match negative {
                Some(row) => format!("row {} has a weight of {}", row + 1, weights[row]),
                None => "the weights are all 0, or there is nobody".to_owned(),
            };
            planner.problem("people.weight", message, "give weights of 0 or more, not all 0");
            None
        }
        Err(problem) => {
            planner.problems.push(problem);
            None
        }
    }
}

/// All combinations, weighted by a seed table where one is given, and alike otherwise.
fn product(planner: &mut Planner<'_>, attributes: &[usize]) -> Option<(Vec<Lookup>, Vec<f64>)> {
    let sizes = planner.sizes(attributes);
    let cells = sizes
        .iter()
        .try_fold(1_usize, |cells, size| cells.checked_mul(*size))
        .filter(|cells| *cells <= CELLS_MAX);
    let Some(cells) = cells else {
        let names: Vec<String> =
            attributes.iter().map(|place| planner.planned[*place].name.clone()).collect();
        let message = format!(
            "{} are drawn together and have more than {CELLS_MAX} combinations",
            names.join(", ")
        );
        planner.problem("table", message, "make some of the tables conditional with `given`");
        return None;
    };
    let mut columns = vec![Vec::with_capacity(cells); attributes.len()];
    for cell in 0..cells {
        for (column, code) in columns.iter_mut().zip(categories(cell, &sizes)) {
            column.push(code as u16);
        }
    }
    let columns: Vec<Lookup> = columns.into_iter().map(Lookup::Codes).collect();
    let mut weights = vec![1.0; cells];
    for table in planner
        .tables
        .iter()
        .filter(|table| table.role == Role::Seed && attributes.contains(&table.attributes[0]))
    {
        let classes = classes(attributes, &columns, &table.attributes, &table.sizes);
        for (weight, class) in weights.iter_mut().zip(classes) {
            *weight *= table.shares[class as usize];
        }
    }
    Some((columns, weights))
}

/// For each cell, its combination of some of the block's attributes.
fn classes(attributes: &[usize], columns: &[Lookup], of: &[usize], sizes: &[usize]) -> Vec<u32> {
    let chosen: Vec<&Lookup> = of
        .iter()
        .filter_map(|place| attributes.iter().position(|other| other == place))
        .map(|at| &columns[at])
        .collect();
    let cells = match &columns[0] {
        Lookup::Codes(codes) => codes.len(),
        Lookup::Numbers(numbers) => numbers.len(),
    };
    let code = |column: &&Lookup, cell: usize| match column {
        Lookup::Codes(codes) => usize::from(codes[cell]),
        Lookup::Numbers(_) => 0,
    };
    (0..cells)
        .map(|cell| combination(chosen.iter().map(|column| code(column, cell)), sizes) as u32)
        .collect()
}

/// Takes all weight from cells that break a rule.
fn forbid(
    planner: &mut Planner<'_>,
    attributes: &[usize],
    columns: &[Lookup],
    weights: &mut [f64],
) -> Option<()> {
    for rule in 0..planner.rules.len() {
        let mut bases = BTreeSet::new();
        planner.rules[rule].inputs.iter().for_each(|place| planner.bases(*place, &mut bases));
        if !bases.iter().all(|base| attributes.contains(base)) {
            continue;
        }
        let key = format!("constraint.{rule}.require");
        for (cell, weight) in weights.iter_mut().enumerate() {
            match rule_holds(planner, rule, attributes, columns, cell) {
                Ok(true) => {}
                Ok(false) => *weight = 0.0,
                Err(message) => {
                    planner.problem(key, message, "mend the expression");
                    return None;
                }
            }
        }
        if weights.iter().all(|weight| *weight <= 0.0) {
            planner.problem(key, "nobody can meet it together with the others", "loosen it");
            return None;
        }
    }
    Some(())
}

fn rule_holds(
    planner: &Planner<'_>,
    rule: usize,
    attributes: &[usize],
    columns: &[Lookup],
    cell: usize,
) -> Result<bool, String> {
    let rule = &planner.rules[rule];
    let mut values = Vec::new();
    for input in &rule.inputs {
        values.push((
            planner.planned[*input].name.as_str(),
            cell_value(planner, *input, attributes, columns, cell)?,
        ));
    }
    Ok(rule.formula.evaluate(values.into_iter())?.is_true())
}

/// The value of an attribute in a cell, worked out where it follows from those of the block.
fn cell_value(
    planner: &Planner<'_>,
    place: usize,
    attributes: &[usize],
    columns: &[Lookup],
    cell: usize,
) -> Result<minijinja::Value, String> {
    let named = |values: &Lookup, at: usize| match values {
        Lookup::Numbers(numbers) => minijinja::Value::from(numbers[at]),
        Lookup::Codes(codes) => {
            let names = planner.planned[place].kind.names().unwrap_or_default();
            minijinja::Value::from(names[usize::from(codes[at])].as_str())
        }
    };
    if let Some(at) = attributes.iter().position(|other| *other == place) {
        return Ok(named(&columns[at], cell));
    }
    if let Some((of, values)) = planner.set.get(&place) {
        let at = attributes.iter().position(|other| other == of).map(|at| &columns[at]);
        if let Some(Lookup::Codes(codes)) = at {
            return Ok(named(values, usize::from(codes[cell])));
        }
    }
    if let Some(formula) = planner.formulas.get(&place) {
        let mut values = Vec::new();
        for name in &formula.names {
            values.push((
                name.as_str(),
                cell_value(planner, planner.names[name], attributes, columns, cell)?,
            ));
        }
        return formula.evaluate(values.into_iter());
    }
    let bands = planner.spec.attributes.get(place).and_then(|attribute| attribute.bands.as_ref());
    let bands = bands.ok_or_else(|| {
        format!("`{}` does not follow from the cell", planner.planned[place].name)
    })?;
    let number = cell_value(planner, planner.names[&bands.of], attributes, columns, cell)?;
    let number = f64::try_from(number).map_err(|error| error.to_string())?;
    Ok(minijinja::Value::from(
        bands.names[bands.cuts.partition_point(|cut| *cut <= number)].as_str(),
    ))
}

type KeyedMargin = (String, Target, Margin);

/// The margins of a block: shares of its categories, and the tables that it must fit.
fn margins(
    planner: &mut Planner<'_>,
    attributes: &[usize],
    columns: &[Lookup],
) -> Vec<KeyedMargin> {
    let mut margins = Vec::new();
    for place in attributes {
        let shares = own_shares(planner, *place);
        let size = planner.sizes(&[*place]);
        let fitted = planner.tables.iter().any(|table| {
            table.given == 0 && table.role == Role::Fit && table.attributes.contains(place)
        });
        if shares.is_none() && !fitted && !is_people(planner, *place) {
            let name = planner.planned[*place].name.clone();
            planner.problem(
                format!("attribute.{place}.categories"),
                format!("nothing says how frequent the categories of `{name}` are"),
                "give shares or a table",
            );
        }
        if let Some(shares) = shares {
            let classes = classes(attributes, columns, &[*place], &size);
            let target = Target {
                attributes: vec![*place],
                sizes: size,
                given: 0,
                shares: Some(shares.clone()),
            };
            margins.push((
                format!("attribute.{place}.categories"),
                target,
                Margin { classes, shares },
            ));
        }
    }
    for (number, table) in planner.tables.iter().enumerate() {
        if table.given == 0 && table.role == Role::Fit && attributes.contains(&table.attributes[0])
        {
            let classes = classes(attributes, columns, &table.attributes, &table.sizes);
            let target = Target {
                attributes: table.attributes.clone(),
                sizes: table.sizes.clone(),
                given: 0,
                shares: Some(table.shares.clone()),
            };
            margins.push((
                format!("table.{number}"),
                target,
                Margin { classes, shares: table.shares.clone() },
            ));
        }
    }
    margins
}

fn own_shares(planner: &Planner<'_>, place: usize) -> Option<Vec<f64>> {
    let shares: Option<Vec<f64>> = match planner.spec.attributes.get(place) {
        Some(attribute) if attribute.date.is_some() => {
            let days = planner.sizes(&[place])[0];
            Some(vec![1.0; days])
        }
        Some(attribute) => {
            attribute.categories.as_ref()?.iter().map(|category| category.share).collect()
        }
        None => {
            planner.spec.models.as_ref().map(|models| models.shares.values().copied().collect())
        }
    };
    let shares = shares?;
    let total: f64 = shares.iter().sum();
    Some(shares.into_iter().map(|share| share / total).collect())
}

/// Fits the weights to the margins, or says which of them cannot be had.
fn settle(
    planner: &mut Planner<'_>,
    attributes: &[usize],
    margins: &[KeyedMargin],
    weights: &mut [f64],
) -> Option<()> {
    let plain: Vec<Margin> = margins.iter().map(|(_, _, margin)| margin.clone()).collect();
    let (margin, class, message, hint) = match fit(weights, &plain) {
        Ok(_) => return Some(()),
        Err(Misfit::Empty { margin, class }) => (
            margin,
            class,
            "has a share, and nobody can be there".to_owned(),
            "a seed, a constraint or another table leaves it out; make them agree",
        ),
        Err(Misfit::Unsettled { margin, class, target, found }) => {
            let message = format!(
                "must have a share of {target:.6} and gets {found:.6}, whatever the weights"
            );
            (margin, class, message, "another table or the shares say otherwise; make them agree")
        }
    };
    let (key, target, _) = &margins[margin];
    let cell = cell_name(&planner.planned, &target.attributes, &target.sizes, class);
    debug_assert!(!attributes.is_empty(), "a block has members");
    planner.problem(key.clone(), format!("{cell} {message}"), hint);
    None
}
