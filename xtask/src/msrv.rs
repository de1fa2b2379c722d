//! The promise of `rust-version`: no dependency demands a newer Rust, and the one tested is that one.

use crate::report::Outcome;
use crate::shell::{cargo, output, program, run};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt;
use std::process::Command;

/// A release of Rust as it stands in manifests: the last number may be missing and is then zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

/// Checks what dependencies demand, then that the workspace builds with the oldest Rust it promises.
///
/// # Errors
/// When a dependency demands more, the Rust at hand is older, or the check with the oldest one fails.
pub(crate) fn check() -> Result<Outcome> {
    let metadata = output(cargo().args(["metadata", "--locked", "--format-version=1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata gave no JSON")?;
    let promised = promised(&metadata)?;
    let demanding = demanding(&metadata, promised)?;
    if !demanding.is_empty() {
        bail!("rust-version is {promised}, but {}", demanding.join(", "));
    }
    let tested = tested_release()?;
    if (tested.major, tested.minor) == (promised.major, promised.minor) {
        return Ok(Outcome::Passed);
    }
    if tested < promised {
        bail!("this is Rust {tested}, the workspace needs {promised}");
    }
    check_with(promised)
}

/// Builds nothing, but type-checks everything with the promised release, where rustup has it.
fn check_with(promised: Release) -> Result<Outcome> {
    let toolchain = format!("{}.{}.{}", promised.major, promised.minor, promised.patch);
    if !crate::shell::succeeds(rustup_run(&toolchain).arg("--version")) {
        return Ok(Outcome::NotRun(format!(
            "no toolchain {toolchain} here to check with (`rustup toolchain install {toolchain}`)"
        )));
    }
    run(rustup_run(&toolchain)
        .args(["check", "--quiet", "--locked", "--workspace", "--all-targets"])
        .args(["--target-dir", "target/msrv"]))?;
    Ok(Outcome::Passed)
}

/// The cargo of another toolchain; the variables of this one would mislead it.
fn rustup_run(toolchain: &str) -> Command {
    let mut command = program("rustup");
    command.args(["run", toolchain, "cargo"]).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// The one `rust-version` that all members of the workspace share.
fn promised(metadata: &Value) -> Result<Release> {
    let members: Vec<&Value> =
        packages(metadata).filter(|package| package["source"].is_null()).collect();
    let mut promised = None;
    for member in members {
        let name = member["name"].as_str().unwrap_or_default();
        let text = member["rust_version"].as_str();
        let release = Release::parse(text.with_context(|| format!("{name} has no rust-version"))?)?;
        if *promised.get_or_insert(release) != release {
            bail!("{name} has a rust-version of its own, {release}");
        }
    }
    promised.context("the workspace has no packages")
}

/// The packages that demand more than the promised release, as words.
fn demanding(metadata: &Value, promised: Release) -> Result<Vec<String>> {
    let mut demanding = Vec::new();
    for package in packages(metadata) {
        let Some(text) = package["rust_version"].as_str() else { continue };
        let demanded = Release::parse(text)?;
        if demanded > promised {
            let name = package["name"].as_str().unwrap_or_default();
            let version = package["version"].as_str().unwrap_or_default();
            demanding.push(format!("{name} {version} needs {demanded}"));
        }
    }
    Ok(demanding)
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// The release of the compiler that this cargo calls.
fn tested_release() -> Result<Release> {
    let text =
        output(program(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-V"))?;
    let word = text.split_whitespace().nth(1).context("`rustc -V` gave no version")?;
    Release::parse(word.split('-').next().unwrap_or(word))
}

impl Release {
    fn parse(text: &str) -> Result<Self> {
        let numbers: Vec<u32> = text
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{text}` is no release of Rust"))?;
        match *numbers.as_slice() {
            [major, minor] => Ok(Self { major, minor, patch: 0 }),
            [major, minor, patch] => Ok(Self { major, minor, patch }),
            _ => bail!("`{text}` is no release of Rust"),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(formatter, ".{}", self.patch) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(member: Option<&str>, dependency: Option<&str>) -> Value {
        json!({ "packages": [
            { "name": "throng", "version": "0.1.0", "source": null, "rust_version": member },
            { "name": "fresh", "version": "2.0.0", "source": "registry", "rust_version": dependency },
        ]})
    }

    #[test]
    fn releases_compare_as_numbers() {
        assert!(Release::parse("1.100").unwrap() > Release::parse("1.95.3").unwrap());
        assert_eq!(Release::parse("1.95").unwrap(), Release::parse("1.95.0").unwrap());
        assert_eq!(Release::parse("1.95.1").unwrap().to_string(), "1.95.1");
        for bad in ["", "1", "1.x", "1.2.3.4"] {
            assert!(Release::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_dependency_that_demands_more_is_named() {
        let promised = Release::parse("1.95").unwrap();
        let found = demanding(&metadata(Some("1.95"), Some("1.96.0")), promised).unwrap();
        assert_eq!(found, ["fresh 2.0.0 needs 1.96"]);
        assert!(demanding(&metadata(Some("1.95"), None), promised).unwrap().is_empty());
        assert!(demanding(&metadata(Some("1.95"), Some("1.95.0")), promised).unwrap().is_empty());
    }

    #[test]
    fn a_member_without_the_shared_promise_is_an_error() {
        let shared = promised(&metadata(Some("1.95"), Some("1.80"))).unwrap();
        assert_eq!(shared, Release::parse("1.95").unwrap());
        let error = promised(&metadata(None, None)).unwrap_err();
        assert_eq!(error.to_string(), "throng has no rust-version");
        let mut two = metadata(Some("1.95"), Some("1.80"));
        two["packages"][1]["source"] = Value::Null;
        let error = promised(&two).unwrap_err();
        assert_eq!(error.to_string(), "fresh has a rust-version of its own, 1.80");
    }
}
