//! The specification of a population, as its author writes it in TOML.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Error, Result};

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
    /// Pairs of attributes whose joint counts the report shows.
    #[serde(default, rename = "pair", skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<[String; 2]>,
}

/// One attribute; exactly one of the keys beside `name`, `about` and `integer` says where its values come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// The column's name: lower-case letters, digits and `_`.
    pub name: String,
    /// What it means, for the data dictionary.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Whether the numbers are rounded to the nearest integer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub integer: bool,
    /// A list of categories, with shares of 1 unless tables say how frequent they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<Category>>,
    /// All numbers between two are as frequent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<Uniform>,
    /// The bell curve, truncated where bounds are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<Normal>,
    /// Numbers whose logarithm is normal, truncated where bounds are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lognormal: Option<Lognormal>,
    /// Counts of rare events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poisson: Option<Poisson>,
    /// Given numbers with weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empirical: Option<Empirical>,
    /// A number whose distribution depends on a category of another attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// A day between two days, both included, as `2001-12-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Dates>,
    /// The value of an expression over other attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<String>,
    /// Named bands of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Bands>,
    /// A person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonName>,
    /// A column of the existing people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<PeopleColumn>,
}

/// The distribution of a number; exactly one key is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// All numbers between two are as frequent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<Uniform>,
    /// The bell curve, truncated where bounds are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<Normal>,
    /// Numbers whose logarithm is normal, truncated where bounds are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lognormal: Option<Lognormal>,
    /// Counts of rare events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poisson: Option<Poisson>,
    /// Given numbers with weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empirical: Option<Empirical>,
}

/// A uniform distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uniform {
    /// Least number.
    pub min: f64,
    /// Largest number; an attribute of integers reaches it, one of fractions does not.
    pub max: f64,
}

/// A normal distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Mean before truncation.
    pub mean: f64,
    /// Standard deviation before truncation.
    pub sd: f64,
    /// Nothing lies below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Nothing lies above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A lognormal distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// The median, which is the exponential of the logarithms' mean.
    pub median: f64,
    /// Standard deviation of the natural logarithms.
    pub sigma: f64,
    /// Nothing lies below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Nothing lies above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A Poisson distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// The mean, at most 10,000.
    pub mean: f64,
}

/// Numbers as they were observed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empirical {
    /// The numbers, unless they are in a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<f64>,
    /// How frequent each is, relative to the others; without it all are as frequent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// A CSV or Parquet file with the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The column with the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The column with the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
}

/// A distribution for each category of another attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The attribute whose category decides.
    pub attribute: String,
    /// A distribution for each of its categories.
    pub cases: BTreeMap<String, Distribution>,
}

/// A range of days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dates {
    /// The first day, as `1990-01-31`.
    pub from: String,
    /// The last day.
    pub to: String,
}

/// Bands of a number: band k reaches up to cut k, the cut excluded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// The attribute that is cut.
    pub of: String,
    /// Where, ascending.
    pub cuts: Vec<f64>,
    /// The names of the bands, one more than cuts.
    pub names: Vec<String>,
}

/// A name for a person, first name and surname, from lists that ship with this crate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonName {
    /// The attribute that tells women from men; without it both kinds of first names are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Categories of it that get women's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub female: Vec<String>,
    /// Categories of it that get men's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub male: Vec<String>,
}

/// A column of the file of existing people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleColumn {
    /// The column; without it, the one with the attribute's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it holds numbers rather than categories.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number: bool,
}

/// One category: its name alone, or a table with its share and what it sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// Its share of all people, of 1; left out where tables give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Further attributes, as columns, that all people of this category have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Fixed>,
}

/// A value that a category sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fixed {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
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

impl Attribute {
    /// The keys that say where its values come from, of those that are given.
    pub(crate) fn origins(&self) -> Vec<&'static str> {
        let given = [
            ("categories", self.categories.is_some()),
            ("uniform", self.uniform.is_some()),
            ("normal", self.normal.is_some()),
            ("lognormal", self.lognormal.is_some()),
            ("poisson", self.poisson.is_some()),
            ("empirical", self.empirical.is_some()),
            ("given", self.given.is_some()),
            ("date", self.date.is_some()),
            ("derived", self.derived.is_some()),
            ("bands", self.bands.is_some()),
            ("person", self.person.is_some()),
            ("column", self.column.is_some()),
        ];
        given.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }

    pub(crate) fn distribution(&self) -> Distribution {
        Distribution {
            uniform: self.uniform.clone(),
            normal: self.normal.clone(),
            lognormal: self.lognormal.clone(),
            poisson: self.poisson.clone(),
            empirical: self.empirical.clone(),
        }
    }
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

/// Reads a category as a name or as a table, with the errors of the one that was meant.
impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            name: String,
            share: Option<f64>,
            #[serde(default)]
            set: BTreeMap<String, Fixed>,
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Category;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a category's name, or a table with `name` and `share`")
            }
            fn visit_str<E: serde::de::Error>(
                self,
                name: &str,
            ) -> std::result::Result<Category, E> {
                Ok(Category { name: name.to_owned(), ..Category::default() })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<Category, A::Error> {
                let Full { name, share, set } =
                    Full::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Category { name, share, set })
            }
        }
        reader.deserialize_any(Either)
    }
}
