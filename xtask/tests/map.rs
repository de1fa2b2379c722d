//! The map is the territory: every path that the pages name exists, and every crate is on the map.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages whose paths are checked; paths count from the workspace's root.
const PAGES: [&str; 3] = ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"];

/// The page that must name the folder of every crate.
const MAP: &str = "ARCHITECTURE.md";

/// How a name ends that means a file even without a folder before it.
const FILE_ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".lock", ".yml"];

/// The workspace's root as of this run: a path from the build is wrong once build outputs are copied.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&package).parent().expect("xtask lies in the root").to_path_buf()
}

/// The text in single backticks outside fenced blocks, line by line.
fn quoted(page: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// Whether quoted text is meant as a path of the repository: words of file names with a slash or a known ending.
///
/// Files of a run are written `<run>/manifest.json` and so are none; neither are fractions, flags and addresses.
fn is_path(quoted: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts_as_one = quoted.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.');
    let ends_as_one = FILE_ENDINGS.iter().any(|ending| quoted.ends_with(ending));
    starts_as_one && quoted.chars().all(plain) && (quoted.contains('/') || ends_as_one)
}

/// The paths on a page that do not exist.
fn missing(page: &str, exists: impl Fn(&str) -> bool) -> Vec<&str> {
    quoted(page).into_iter().filter(|text| is_path(text) && !exists(text)).collect()
}

/// The folders of crates that a page does not name.
fn unmentioned(page: &str, folders: &BTreeSet<String>) -> Vec<String> {
    let named: BTreeSet<&str> = quoted(page).into_iter().collect();
    folders.iter().filter(|folder| !named.contains(&*format!("{folder}/"))).cloned().collect()
}

fn crate_folders() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let manifest: toml::Table = manifest.parse().expect("the manifest is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("a list of members");
    members.iter().map(|member| member.as_str().expect("a folder").to_owned()).collect()
}

#[test]
fn every_path_that_a_page_names_exists() {
    for name in PAGES {
        let page = fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let missing = missing(&page, |path| root().join(path).exists());
        assert!(missing.is_empty(), "{name} names what does not exist: {missing:?}");
    }
}

#[test]
fn every_crate_is_on_the_map() {
    let page = fs::read_to_string(root().join(MAP)).expect(MAP);
    let folders = crate_folders();
    assert!(folders.contains("engine/derive"));
    let unmentioned = unmentioned(&page, &folders);
    assert!(unmentioned.is_empty(), "{MAP} leaves out {unmentioned:?}");
}

#[test]
fn a_path_that_is_gone_is_found() {
    let page =
        "The engine is `engine/`, its phases `engine/src/phases.rs`; `build/` and `deny.toml`.";
    assert_eq!(
        missing(page, |path| path == "engine/"),
        ["engine/src/phases.rs", "build/", "deny.toml"]
    );
}

#[test]
fn what_is_no_path_is_not_looked_for() {
    let page = "`<run>/manifest.json`, `2/3`, `--out`, `/v1/models`, `cargo xtask ci`, `a::b`, `Update`\n\
        ```text\n`gone/`\n```\n`also/gone`";
    assert_eq!(missing(page, |_| false), ["also/gone"]);
}

#[test]
fn a_crate_that_is_not_on_the_map_is_found() {
    let folders = BTreeSet::from(["engine".to_owned(), "engine/derive".to_owned()]);
    assert_eq!(unmentioned("`engine/` and engine/derive/", &folders), ["engine/derive"]);
    assert!(unmentioned("`engine/` and `engine/derive/`", &folders).is_empty());
}
