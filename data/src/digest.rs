//! SHA-256 digests as lower-case hex text, and a file that computes its own while it is written.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes read at a time when a file is hashed.
const READ_BYTES: usize = 1 << 20;

/// The SHA-256 digest of some bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 digest of a run's configuration, but for where its population lies: the lines `spec` and `dir` of
/// `[population]`. Its people's own digest stands beside them, and a copy elsewhere plays the same run.
pub fn sha256_of_config(text: &[u8]) -> String {
    let mut digest = Sha256::new();
    let mut of_population = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"[") {
            of_population = line.trim_ascii() == b"[population]";
        }
        let place = line.starts_with(b"spec = ") || line.starts_with(b"dir = ");
        if !(of_population && place) {
            digest.update(line);
        }
    }
    hex(&digest.finalize())
}

/// The SHA-256 digest of a file, and its length.
///
/// # Errors
/// [`Error::Io`] where it cannot be read.
pub fn sha256_file(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(|error| Error::io("read", path, error))?;
        if read == 0 {
            return Ok((hex(&digest.finalize()), bytes));
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Lower-case hex digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A file that knows the digest and the length of what has been written to it.
#[derive(Debug)]
pub(crate) struct HashingFile {
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl HashingFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, digest: Sha256::new(), bytes: 0 }
    }

    /// The file with its digest and length.
    pub(crate) fn finish(self) -> (File, String, u64) {
        (self.file, hex(&self.digest.finalize()), self.bytes)
    }
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_known_by_what_it_says_and_not_by_where_its_people_lie() {
        let text = |spec: &str, agents: u32| {
            format!(
                "[run]\nagents = {agents}\n[population]\nspec = \"{spec}\"\nsha256 = \"ab\"\n[bridge]\n"
            )
        };
        let digest = |text: String| sha256_of_config(text.as_bytes());
        assert_eq!(digest(text("/a/city.toml", 3)), digest(text("/b/city.toml", 3)));
        assert_ne!(digest(text("/a/city.toml", 3)), digest(text("/a/city.toml", 4)));
        let outside = |spec: &str| digest(format!("[scenario]\nspec = \"{spec}\"\n"));
        assert_ne!(outside("a"), outside("b"));
        assert_eq!(sha256_of_config(b"[run]\n"), sha256_hex(b"[run]\n"));
    }

    #[test]
    fn known_answers() {
        // FIPS 180-2, appendix B.1, and the digest of nothing.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256_hex(b""), nothing);
    }

    #[test]
    fn a_written_file_has_the_digest_it_was_written_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = HashingFile::new(File::create(&path).unwrap());
        for chunk in [&b"a"[..], b"", b"bc"] {
            file.write_all(chunk).unwrap();
        }
        let (_, digest, bytes) = file.finish();
        assert_eq!((digest.clone(), bytes), (sha256_hex(b"abc"), 3));
        assert_eq!(sha256_file(&path).unwrap(), (digest, 3));
    }
}
