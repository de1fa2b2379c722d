//! `cargo xtask ci`: form, lints, documentation, licences, the oldest Rust, layers, map and tidiness.

use crate::report::{Outcome, Report, line};
use crate::shell::{cargo, run};
use crate::{msrv, tools};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

type Check = fn() -> Result<Outcome>;

/// Every part, in the order of a full run: what fails fast comes first.
const PARTS: [(&str, Check); 9] = [
    ("fmt", format),
    ("layers", || own_test("layers")),
    ("map", || own_test("map")),
    ("tidy", || own_test("tidy")),
    ("clippy", clippy),
    ("doc", documentation),
    ("msrv", msrv::check),
    ("deny", deny),
    ("advisories", advisories),
];

/// Runs the named parts, or all of them, to the end whatever fails on the way.
///
/// # Errors
/// When a name is none of the parts; what a part finds is in the report.
pub(crate) fn run_parts(wanted: &[String]) -> Result<Report> {
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        let known: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
        bail!("no part `{unknown}`; the parts are {}", known.join(", "));
    }
    let mut report = Report::new("ci");
    for (name, check) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|part| part == name) {
            report.part(name, check);
        }
    }
    Ok(report)
}

fn format() -> Result<Outcome> {
    tools::ensure_component("rustfmt", "fmt")?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    tools::ensure_component("clippy", "clippy")?;
    run(cargo()
        .args(["clippy", "--quiet", "--locked", "--workspace", "--all-targets"])
        .args(["--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

fn documentation() -> Result<Outcome> {
    run(cargo()
        .args(["doc", "--quiet", "--locked", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-Dwarnings"))?;
    Ok(Outcome::Passed)
}

/// One of this package's own integration tests, which read the sources and no build of them.
fn own_test(name: &str) -> Result<Outcome> {
    run(cargo().args(["test", "--quiet", "--locked", "--package", "xtask", "--test", name]))?;
    Ok(Outcome::Passed)
}

/// Licences, bans, duplicates and sources by `deny.toml`, none of which asks the network for anything but crates.
fn deny() -> Result<Outcome> {
    tools::ensure_deny()?;
    run(cargo()
        .args(["deny", "--locked", "--workspace", "check", "--hide-inclusion-graph"])
        .args(["licenses", "bans", "sources"]))?;
    Ok(Outcome::Passed)
}

/// Advisories by the database that this machine has; nothing is fetched, so none means not run.
fn advisories() -> Result<Outcome> {
    if !advisory_databases().is_some_and(|folder| has_folders(&folder)) {
        let reason = "this machine has no advisory database (`cargo deny fetch db` brings one)";
        line("the advisories named in deny.toml are part of `deny`");
        return Ok(Outcome::NotRun(reason.to_owned()));
    }
    tools::ensure_deny()?;
    run(cargo().args(["deny", "--offline", "--locked", "--workspace", "check", "advisories"]))?;
    Ok(Outcome::Passed)
}

/// A fetch that failed leaves a lock behind, and no database.
fn has_folders(folder: &Path) -> bool {
    folder.read_dir().into_iter().flatten().flatten().any(|entry| entry.path().is_dir())
}

/// Where cargo-deny keeps what it fetched.
fn advisory_databases() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    Some(home?.join("advisory-dbs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_is_refused_with_the_list() {
        let error = run_parts(&["fmt".to_owned(), "clipy".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no part `clipy`; the parts are fmt, layers, map"), "{error}");
    }

    #[test]
    fn only_the_named_part_runs() {
        let report = run_parts(&["msrv".to_owned()]).unwrap();
        assert!(report.passed());
    }
}
