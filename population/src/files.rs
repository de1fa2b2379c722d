//! The files that a specification names, and what all of it together is known by.

use throng_data::sha256_hex;

use crate::problem::{Error, Result};
use crate::source::Source;
use crate::spec::{Attribute, Spec};

/// SHA-256 of everything that decides the people: the specification with size and seed, and the bytes of all
/// files that it names.
///
/// # Errors
/// [`Error::Problems`] where a file cannot be read.
pub fn digest(spec: &Spec, source: &Source, size: u64, seed: u64) -> Result<String> {
    let mut parts = Spec { size, seed, ..spec.clone() }.to_toml()?;
    for file in files(spec) {
        let hash = source.sha256(file).map_err(|problem| Error::Problems(vec![problem]))?;
        parts.extend(["# ", file, " ", &hash, "\n"]);
    }
    Ok(sha256_hex(parts.as_bytes()))
}

/// The files that a specification names, in its order.
fn files(spec: &Spec) -> impl Iterator<Item = &str> {
    let tables = spec.tables.iter().filter_map(|table| table.file.as_deref());
    let people = spec.people.iter().map(|people| people.file.as_str());
    let wordings = spec.backgrounds.iter().filter_map(|wording| wording.file.as_deref());
    spec.attributes.iter().flat_map(numbers).chain(tables).chain(people).chain(wordings)
}

/// The files with observed numbers of an attribute.
fn numbers(attribute: &Attribute) -> Vec<&str> {
    let own = attribute.empirical.iter().filter_map(|numbers| numbers.file.as_deref());
    let cases = attribute.given.iter().flat_map(|given| given.cases.values());
    let cases = cases.filter_map(|case| case.empirical.as_ref()?.file.as_deref());
    own.chain(cases).collect()
}
