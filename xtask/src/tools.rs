//! Programs that the checks call and that a fresh machine may lack: each is installed once, saying so.

use crate::report::line;
use crate::shell::{cargo, output, program, run, succeeds};
use anyhow::{Context, Result, bail};

/// The releases that are built where none is there; fixed ones keep building with the workspace's Rust.
const NEXTEST: &str = "cargo-nextest@0.9.143";
const DENY: &str = "cargo-deny@0.20.2";

/// Settings under which a tool that runs for seconds is built in fewer minutes.
const LIGHT_BUILD: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
];

/// Makes `cargo nextest` available.
///
/// # Errors
/// When it is absent and cannot be built.
pub(crate) fn ensure_nextest() -> Result<()> {
    // Without the self-updater, which brings a C cryptography library that needs cmake.
    ensure_tool("nextest", NEXTEST, &["--no-default-features", "--features", "default-no-update"])
}

/// Makes `cargo deny` available.
///
/// # Errors
/// When it is absent and cannot be built.
pub(crate) fn ensure_deny() -> Result<()> {
    ensure_tool("deny", DENY, &[])
}

/// Builds a cargo command from source unless some release of it is there.
fn ensure_tool(command: &str, package: &str, options: &[&str]) -> Result<()> {
    if succeeds(cargo().args([command, "--version"])) {
        return Ok(());
    }
    line(&format!("installing {package}, once: it takes some minutes"));
    run(cargo().args(["install", "--locked", package]).args(options).envs(LIGHT_BUILD))
        .with_context(|| format!("cannot install {package}, which `cargo {command}` needs"))
}

/// Makes a component of the toolchain (`clippy`, `rustfmt`) available through its cargo command.
///
/// # Errors
/// When it is absent and rustup is too, or rustup cannot add it.
pub(crate) fn ensure_component(component: &str, command: &str) -> Result<()> {
    if succeeds(cargo().args([command, "--version"])) {
        return Ok(());
    }
    line(&format!("adding {component} to the toolchain, once"));
    run(program("rustup").args(["component", "add", component]))
        .with_context(|| format!("`cargo {command}` is missing: install {component} for this Rust"))
}

/// Whether this process may install system packages: it is root and apt is there.
pub(crate) fn may_apt() -> bool {
    let root = output(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && succeeds(program("apt-get").arg("--version"))
}

/// Installs packages of the operating system through apt.
///
/// # Errors
/// When apt fails; its own words are on the terminal.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    if !may_apt() {
        bail!("these packages are needed: {}", packages.join(" "));
    }
    line(&format!("installing {} through apt, once", packages.join(" ")));
    run(program("apt-get").args(["update", "-qq"]))?;
    run(program("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}
