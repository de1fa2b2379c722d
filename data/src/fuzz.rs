//! Bodies of the fuzz targets, also run as property tests: what must hold for any bytes of a run directory.

use std::path::Path;

pub use crate::journal::fuzz::{journal_damage, journal_reader};
use crate::json;
use crate::manifest::Manifest;

/// Any bytes are a manifest that reads back as it was written, or an error that names the file.
pub fn manifest_reader(bytes: &[u8]) {
    let path = Path::new("manifest.json");
    let read = |text: &[u8]| {
        json::parse::<Manifest>(path, text).and_then(|read| read.of_this_version(path))
    };
    match read(bytes) {
        Ok(manifest) => {
            let again = read(&json::pretty(&manifest)).expect("what was written is read again");
            assert_eq!(again, manifest);
        }
        Err(error) => assert!(error.to_string().contains("manifest.json"), "{error}"),
    }
}
