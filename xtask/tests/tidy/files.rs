//! The text files of the repository, build outputs left out.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source wherever they are.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];

/// A file that is UTF-8 text.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the workspace's root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Whether the name says that the file holds Rust.
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|ending| ending == "rs")
    }
}

/// Every text file below the workspace's root in the order of their paths.
pub(crate) fn all() -> Vec<File> {
    // A path from the build is wrong once build outputs are copied.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let root = Path::new(&package).parent().expect("xtask lies in the root");
    let ignore = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let outputs: Vec<PathBuf> = ignore
        .lines()
        .filter_map(|line| line.trim_end_matches('/').strip_prefix('/'))
        .map(|name| root.join(name))
        .collect();
    let mut files = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder that can be read") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            if skipped || outputs.contains(&path) {
                continue;
            }
            let kind = entry.file_type().expect("a kind of entry");
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                files.extend(text_file(root, &path));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The file, unless it is no text.
fn text_file(root: &Path, path: &Path) -> Option<File> {
    let text = String::from_utf8(fs::read(path).expect("a file that can be read")).ok()?;
    let path = path.strip_prefix(root).expect("it lies below the root");
    Some(File { path: path.to_str().expect("names are UTF-8").replace('\\', "/"), text })
}
