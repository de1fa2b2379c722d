//! How a model is asked for backgrounds, as an author writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a model is asked for backgrounds; every key has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Generation {
    /// Times that one agent's question is asked before it has failed, 1 to 20.
    #[schemars(range(min = 1, max = 20))]
    pub attempts_max: u32,
    /// The least temperature; each agent has its own between the two.
    #[schemars(range(min = 0, max = 2))]
    pub temperature_min: f64,
    /// The largest temperature.
    #[schemars(range(min = 0, max = 2))]
    pub temperature_max: f64,
    /// The language of the description, as the prompt names it.
    pub language: String,
    /// What the model is told beside the attributes, such as where and when these people live.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// Share of the people who may be left without a description, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub failed_max: f64,
    /// Which attributes the fields of an answer must agree with; a field agrees with the attribute of its own
    /// name, where there is one.
    pub fields: Fields,
    /// Further fields that the model invents: names, and what each is. They become columns.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// The attributes with which the fields of an answer must agree; a field without one is the model's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// For the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For the age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// For the gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// For the occupation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occupation: Option<String>,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            temperature_min: 0.7,
            temperature_max: 1.1,
            language: "English".to_owned(),
            instructions: String::new(),
            failed_max: 0.01,
            fields: Fields::default(),
            extra: BTreeMap::new(),
        }
    }
}
