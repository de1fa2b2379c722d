//! Tidiness of every file: sizes, first lines, leftovers, words, and reasons for dependencies.

mod files;
mod manifest;
mod scenarios;
mod source;
mod text;

use std::collections::BTreeSet;

/// Rust files that are wrong on purpose: the inputs of compile-fail tests.
const WRONG_ON_PURPOSE: &str = "tests/ui/";

fn assert_clean(found: &[String]) {
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn rust_files_are_tidy() {
    let files: Vec<_> = files::all()
        .into_iter()
        .filter(|file| file.is_rust() && !file.path.contains(WRONG_ON_PURPOSE))
        .collect();
    assert!(files.len() > 10, "only {} Rust files were found", files.len());
    let test_modules: BTreeSet<String> =
        files.iter().flat_map(|file| source::test_modules(&file.path, &file.text)).collect();
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let for_tests = source::is_test_file(&file.path, &test_modules);
            source::findings(&file.path, &file.text, for_tests)
        })
        .collect();
    assert_clean(&found);
    let of_scenarios: Vec<_> = files.iter().collect();
    let is_test = |path: &str| source::is_test_file(path, &test_modules);
    assert_clean(&scenarios::findings(&of_scenarios, is_test));
}

#[test]
fn texts_are_tidy() {
    let files = files::all();
    let found: Vec<String> =
        files.iter().flat_map(|file| text::findings(&file.path, &file.text)).collect();
    assert!(files.iter().any(|file| file.path == ".ci/run"), "hidden folders are read too");
    assert_clean(&found);
}

#[test]
fn manifests_are_tidy() {
    let files = files::all();
    let manifests: Vec<_> = files.iter().filter(|file| file.path.ends_with("Cargo.toml")).collect();
    assert!(manifests.len() > 5);
    let found: Vec<String> = manifests
        .iter()
        .flat_map(|file| {
            if file.path == "Cargo.toml" {
                manifest::root_findings(&file.text)
            } else {
                manifest::member_findings(&file.path, &file.text)
            }
        })
        .collect();
    assert_clean(&found);
}

#[test]
fn bans_are_written_so_that_they_ban() {
    let files = files::all();
    let deny = files.iter().find(|file| file.path == "deny.toml").expect("deny.toml is there");
    assert!(deny.text.contains("crate = \""));
    assert_clean(&manifest::deny_findings(&deny.text));
}
