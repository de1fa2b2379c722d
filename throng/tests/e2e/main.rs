//! The real binary, end to end: what it prints, what it leaves behind, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backgrounds;
mod bad_input;
mod chaos;
mod check;
mod commands;
mod compared;
mod crash;
mod fork;
mod help;
mod hosts;
mod interventions;
mod interview;
mod launched;
mod meeting;
mod models;
mod networks;
mod population;
mod recorded;
mod replayed;
mod resume;
mod run;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own in which the binary runs.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The same place with a file in it.
    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path().join(name), content).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.path());
        // Neither the tester's terminal nor their colours.
        command.env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1").env("COLUMNS", "100");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.command(arguments).output().unwrap())
    }

    /// Files and folders, by name.
    fn entries(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<String> = fs::read_dir(self.path()).unwrap().map(name).collect();
        names.sort();
        names
    }
}

/// What the binary did.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// All of it as one text.
    fn told(&self) -> String {
        let code = self.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        format!("exit code {code}\n--- stdout\n{}--- stderr\n{}", self.out, self.err)
    }

    fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The binary under test: where the test runner says it is now, or else where it was built.
fn binary() -> PathBuf {
    let told = |name: &str| std::env::var_os(name);
    let path = told("NEXTEST_BIN_EXE_throng").or_else(|| told("CARGO_BIN_EXE_throng"));
    path.unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_throng"))).into()
}
