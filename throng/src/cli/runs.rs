//! Runs on disk, as the commands that read them name and describe them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use throng_data::{Error, RunDir, RunState, RunStatus, Standing};

/// A run that exists.
#[derive(Args, Debug)]
pub(super) struct RunArgument {
    /// A run's directory, or its name in the folder of runs
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    folder: FolderArgument,
}

/// The folder of runs.
#[derive(Args, Debug)]
pub(super) struct FolderArgument {
    /// The folder of runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

impl FolderArgument {
    pub(super) fn path(&self) -> &Path {
        &self.out
    }

    /// Opens a run: a directory, or else a name in the folder of runs.
    pub(super) fn open(&self, run: &Path) -> Result<RunDir, Error> {
        let inside = self.out.join(run);
        let path = if !run.is_dir() && inside.is_dir() { &inside } else { run };
        RunDir::open(path)
    }
}

impl RunArgument {
    /// Opens the run: a directory, or else a name in the folder of runs.
    pub(super) fn open(&self) -> Result<RunDir, Error> {
        self.folder.open(&self.run)
    }
}

/// How a run stands, in a word.
pub(super) const fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Crashed => "crashed",
        RunState::Ended(RunStatus::Running) => "unknown",
        RunState::Ended(RunStatus::Done) => "done",
        RunState::Ended(RunStatus::Failed) => "failed",
        RunState::Ended(RunStatus::Interrupted) => "interrupted",
        RunState::Ended(RunStatus::OutOfBudget) => "out_of_budget",
        RunState::Ended(RunStatus::TooManyFailures) => "too_many_failures",
    }
}

/// Rounds that are committed; the population, round 0, is none.
pub(super) fn rounds_committed(standing: &Standing) -> u32 {
    standing.last_round.unwrap_or(0)
}

/// A run as an object.
pub(super) fn object(path: &Path, standing: &Standing) -> Value {
    let manifest = &standing.manifest;
    let (origin, commits) = (&manifest.origin, &manifest.commits);
    json!({
        "run": manifest.run_id,
        "directory": path,
        "state": state_name(standing.state),
        "scenario": origin.scenario,
        "agents": origin.agents,
        "rounds": origin.rounds,
        "rounds_committed": rounds_committed(standing),
        "seed": origin.seed,
        "parent": origin.parent,
        "created": manifest.created,
        "updated": manifest.updated,
        "files": commits.files,
        "rows": commits.rows,
        "bytes": commits.bytes,
        "state_hash": commits.state_hash,
        "config_sha256": manifest.config_sha256,
    })
}
