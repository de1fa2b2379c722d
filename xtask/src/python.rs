//! The Python virtual environment of the tests: made from the pin file, reused while that is unchanged.

use crate::report::line;
use crate::shell::{output, program, run, workspace_root};
use crate::tools::{apt_install, may_apt};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the tests find the environment's folder, as an absolute path.
pub(crate) const VARIABLE: &str = "THRONG_TEST_VENV";

/// The oldest Python for which every pinned release exists.
const OLDEST: (u32, u32) = (3, 11);

/// What Debian and its relatives call Python and the module that makes environments.
const SYSTEM_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

const PINS: &str = "xtask/python-requirements.txt";

/// A copy of the pins that were installed; it is written last, so it vouches for the whole environment.
const STAMP: &str = "installed-requirements.txt";

/// Makes or reuses the environment and returns its absolute path.
///
/// # Errors
/// When Python or its `venv` module is missing or too old (naming what to install) or the packages cannot be had.
pub(crate) fn ensure_environment() -> Result<PathBuf> {
    let root = workspace_root();
    let folder = root.join(".venv");
    let pins =
        fs::read_to_string(root.join(PINS)).with_context(|| format!("cannot read {PINS}"))?;
    if is_current(&folder, &pins) {
        return Ok(folder);
    }
    ensure_python()?;
    remove_outdated(&folder)?;
    line(&format!("making the tests' Python environment in {}, once", folder.display()));
    run(program("python3").args(["-m", "venv"]).arg(&folder))?;
    run(program(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary", ":all:", "--requirement", PINS]))
    .context("cannot install the Python packages of the tests")?;
    run(program(folder.join("bin/python")).args([
        "-m",
        "pip",
        "--disable-pip-version-check",
        "check",
    ]))
    .with_context(|| format!("{PINS} misses a package that another one needs"))?;
    fs::write(folder.join(STAMP), pins).context("cannot mark the environment as complete")?;
    Ok(folder)
}

/// Whether the environment was made from exactly these pins and its interpreter still starts.
fn is_current(folder: &Path, pins: &str) -> bool {
    let stamped = fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == pins);
    stamped && crate::shell::succeeds(program(folder.join("bin/python")).arg("--version"))
}

/// Removes an environment that an earlier call made, and nothing else.
fn remove_outdated(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join("pyvenv.cfg").is_file() {
        bail!("{} is in the way: it is no Python environment", folder.display());
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// Makes sure that `python3` can make environments, through apt where this process may.
fn ensure_python() -> Result<()> {
    let version = match python_version() {
        Ok(version) => version,
        Err(_) if may_apt() => {
            apt_install(&SYSTEM_PACKAGES)?;
            python_version()?
        }
        Err(error) => {
            let wanted = SYSTEM_PACKAGES.join(" and ");
            return Err(error.context(format!(
                "the tests need Python with its `venv` module: install {wanted}, or use `--fast`"
            )));
        }
    };
    check_version(&version)
}

/// The version of a `python3` that has what `python3 -m venv` needs.
fn python_version() -> Result<String> {
    let question = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])";
    output(program("python3").args(["-c", question]))
}

fn check_version(version: &str) -> Result<()> {
    let parsed = version
        .trim()
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    match parsed {
        Some(found) if found >= OLDEST => Ok(()),
        Some(_) => bail!(
            "python3 is version {}, the tests need {}.{} or newer (or use `--fast`)",
            version.trim(),
            OLDEST.0,
            OLDEST.1
        ),
        None => bail!("python3 gave `{}` for its version", version.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_without_the_same_pins_is_not_reused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_current(folder.path(), "a==1\n"));
        fs::write(folder.path().join(STAMP), "a==1\n").unwrap();
        assert!(!is_current(folder.path(), "a==2\n"));
        assert!(!is_current(folder.path(), "a==1\n"), "it has no interpreter");
    }

    #[test]
    fn a_folder_that_is_no_environment_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years").unwrap();
        let error = remove_outdated(folder.path()).unwrap_err();
        assert!(error.to_string().contains("is no Python environment"), "{error}");
        assert!(folder.path().join("thesis.txt").is_file());
    }

    #[test]
    fn an_old_environment_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let venv = folder.path().join(".venv");
        fs::create_dir(&venv).unwrap();
        fs::write(venv.join("pyvenv.cfg"), "").unwrap();
        remove_outdated(&venv).unwrap();
        assert!(!venv.exists());
    }

    #[test]
    fn versions_compare_as_numbers() {
        check_version("3.11\n").unwrap();
        check_version("3.100").unwrap();
        check_version("4.0").unwrap();
        assert!(check_version("3.9").unwrap_err().to_string().contains("need 3.11 or newer"));
        assert!(check_version("three").is_err());
    }

    #[test]
    fn every_pin_is_exact() {
        let pins = fs::read_to_string(workspace_root().join(PINS)).unwrap();
        let named: Vec<&str> =
            pins.lines().filter(|pin| !pin.is_empty() && !pin.starts_with('#')).collect();
        assert!(named.len() > 8);
        for pin in named {
            let (_, version) = pin.split_once("==").expect(pin);
            assert!(!version.is_empty() && !version.contains('*'), "{pin}");
        }
    }
}
