//! One attribute of a population: where its values come from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::numbers::{Distribution, Empirical, Lognormal, Normal, Poisson, Uniform};

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

/// Reads a category as a name or as a table, with the errors of the one that was meant.
impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
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
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Category, E> {
                Ok(Category { name: name.to_owned(), ..Category::default() })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Category, A::Error> {
                let Full { name, share, set } =
                    Full::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Category { name, share, set })
            }
        }
        reader.deserialize_any(Either)
    }
}
