//! Policies that a table of the configuration describes: an enum that serde tags with the policy's name.

use serde::de::DeserializeOwned;

use crate::{PolicyEntry, Problem};

/// Reads a policy whose type is tagged with `policy`: `#[serde(tag = "policy", rename_all = "kebab-case")]`.
///
/// # Errors
/// When no policy has this name, or a parameter is unknown or has the wrong type.
pub fn read_policy<P: DeserializeOwned>(
    catalogue: &[PolicyEntry],
    policy: &str,
    parameters: &toml::Table,
) -> Result<P, Problem> {
    let Some(entry) = catalogue.iter().find(|entry| entry.name == policy) else {
        let names: Vec<_> = catalogue.iter().map(|entry| entry.name.as_str()).collect();
        let hint = format!("write one of {}", names.join(", "));
        return Err(Problem::new("policy", format!("there is no policy `{policy}`"), hint));
    };
    let known = |key: &String| entry.parameters.iter().any(|(name, _)| name == key);
    if let Some(key) = parameters.keys().find(|key| !known(key)) {
        let names: Vec<_> = entry.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match names.as_slice() {
            [] => "it has no parameters".to_owned(),
            names => format!("it has {}", names.join(", ")),
        };
        return Err(Problem::new(key, format!("`{policy}` has no parameter `{key}`"), hint));
    }
    let mut table = parameters.clone();
    table.insert("policy".to_owned(), policy.to_owned().into());
    P::deserialize(table).map_err(|error| {
        let first = parameters.keys().next().map_or("policy", String::as_str);
        Problem::new(first, error.message().to_owned(), "write a value of the right type")
    })
}

/// The problem of a share, probability or the like that is not from `low` to `high`.
pub fn out_of_range(key: &str, value: f64, low: f64, high: f64) -> Option<Problem> {
    (!(low..=high).contains(&value)).then(|| {
        Problem::new(key, format!("{value} is out of range"), format!("write {low} to {high}"))
    })
}
