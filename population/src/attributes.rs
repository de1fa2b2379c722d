//! Declares the columns of a population: what each is called and which values it can have.

use std::collections::BTreeSet;

use crate::days::{format_day, parse_day};
use crate::expression::Formula;
use crate::plan::{Planner, fixed_column};
use crate::spec::{ATTRIBUTES_MAX, Attribute, Bands, Category, Fixed};
use crate::stage::{CATEGORIES_MAX, GroupPlan, Kind, Lookup, Planned, Target};
use crate::tables::SUM_SLACK;

/// Names of columns that the tables of a run need for themselves.
const RESERVED: [&str; 6] = ["agent", "background", "background_name", "model", "round", "status"];
/// Most members of a group.
const MEMBERS_MAX: u32 = 10_000;

/// Declares everything that becomes a column.
pub(crate) fn declare(planner: &mut Planner<'_>) {
    let spec = planner.spec;
    if spec.attributes.is_empty() || spec.attributes.len() > ATTRIBUTES_MAX {
        let message = format!("there are {} attributes", spec.attributes.len());
        planner.problem("attribute", message, format!("give 1 to {ATTRIBUTES_MAX}"));
    }
    if let Some(people) = &spec.people {
        match planner.source.table(&people.file, "people.file") {
            Ok(table) => planner.people = Some(table),
            Err(problem) => planner.problems.push(problem),
        }
    }
    for (place, attribute) in spec.attributes.iter().enumerate() {
        let key = format!("attribute.{place}");
        if RESERVED.contains(&attribute.name.as_str()) {
            planner.problem(
                format!("{key}.name"),
                format!("`{}` is a column of every run", attribute.name),
                "give it another name",
            );
        }
        let kind = kind(planner, place, attribute, &key);
        add(planner, &attribute.name, &attribute.about, kind, &format!("{key}.name"));
    }
    spec.attributes
        .iter()
        .enumerate()
        .for_each(|(place, attribute)| set_columns(planner, place, attribute));
    groups(planner);
    models(planner);
    for (place, attribute) in spec.attributes.iter().enumerate() {
        if let Some(bands) = &attribute.bands {
            check_bands(planner, bands, &format!("attribute.{place}.bands"));
        }
    }
    check_streams(planner);
}

/// Adds a column; its place is known from then on by its name.
fn add(planner: &mut Planner<'_>, name: &str, about: &str, kind: Kind, key: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fine = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
        && name.len() <= throng_data::NAME_BYTES_MAX;
    if !fine {
        let hint = "use at most 64 lower-case letters, digits and `_`, a letter first";
        planner.problem(key, format!("`{name}` cannot be a column's name"), hint);
    }
    let place = planner.planned.len();
    if planner.names.insert(name.to_owned(), place).is_some() {
        planner.problem(key, format!("`{name}` is declared twice"), "name each once");
    }
    let about = if about.is_empty() {
        format!("the agent's {}", name.replace('_', " "))
    } else {
        about.to_owned()
    };
    planner.planned.push(Planned { name: name.to_owned(), about, kind, group: None });
    place
}

fn kind(planner: &mut Planner<'_>, place: usize, attribute: &Attribute, key: &str) -> Kind {
    let number = Kind::Number { integer: attribute.integer };
    let origins = attribute.origins();
    if origins.len() != 1 {
        let message =
            format!("`{}` has {} origins: {}", attribute.name, origins.len(), origins.join(", "));
        let hint = "give one of categories, uniform, normal, lognormal, poisson, empirical, given, date, derived, bands, person, column";
        planner.problem(key, message, hint);
        return number;
    }
    if let Some(categories) = &attribute.categories {
        check_categories(planner, categories, &format!("{key}.categories"));
        Kind::Category(categories.iter().map(|category| category.name.clone()).collect())
    } else if let Some(dates) = &attribute.date {
        days(planner, &dates.from, &dates.to, &format!("{key}.date"))
    } else if let Some(source) = &attribute.derived {
        match Formula::parse(source) {
            Ok(formula) => {
                planner.formulas.insert(place, formula);
            }
            Err(message) => {
                planner.problem(format!("{key}.derived"), message, "mend the expression");
            }
        }
        number
    } else if let Some(bands) = &attribute.bands {
        Kind::Category(bands.names.clone())
    } else if attribute.person.is_some() {
        Kind::Text
    } else if let Some(column) = &attribute.column {
        people_column(
            planner,
            place,
            column.name.as_deref().unwrap_or(&attribute.name),
            column.number,
            key,
        )
        .unwrap_or(number)
    } else {
        number
    }
}

fn check_categories(planner: &mut Planner<'_>, categories: &[Category], key: &str) {
    let names: BTreeSet<&str> = categories.iter().map(|category| category.name.as_str()).collect();
    if categories.is_empty() || categories.len() > CATEGORIES_MAX || names.len() != categories.len()
    {
        planner.problem(
            key,
            "its categories are none, too many, or named twice",
            format!("give 1 to {CATEGORIES_MAX} different names"),
        );
    }
    let given: Vec<f64> = categories.iter().filter_map(|category| category.share).collect();
    for (place, category) in categories.iter().enumerate() {
        if let Some(share) = category.share.filter(|share| !(share.is_finite() && *share >= 0.0)) {
            planner.problem(
                format!("{key}.{place}.share"),
                format!("`{}` has a share of {share}", category.name),
                "shares lie between 0 and 1",
            );
        }
    }
    if !given.is_empty() && given.len() != categories.len() {
        planner.problem(key, "some categories have a share and some have none", "give all or none");
    }
    check_sum(planner, &given, key);
}

fn check_sum(planner: &mut Planner<'_>, shares: &[f64], key: &str) {
    let sum: f64 = shares.iter().sum();
    if !shares.is_empty()
        // One that is no share has been noted itself.
        && shares.iter().all(|share| share.is_finite() && *share >= 0.0)
        && (sum - 1.0).abs() > SUM_SLACK
    {
        // Ten digits hide how computers add decimals.
        let sum = (sum * 1e10).round_ties_even() / 1e10;
        let hint = if sum > 0.0 {
            format!("divide each by {sum}, or mend the wrong one")
        } else {
            "give shares above 0".to_owned()
        };
        planner.problem(key, format!("the shares sum to {sum}"), hint);
    }
}

fn days(planner: &mut Planner<'_>, from: &str, to: &str, key: &str) -> Kind {
    let (first, last) = (parse_day(from), parse_day(to));
    let range = first
        .zip(last)
        .filter(|(first, last)| first <= last && last - first < CATEGORIES_MAX as i64);
    match range {
        Some((first, last)) => Kind::Category((first..=last).map(format_day).collect()),
        None => {
            let hint = format!(
                "write both as 2001-12-31, the earlier first, at most {CATEGORIES_MAX} days"
            );
            planner.problem(key, format!("there are no days from `{from}` to `{to}`"), hint);
            Kind::Category(Vec::new())
        }
    }
}

fn people_column(
    planner: &mut Planner<'_>,
    place: usize,
    column: &str,
    number: bool,
    key: &str,
) -> Option<Kind> {
    let key = format!("{key}.column");
    let Some(people) = &planner.people else {
        if planner.spec.people.is_none() {
            planner.problem(key, "there are no existing people", "give [people] with a file");
        }
        return None;
    };
    let read = if number {
        people.numbers(column, &key).map(|numbers| {
            let integer = numbers.iter().all(|number| number.fract().abs() <= 0.0);
            (Kind::Number { integer }, Lookup::Numbers(numbers))
        })
    } else {
        people.texts(column, &key).map(|texts| {
            let names: BTreeSet<&str> = texts.iter().collect();
            let names: Vec<&str> = names.into_iter().collect();
            let code = |text: &str| names.binary_search(&text).unwrap_or_default() as u16;
            let codes = texts.iter().map(code).collect();
            (
                Kind::Category(names.iter().map(|name| (*name).to_owned()).collect()),
                Lookup::Codes(codes),
            )
        })
    };
    match read {
        Ok((Kind::Category(names), _)) if names.is_empty() || names.len() > CATEGORIES_MAX => {
            let message = format!("`{column}` has {} different texts", names.len());
            planner.problem(key, message, "at most 65,536 and at least one can be read");
            None
        }
        Ok((kind, values)) => {
            planner.columns.insert(place, values);
            Some(kind)
        }
        Err(problem) => {
            planner.problems.push(problem);
            None
        }
    }
}

/// A column for each name that some category of an attribute sets.
fn set_columns(planner: &mut Planner<'_>, place: usize, attribute: &Attribute) {
    let categories = attribute.categories.as_deref().unwrap_or_default();
    let names: BTreeSet<&String> =
        categories.iter().flat_map(|category| category.set.keys()).collect();
    let key = format!("attribute.{place}.categories");
    for name in names {
        let mut values = Vec::new();
        for category in categories {
            match category.set.get(name) {
                Some(Fixed::Number(number)) if !number.is_finite() => {
                    planner.problem(
                        &key,
                        format!("`{}` sets `{name}` to {number}", category.name),
                        "set a finite number",
                    );
                }
                Some(value) => values.push(value.clone()),
                None => planner.problem(
                    &key,
                    format!("`{}` does not set `{name}`, and others do", category.name),
                    "set it for each category",
                ),
            }
        }
        if values.len() == categories.len() {
            let (kind, values) = fixed_column(&values);
            let made = add(planner, name, "", kind, &key);
            planner.set.insert(made, (place, values));
        }
    }
}

fn groups(planner: &mut Planner<'_>) {
    for (group, spec) in planner.spec.groups.iter().enumerate() {
        let key = format!("group.{group}");
        let shares: Vec<f64> = spec.sizes.iter().map(|size| size.share).collect();
        if shares.is_empty() || shares.iter().any(|share| !(share.is_finite() && *share >= 0.0)) {
            planner.problem(
                format!("{key}.sizes"),
                "a share of sizes is missing or below 0",
                "give each size a share",
            );
        }
        check_sum(planner, &shares, &format!("{key}.sizes"));
        if spec.sizes.iter().any(|size| size.members == 0 || size.members > MEMBERS_MAX) {
            planner.problem(
                format!("{key}.sizes"),
                "a size is 0 or too large",
                format!("groups have 1 to {MEMBERS_MAX} members"),
            );
        }
        let about = format!("the number of the agent's {}", spec.name);
        add(planner, &spec.name, &about, Kind::Number { integer: true }, &format!("{key}.name"));
        for name in &spec.shared {
            share(planner, name, group, &format!("{key}.shared"));
        }
        let sizes = spec.sizes.iter().map(|size| (size.members, size.share)).collect();
        planner.groups.push(GroupPlan { name: spec.name.clone(), sizes });
    }
}

fn share(planner: &mut Planner<'_>, name: &str, group: usize, key: &str) {
    let Some(place) = planner.find(name, key) else { return };
    let attribute = planner.spec.attributes.get(place);
    let drawn = attribute.is_some_and(|attribute| {
        attribute.categories.is_some()
            || attribute.date.is_some()
            || attribute.distribution() != crate::spec::Distribution::default()
    });
    if !drawn {
        planner.problem(
            key,
            format!("`{name}` is not drawn, so that it cannot be shared"),
            "share what it is made from",
        );
    } else if planner.planned[place].group.replace(group).is_some() {
        planner.problem(key, format!("two groups share `{name}`"), "name it in one of them");
    }
}

fn models(planner: &mut Planner<'_>) {
    let Some(models) = &planner.spec.models else { return };
    let about = "the model that answers for the agent";
    match &models.by {
        None => {
            let shares: Vec<f64> = models.shares.values().copied().collect();
            if shares.is_empty() || shares.iter().any(|share| !(share.is_finite() && *share >= 0.0))
            {
                planner.problem(
                    "models.shares",
                    "a share is missing or below 0",
                    "give each model a share",
                );
            }
            check_sum(planner, &shares, "models.shares");
            let names = models.shares.keys().cloned().collect();
            add(planner, "model", about, Kind::Category(names), "models");
        }
        Some(by) => {
            if !models.shares.is_empty() {
                planner.problem("models", "`shares` and `by` are both given", "give one of them");
            }
            let Some(of) = planner.find(by, "models.by") else { return };
            let Some(names) = planner.planned[of].kind.names().map(<[_]>::to_vec) else {
                planner.problem(
                    "models.by",
                    format!("`{by}` has no categories"),
                    "cut it with `bands`",
                );
                return;
            };
            let known = names.iter().all(|name| models.cases.contains_key(name));
            if !known || models.cases.len() != names.len() {
                planner.problem(
                    "models.cases",
                    format!("they are not the categories of `{by}`"),
                    format!("give a model for each of {}", names.join(", ")),
                );
                return;
            }
            let values: Vec<Fixed> =
                names.iter().map(|name| Fixed::Text(models.cases[name].clone())).collect();
            let (kind, values) = fixed_column(&values);
            let made = add(planner, "model", about, kind, "models");
            planner.set.insert(made, (of, values));
        }
    }
}

fn check_bands(planner: &mut Planner<'_>, bands: &Bands, key: &str) {
    let ascending = bands.cuts.windows(2).all(|pair| pair[0] < pair[1]);
    let finite = bands.cuts.iter().all(|cut| cut.is_finite());
    let unique: BTreeSet<&String> = bands.names.iter().collect();
    if !ascending
        || !finite
        || bands.names.len() != bands.cuts.len() + 1
        || unique.len() != bands.names.len()
    {
        planner.problem(
            key,
            "its cuts and names do not fit",
            "give ascending cuts and one name more, all different",
        );
    }
    if let Some(of) = planner.find(&bands.of, key)
        && planner.planned[of].kind.names().is_some()
    {
        planner.problem(key, format!("`{}` is no number", bands.of), "cut a number");
    }
}

/// Random orders are told apart by 32 bits of a name's hash; two columns with the same would move together.
fn check_streams(planner: &mut Planner<'_>) {
    let mut seen = std::collections::BTreeMap::new();
    let mut clashes = Vec::new();
    for planned in &planner.planned {
        if let Some(other) =
            seen.insert(crate::sample::purpose("order", &planned.name), &planned.name)
            && *other != planned.name
        {
            clashes.push(format!("`{other}` and `{}` would be drawn alike", planned.name));
        }
    }
    clashes.into_iter().for_each(|clash| planner.problem("attribute", clash, "rename one of them"));
}

/// Pairs that the report shows, beside the tables that it shows anyway.
pub(crate) fn declare_pairs(planner: &mut Planner<'_>) {
    for (place, pair) in planner.spec.pairs.iter().enumerate() {
        let key = format!("pair.{place}");
        let found: Vec<_> = pair.iter().map(|name| planner.find(name, &key)).collect();
        let Some(attributes) = found.into_iter().collect::<Option<Vec<usize>>>() else { continue };
        let sizes = planner.sizes(&attributes);
        let cells = sizes.iter().product::<usize>();
        if cells == 0 || cells > crate::stage::CELLS_MAX || attributes[0] == attributes[1] {
            planner.problem(
                key,
                "a pair is of two different attributes with categories",
                "cut numbers with `bands`",
            );
        } else {
            planner.targets.push(Target { attributes, sizes, given: 0, shares: None });
        }
    }
}
