//! Joint and conditional tables: numbers written out or in files, checked against the attributes.

use crate::problem::Problem;
use crate::source::Source;
use crate::spec::{Role, TableSpec};
use crate::stage::{CELLS_MAX, Planned, categories, combination};
use std::collections::BTreeMap;

/// Shares may miss a sum of 1 by this much, since they are decimal.
pub(crate) const SUM_SLACK: f64 = 1e-6;

/// A table over attributes with categories, as dense shares.
#[derive(Debug)]
pub(crate) struct Table {
    /// The conditions first, then the attributes whose shares it gives.
    pub attributes: Vec<usize>,
    pub sizes: Vec<usize>,
    pub given: usize,
    pub role: Role,
    /// Sum 1, or under a condition sum 1 for each combination of its categories.
    pub shares: Vec<f64>,
}

/// Reads and checks a table; problems go under `key`.
pub(crate) fn table(
    spec: &TableSpec,
    key: &str,
    planned: &[Planned],
    names: &BTreeMap<String, usize>,
    source: &Source,
) -> Result<Table, Problem> {
    let attributes = attributes(spec, key, planned, names)?;
    let sizes: Vec<usize> =
        attributes.iter().map(|place| planned[*place].kind.names().map_or(0, <[_]>::len)).collect();
    let cells = sizes.iter().try_fold(1_usize, |cells, size| cells.checked_mul(*size));
    let cells = cells.filter(|cells| *cells <= CELLS_MAX).ok_or_else(|| {
        let message = format!("it has more than {CELLS_MAX} cells");
        Problem::new(key, message, "use fewer attributes or fewer categories")
    })?;
    let values = match &spec.file {
        None => inline(spec, key, &sizes)?,
        Some(file) => from_file(spec, file, key, planned, &attributes, &sizes, source, cells)?,
    };
    let bad = values.iter().position(|value| !(value.is_finite() && *value >= 0.0));
    if let Some(cell) = bad {
        let message =
            format!("{} is {}", cell_name(planned, &attributes, &sizes, cell), values[cell]);
        return Err(Problem::new(key, message, "numbers are finite and not below 0"));
    }
    let given = spec.given.len();
    let mut table = Table { attributes, sizes, given, role: spec.role, shares: values };
    normalise(&mut table, key, planned)?;
    Ok(table)
}

fn attributes(
    spec: &TableSpec,
    key: &str,
    planned: &[Planned],
    names: &BTreeMap<String, usize>,
) -> Result<Vec<usize>, Problem> {
    let mut found = Vec::new();
    for name in spec.given.iter().chain(&spec.of) {
        let place = *names.get(name).ok_or_else(|| {
            let known: Vec<&str> = names.keys().map(String::as_str).collect();
            let message = format!("there is no attribute `{name}`");
            Problem::new(key, message, format!("there are {}", known.join(", ")))
        })?;
        if planned[place].kind.names().is_none() {
            let message = format!("`{name}` has no categories");
            return Err(Problem::new(key, message, "cut the number with `bands` and name these"));
        }
        if found.contains(&place) {
            return Err(Problem::new(key, format!("`{name}` is named twice"), "name it once"));
        }
        found.push(place);
    }
    let right = if spec.given.is_empty() { !spec.of.is_empty() } else { spec.of.len() == 1 };
    if !right {
        let hint = "`of` names the attributes; a table with `given` has exactly one";
        return Err(Problem::new(key, "it gives the shares of no attribute or of several", hint));
    }
    if !spec.given.is_empty() && spec.role == Role::Seed {
        return Err(Problem::new(key, "a conditional table cannot be a seed", "leave out `role`"));
    }
    Ok(found)
}

fn inline(spec: &TableSpec, key: &str, sizes: &[usize]) -> Result<Vec<f64>, Problem> {
    let (width, rows) =
        (sizes[sizes.len() - 1], sizes[..sizes.len() - 1].iter().product::<usize>());
    if spec.values.len() != rows || spec.values.iter().any(|row| row.len() != width) {
        let found: Vec<String> = spec.values.iter().map(|row| row.len().to_string()).collect();
        let message = format!("its rows have [{}] numbers", found.join(", "));
        let hint = format!("give `file`, or `values` with {rows} rows of {width} numbers each");
        return Err(Problem::new(format!("{key}.values"), message, hint));
    }
    Ok(spec.values.concat())
}

fn from_file(
    spec: &TableSpec,
    file: &str,
    key: &str,
    planned: &[Planned],
    attributes: &[usize],
    sizes: &[usize],
    source: &Source,
    cells: usize,
) -> Result<Vec<f64>, Problem> {
    let key = &format!("{key}.file");
    if !spec.values.is_empty() {
        return Err(Problem::new(key, "`values` are given too", "give one of them"));
    }
    let table = source.table(file, key)?;
    let counts = table.numbers(spec.value.as_deref().unwrap_or("count"), key)?;
    let mut codes = vec![vec![0_usize; attributes.len()]; counts.len()];
    for (dimension, place) in attributes.iter().enumerate() {
        let attribute = &planned[*place];
        let known = attribute.kind.names().unwrap_or_default();
        let known: BTreeMap<&str, usize> =
            known.iter().enumerate().map(|(code, name)| (name.as_str(), code)).collect();
        for (row, text) in table.texts(&attribute.name, key)?.iter().enumerate() {
            codes[row][dimension] = *known.get(text).ok_or_else(|| {
                let message = format!(
                    "`{file}`, row {}: `{}` has no category `{text}`",
                    row + 1,
                    attribute.name
                );
                let names: Vec<&str> = known.keys().copied().collect();
                Problem::new(key, message, format!("its categories are {}", names.join(", ")))
            })?;
        }
    }
    let mut values = vec![0.0; cells];
    for (codes, count) in codes.iter().zip(counts) {
        values[combination(codes.iter().copied(), sizes)] += count;
    }
    let covered =
        |dimension: usize, code: usize| codes.iter().any(|codes| codes[dimension] == code);
    for (dimension, place) in attributes.iter().enumerate() {
        if let Some(code) = (0..sizes[dimension]).find(|code| !covered(dimension, *code)) {
            let attribute = &planned[*place];
            let category = &attribute.kind.names().unwrap_or_default()[code];
            let message = format!("`{file}` has no row for `{}` = `{category}`", attribute.name);
            return Err(Problem::new(
                key,
                message,
                "add rows, with a count of 0 where there is none",
            ));
        }
    }
    Ok(values)
}

/// Makes the whole, or each row of a conditional table, sum to 1.
fn normalise(table: &mut Table, key: &str, planned: &[Planned]) -> Result<(), Problem> {
    let rows: usize = table.sizes[..table.given].iter().product();
    let width = table.shares.len() / rows.max(1);
    for (row, shares) in table.shares.chunks_mut(width.max(1)).enumerate() {
        let total: f64 = shares.iter().sum();
        if total <= 0.0 || !total.is_finite() {
            let what = cell_name(
                planned,
                &table.attributes[..table.given],
                &table.sizes[..table.given],
                row,
            );
            let message = if table.given == 0 {
                "it is all 0".to_owned()
            } else {
                format!("there is nothing for {what}")
            };
            return Err(Problem::new(key, message, "give a number above 0 for each combination"));
        }
        shares.iter_mut().for_each(|share| *share /= total);
    }
    Ok(())
}

/// A cell in words, such as `age` = `18-29`, `education` = `phd`.
pub(crate) fn cell_name(
    planned: &[Planned],
    attributes: &[usize],
    sizes: &[usize],
    cell: usize,
) -> String {
    let parts = attributes.iter().zip(categories(cell, sizes)).map(|(place, code)| {
        let attribute = &planned[*place];
        let names = attribute.kind.names().unwrap_or_default();
        format!("`{}` = `{}`", attribute.name, names.get(code).map_or("?", String::as_str))
    });
    parts.collect::<Vec<_>>().join(", ")
}
