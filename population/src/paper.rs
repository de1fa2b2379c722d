//! Reads the JSON form in which `AgentScope`'s large-scale simulations give a population.
//!
//! "Very Large-Scale Multi-Agent Simulation in `AgentScope`", arXiv 2407.17789: `total_num` people, and
//! `distributions` with `distribution_name` or `name`, each of categories with a `percentage` of 1 and optional
//! `attributes` that the category sets.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::spec::{Attribute, Category, Fixed, Spec};
use crate::tables::SUM_SLACK;

/// What is wrong in such a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PaperError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The place in bytes from the beginning of the text.
    pub offset: usize,
    /// The line's text.
    pub text: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for PaperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, margin) = (self.line.to_string(), " ".repeat(self.line.to_string().len()));
        let before = " ".repeat(self.column.saturating_sub(1));
        write!(f, "{}\n{margin} |\n{number} | {}\n{margin} | {before}^", self.message, self.text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paper<'t> {
    #[serde(alias = "population")]
    total_num: u64,
    #[serde(borrow)]
    distributions: Vec<&'t RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaperDistribution<'t> {
    #[serde(alias = "distribution_name")]
    name: String,
    #[serde(borrow)]
    categories: Vec<PaperCategory<'t>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaperCategory<'t> {
    #[serde(alias = "category_name")]
    name: String,
    #[serde(borrow, alias = "proportion")]
    percentage: &'t RawValue,
    #[serde(default)]
    attributes: BTreeMap<String, Fixed>,
}

/// A specification from the paper's JSON form. Names become columns' names: `Level of Education` becomes
/// `level_of_education`.
///
/// # Errors
/// [`PaperError`] with the place of what is wrong, such as the category at which the shares pass 1.
pub fn import_paper(text: &str) -> Result<Spec, PaperError> {
    let paper: Paper<'_> =
        serde_json::from_str(text).map_err(|error| of_json(text, text, &error))?;
    let mut spec = Spec { size: paper.total_num, ..Spec::default() };
    for raw in paper.distributions {
        let distribution: PaperDistribution<'_> =
            serde_json::from_str(raw.get()).map_err(|error| of_json(text, raw.get(), &error))?;
        spec.attributes.push(attribute(text, &distribution)?);
    }
    Ok(spec)
}

fn attribute(text: &str, distribution: &PaperDistribution<'_>) -> Result<Attribute, PaperError> {
    let mut sum = 0.0;
    let mut categories = Vec::new();
    let mut last = 0;
    for category in &distribution.categories {
        last = offset(text, category.percentage.get());
        let share = category
            .percentage
            .get()
            .parse::<f64>()
            .ok()
            .filter(|share| share.is_finite() && *share >= 0.0);
        let share = share.ok_or_else(|| {
            at(
                text,
                last,
                format!(
                    "`{}` has a share of {}; give a number from 0 to 1",
                    category.name,
                    category.percentage.get()
                ),
            )
        })?;
        sum += share;
        if sum > 1.0 + SUM_SLACK {
            let total: f64 = distribution
                .categories
                .iter()
                .filter_map(|category| category.percentage.get().parse::<f64>().ok())
                .sum();
            let message = format!(
                "the shares of `{}` pass 1 here and sum to {total}; divide each by {total}",
                distribution.name
            );
            return Err(at(text, last, message));
        }
        let set =
            category.attributes.iter().map(|(name, value)| (slug(name), value.clone())).collect();
        categories.push(Category { name: category.name.clone(), share: Some(share), set });
    }
    if sum < 1.0 - SUM_SLACK {
        let message =
            format!("the shares of `{}` sum to {sum}; add what is missing", distribution.name);
        return Err(at(text, last, message));
    }
    Ok(Attribute {
        name: slug(&distribution.name),
        about: distribution.name.clone(),
        categories: Some(categories),
        ..Attribute::default()
    })
}

fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.trim().chars().map(plain).collect()
}

/// Where a part that serde borrowed lies in the text.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

fn at(text: &str, offset: usize, message: String) -> PaperError {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default().to_owned();
    PaperError {
        line: before.matches('\n').count() + 1,
        column: text[start..offset].chars().count() + 1,
        offset,
        text: line,
        message,
    }
}

fn of_json(text: &str, part: &str, error: &serde_json::Error) -> PaperError {
    let lines = part.split_inclusive('\n').take(error.line().saturating_sub(1));
    let within = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let mut place = (offset(text, part) + within).min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    at(text, place, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(share: &str) -> String {
        format!(
            "{{\n  \"total_num\": 600,\n  \"distributions\": [\n    {{\"distribution_name\": \"Gender\", \"categories\": [\n      {{\"category_name\": \"f\", \"percentage\": 0.5, \"attributes\": {{\"Title\": \"Ms\"}}}},\n      {{\"category_name\": \"m\", \"percentage\": {share}, \"attributes\": {{\"Title\": \"Mr\"}}}}\n    ]}}\n  ]\n}}\n"
        )
    }

    #[test]
    fn both_spellings_are_read() {
        let long = import_paper(&job("0.5")).unwrap();
        assert_eq!((long.size, long.attributes[0].name.as_str()), (600, "gender"));
        let short = job("0.5")
            .replace("distribution_name", "name")
            .replace("category_name", "name")
            .replace("percentage", "proportion")
            .replace("total_num", "population");
        assert_eq!(import_paper(&short).unwrap(), long);
        assert!(long.attributes[0].categories.as_ref().unwrap()[0].set.contains_key("title"));
    }

    #[test]
    fn shares_that_pass_one_are_shown_with_a_caret() {
        let error = import_paper(&job("0.7")).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r#"
        the shares of `Gender` pass 1 here and sum to 1.2; divide each by 1.2
          |
        6 |       {"category_name": "m", "percentage": 0.7, "attributes": {"Title": "Mr"}}
          |                                            ^
        "#);
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_line() {
        assert_eq!(import_paper(&job("\"x\"")).unwrap_err().line, 6);
        assert_eq!(import_paper("{").unwrap_err().line, 1);
        assert_eq!(
            import_paper(&job("0.5").replace("\"category_name\": \"m\"", "\"nme\": 3"))
                .unwrap_err()
                .line,
            6
        );
        assert!(import_paper(&job("0.2")).unwrap_err().message.contains("sum to 0.7"));
    }
}
