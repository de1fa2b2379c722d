//! The folder of runs, and the name of a new one in it.

use crate::error::{Error, Result};
use crate::layout::RunId;
use crate::time::Utc;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Runs of one configuration that may start within one second.
const SAME_SECOND_MAX: u32 = 99;

/// Creates the output folder and refuses one that readers would misunderstand.
pub(crate) fn prepare_out(out: &Path) -> Result<PathBuf> {
    let problem = |problem: String| Error::OutFolder { path: out.to_owned(), problem };
    fs::create_dir_all(out).map_err(|error| Error::io("create", out, error))?;
    let absolute = out.canonicalize().map_err(|error| Error::io("open", out, error))?;
    let misleading = absolute.components().find(|part| match part {
        Component::Normal(name) => name.to_string_lossy().contains('='),
        _ => false,
    });
    match misleading {
        None => Ok(absolute),
        Some(part) => Err(problem(format!(
            "readers of tables take the folder `{}` for a column because of its `=`",
            part.as_os_str().display()
        ))),
    }
}

/// Creates the directory, which nobody else can have then.
pub(crate) fn claim(
    out: &Path,
    id: Option<RunId>,
    scenario: &str,
    config_sha256: &str,
) -> Result<(RunId, PathBuf)> {
    if let Some(id) = id {
        let path = out.join(id.as_str());
        return create_dir(&path).map(|()| (id, path));
    }
    let first = RunId::generate(Utc::now(), scenario, config_sha256)?;
    let mut id = first.clone();
    for number in 2..=SAME_SECOND_MAX {
        let path = out.join(id.as_str());
        match create_dir(&path) {
            Err(Error::RunExists { .. }) => id = first.numbered(number)?,
            created => return created.map(|()| (id, path)),
        }
    }
    Err(Error::RunExists { path: out.join(id.as_str()) })
}

fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::RunExists { path: path.to_owned() },
        _ => Error::io("create", path, error),
    })
}
