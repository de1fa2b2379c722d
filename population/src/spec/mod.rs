//! The specification of a population, as its author writes it in TOML.

mod attribute;
mod generation;
mod numbers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Error, Result};
pub use attribute::{Attribute, Bands, Category, Dates, Fixed, Given, PeopleColumn, PersonName};
pub use generation::{Fields, Generation};
pub use numbers::{Distribution, Empirical, Lognormal, Normal, Poisson, Uniform};

/// Most attributes of a specification.
pub const ATTRIBUTES_MAX: usize = 500;
/// Longest specification, in bytes.
pub const SPEC_BYTES_MAX: usize = 16 << 20;

/// A population: how many people, which attributes they have, and how these hang together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// How many people.
    pub size: u64,
    /// The seed from which they are drawn, unless the caller gives another.
    #[serde(default)]
    pub seed: u64,
    /// What the population is, and where its numbers come from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The attributes, which become the columns of `people` in this order.
    #[serde(default, rename = "attribute")]
    pub attributes: Vec<Attribute>,
    /// Joint and conditional tables.
    #[serde(default, rename = "table", skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableSpec>,
    /// What must hold for every person.
    #[serde(default, rename = "constraint", skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Households, teams and other sets of agents with shared attributes.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// People that exist: a row of a file for each agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleSpec>,
    /// Which model answers for whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,
    /// Wordings of the backgrounds; each agent gets one of those that apply to it.
    #[serde(default, rename = "background", skip_serializing_if = "Vec::is_empty")]
    pub backgrounds: Vec<Wording>,
    /// How a model is asked for backgrounds by `throng population --generate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generation>,
    /// Pairs of attributes whose joint counts the report shows.
    #[serde(default, rename = "pair", skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<[String; 2]>,
}

/// A table of shares or counts over some attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// The attributes whose shares it gives.
    pub of: Vec<String>,
    /// The attributes on which the shares depend; with these the table is conditional, and `of` is one attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// What a joint table is for.
    #[serde(default)]
    pub role: Role,
    /// Numbers row by row, categories in their declared order: a row for each combination of all attributes
    /// (`given` first, then `of`) but the last, a number in it for each category of the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Vec<f64>>,
    /// A CSV or Parquet file with a column for each attribute and one for the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The column with the numbers, `count` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What a joint table is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The population has these shares.
    #[default]
    Fit,
    /// The fit starts here: it shapes what the fitted tables leave open.
    Seed,
}

/// What must hold for every person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// An expression over attributes, such as `age >= 18 or marital == "single"`.
    pub require: String,
}

/// Sets of agents that share attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The column with the number of the group that an agent belongs to.
    pub name: String,
    /// The sizes that groups have, with their shares of all groups.
    pub sizes: Vec<GroupSize>,
    /// The attributes that all members of a group share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
}

/// A size of groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSize {
    /// Members.
    pub members: u32,
    /// Share of all groups, of 1.
    pub share: f64,
}

/// People that exist, a row each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleSpec {
    /// A CSV or Parquet file.
    pub file: String,
    /// The column with the rows' weights; without it all rows are as frequent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
}

/// Which model answers for whom: by share, or by a category of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// Models with their shares of all people, of 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, f64>,
    /// The attribute that decides instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The model for each of its categories.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<String, String>,
}

/// A wording of the background.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The template, unless it is in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A file with the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How frequent it is among those that apply, relative to the others.
    #[serde(default = "one")]
    pub weight: f64,
    /// Categories that an agent must have for the wording to apply, such as a language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, String>,
}

fn one() -> f64 {
    1.0
}

impl Spec {
    /// Reads a specification; whether it makes sense is seen when it is planned.
    ///
    /// # Errors
    /// [`Error::Form`] with the key and the place in the text.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > SPEC_BYTES_MAX {
            let what = "the length of the specification in bytes".to_owned();
            return Err(Error::Limit {
                what,
                found: text.len() as u64,
                limit: SPEC_BYTES_MAX as u64,
            });
        }
        let form = |key: String, error: toml::de::Error| Error::Form {
            key,
            message: error.message().to_owned(),
            span: error.span(),
        };
        let reader = toml::Deserializer::parse(text).map_err(|error| form(String::new(), error))?;
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let key = error.path().to_string();
            form(if key == "." { String::new() } else { key }, error.into_inner())
        })
    }

    /// The specification as TOML, everything that has a default included.
    ///
    /// # Errors
    /// [`Error::Form`] where a number is not one that TOML can hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Form {
            key: String::new(),
            message: error.to_string(),
            span: None,
        })
    }

    /// The JSON schema of specifications, for editors.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}
