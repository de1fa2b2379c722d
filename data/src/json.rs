//! Small JSON files, read with a bound and with the path in every error.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A value as indented JSON with a final newline.
pub(crate) fn pretty<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain structs become JSON");
    text.push(b'\n');
    text
}

/// Reads a file of at most `bytes_max` bytes.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, bytes_max: u64) -> Result<T> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut text = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut text);
    read.map_err(|error| Error::io("read", path, error))?;
    if text.len() as u64 > bytes_max {
        return Err(Error::corrupt(path, format!("it has more than {bytes_max} bytes")));
    }
    parse(path, &text)
}

/// The value of a text that stands in this file.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::corrupt(path, error.to_string()))
}
