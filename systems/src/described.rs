//! What the documentation and the ranges of a type say of its values: settings out of range, policies by their names.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{PolicyEntry, PolicySet, Problem, out_of_range, read_policy};

/// Policies as the variants of an enum that serde tags with the policy's name:
/// `#[derive(Deserialize, JsonSchema)] #[serde(tag = "policy", rename_all = "kebab-case")]`.
///
/// What a variant does, what its fields mean, their defaults and their ranges (`#[schemars(range(min = 0.0, max =
/// 1.0))]`) are said once, where they are declared: command lines list them, and values out of range are refused.
pub trait DescribedPolicies: DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {
    /// Where they come from.
    const SOURCE: &'static str;
}

impl<P: DescribedPolicies> PolicySet for P {
    fn catalogue() -> Vec<PolicyEntry> {
        variants::<P>().iter().map(|variant| variant.entry(P::SOURCE)).collect()
    }

    fn parse(policy: &str, parameters: &toml::Table) -> Result<Self, Problem> {
        let read = read_policy(&Self::catalogue(), policy, parameters)?;
        let variants = variants::<P>();
        let own = variants.iter().find(|variant| variant.name == policy);
        let wrong =
            own.and_then(|own| own.fields.iter().find_map(|field| field.problem(parameters)));
        wrong.map_or(Ok(read), Err)
    }
}

/// Every number of a table of settings that is not in the range that its type gives it.
pub(crate) fn out_of_ranges<T: Serialize + JsonSchema>(settings: &T) -> Vec<Problem> {
    let Ok(table) = toml::Table::try_from(settings) else { return Vec::new() };
    let schema = schema_for!(T);
    let fields = Field::all(schema.as_value());
    fields.iter().filter_map(|field| field.problem(&table)).collect()
}

/// A field as a schema describes it.
struct Field {
    name: String,
    about: String,
    default: Option<String>,
    range: Option<(f64, f64)>,
}

/// A variant as a schema describes it.
struct Variant {
    name: String,
    about: String,
    fields: Vec<Field>,
}

impl Field {
    /// The fields of an object's schema, in the order of their names.
    fn all(object: &Value) -> Vec<Self> {
        let properties = object.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, schema)| Self::of(name, schema)).collect()
    }

    fn of(name: &str, schema: &Value) -> Self {
        let number = |key: &str| schema.get(key).and_then(Value::as_f64);
        let default = schema.get("default").map(|value| match value.as_f64() {
            // Without the point of a number that is whole.
            Some(number) => number.to_string(),
            None => value.to_string(),
        });
        let range = number("minimum").zip(number("maximum"));
        Self { name: name.to_owned(), about: about(schema), default, range }
    }

    /// What is wrong with the field's value in a table, if anything is.
    fn problem(&self, table: &toml::Table) -> Option<Problem> {
        let (low, high) = self.range?;
        let value = match table.get(&self.name)? {
            toml::Value::Float(value) => *value,
            toml::Value::Integer(value) => *value as f64,
            _ => return None,
        };
        out_of_range(&self.name, value, low, high)
    }

    /// What it means, with its default and range.
    fn in_words(&self) -> String {
        let default = self.default.iter().map(|default| format!("default {default}"));
        let range = self.range.iter().map(|(low, high)| format!("{low} to {high}"));
        let limits: Vec<_> = default.chain(range).collect();
        match limits.as_slice() {
            [] => self.about.clone(),
            limits => format!("{} ({})", self.about, limits.join("; ")),
        }
    }
}

impl Variant {
    fn entry(&self, source: &str) -> PolicyEntry {
        let parameters = self.fields.iter().map(|field| (field.name.clone(), field.in_words()));
        PolicyEntry {
            name: self.name.clone(),
            about: self.about.clone(),
            source: source.to_owned(),
            parameters: parameters.collect(),
        }
    }
}

/// The variants of a tagged enum, in their order.
fn variants<P: JsonSchema>() -> Vec<Variant> {
    const TAG: &str = "policy";
    let schema = schema_for!(P);
    let all = schema.get("oneOf").and_then(Value::as_array);
    let variant = |schema: &Value| {
        let name = schema.pointer("/properties/policy/const").and_then(Value::as_str)?.to_owned();
        let fields = Field::all(schema).into_iter().filter(|field| field.name != TAG).collect();
        Some(Variant { name, about: about(schema), fields })
    };
    let variants: Vec<_> = match all {
        Some(all) => all.iter().filter_map(variant).collect(),
        None => variant(schema.as_value()).into_iter().collect(),
    };
    assert!(!variants.is_empty(), "policies are variants of an enum tagged with `{TAG}`");
    variants
}

/// The documentation of a variant or field, as part of a sentence.
fn about(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.strip_suffix('.').unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(tag = "policy", rename_all = "kebab-case")]
    enum Walker {
        /// Goes on
        /// and on.
        GoesOn {
            /// The length of its way.
            #[serde(default = "length")]
            #[schemars(range(min = 0.0, max = 9.5))]
            length: f64,
            /// How often.
            #[schemars(range(min = 1, max = 3))]
            times: u32,
        },
        /// Stays.
        Stays,
    }

    const fn length() -> f64 {
        2.0
    }

    impl DescribedPolicies for Walker {
        const SOURCE: &'static str = "nobody";
    }

    #[test]
    fn policies_are_listed_as_they_are_documented() {
        let entry = |name: &str, about: &str, parameters: &[(&str, &str)]| PolicyEntry {
            name: name.to_owned(),
            about: about.to_owned(),
            source: "nobody".to_owned(),
            parameters: parameters.iter().map(|(n, a)| ((*n).into(), (*a).into())).collect(),
        };
        let parameters = [
            ("length", "the length of its way (default 2; 0 to 9.5)"),
            ("times", "how often (1 to 3)"),
        ];
        let expected =
            [entry("goes-on", "goes on and on", &parameters), entry("stays", "stays", &[])];
        assert_eq!(Walker::catalogue(), expected);
    }

    #[test]
    fn parameters_out_of_range_are_refused_by_name() {
        let parse = |policy: &str, text: &str| Walker::parse(policy, &text.parse().unwrap());
        assert_eq!(parse("goes-on", "times = 3"), Ok(Walker::GoesOn { length: 2.0, times: 3 }));
        for (text, key) in [("times = 4", "times"), ("times = 1\nlength = nan", "length")] {
            assert_eq!(parse("goes-on", text).unwrap_err().key, key);
        }
        assert!(parse("goes-on", "").unwrap_err().message.contains("times"));
        assert_eq!(parse("stays", "times = 1").unwrap_err().key, "times");
        assert!(parse("runs", "").unwrap_err().hint.contains("goes-on, stays"));
    }

    /// Settings of which some have a range.
    #[derive(Serialize, JsonSchema)]
    struct Settings {
        /// Between.
        #[schemars(range(min = 0.0, max = 1.0))]
        share: f64,
        /// Any.
        count: u32,
        /// Few.
        #[schemars(range(min = 2, max = 4))]
        few: u32,
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let problems = out_of_ranges(&Settings { share: f64::NAN, count: 9, few: 5 });
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let expected =
            ["few: 5 is out of range (write 2 to 4)", "share: NaN is out of range (write 0 to 1)"];
        assert_eq!(problems, expected);
        assert!(out_of_ranges(&Settings { share: 1.0, count: 0, few: 2 }).is_empty());
    }
}
