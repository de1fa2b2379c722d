//! `throng doctor`: what this machine has, and what would keep a run from being played.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::process::{Resource, getrlimit};
use serde_json::{Map, Value, json};
use throng_data::Utc;
use throng_llm_bridge::probe::{self, Capabilities};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, table};
use super::runs::FolderArgument;
use crate::config::footprint::memory_available;
use crate::config::{Request, Target, bytes_in_words, resolve};
use crate::watch::SCHEMA;

/// Open files below which a run with many shards may fail.
const OPEN_FILES_MIN: u64 = 256;
/// Free bytes below which not even a small run fits.
const DISK_MIN: u64 = 64 << 20;
/// 2025-01-01 in microseconds: a clock before it names runs wrongly.
const CLOCK_MIN_US: i64 = 1_735_689_600_000_000;

/// Arguments of `throng doctor`.
#[derive(Args, Debug)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    folder: FolderArgument,
    /// Ask the servers of this configuration what they can do; that takes a few short replies of each
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Write one object
    #[arg(long)]
    json: bool,
}

/// Something that was looked at.
struct Finding {
    name: &'static str,
    /// For readers.
    text: String,
    /// For programs.
    value: Value,
    /// What is wrong with it, if anything.
    problem: Option<&'static str>,
}

impl Finding {
    fn new(name: &'static str, text: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name, text: text.into(), value: value.into(), problem: None }
    }

    fn problem_if(mut self, wrong: bool, problem: &'static str) -> Self {
        self.problem = wrong.then_some(problem);
        self
    }
}

/// Looks at everything; fails when something would keep a run from being played.
pub(super) fn run(
    arguments: &DoctorArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let findings = [
        versions(),
        cores(),
        memory(),
        disk(arguments.folder.path()),
        writable(arguments.folder.path()),
        open_files(),
        terminal(),
        clock(),
    ];
    let servers = match &arguments.config {
        Some(path) => servers(path, scenarios)?,
        None => Vec::new(),
    };
    let healthy = findings.iter().all(|finding| finding.problem.is_none())
        && servers.iter().all(|server| server.error.is_none());
    if arguments.json {
        results.line(&object(&findings, &servers, healthy).to_string());
    } else {
        let row = |finding: &Finding| {
            let problem =
                finding.problem.map_or_else(String::new, |problem| format!("  <- {problem}"));
            vec![finding.name.replace('_', " "), format!("{}{problem}", finding.text)]
        };
        let rows: Vec<_> = findings.iter().map(row).collect();
        results.lines(table(&rows));
        if !servers.is_empty() {
            results.line("");
            results.lines(probe::table(&servers).lines().map(str::to_owned));
        }
    }
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

/// What the servers of a configuration can do.
fn servers(path: &Path, scenarios: &[Scenario]) -> Result<Vec<Capabilities>, Failure> {
    let target = Target::File(path.to_owned());
    let request = Request { target, model: None, endpoints: Vec::new(), overrides: Vec::new() };
    let resolved = resolve(&request, scenarios)?;
    let Some((config, _)) = resolved.config.bridge(resolved.execution.bridge) else {
        return Ok(Vec::new());
    };
    Ok(probe::probe(&config)?)
}

fn object(findings: &[Finding], servers: &[Capabilities], healthy: bool) -> Value {
    let values: Map<String, Value> =
        findings.iter().map(|finding| (finding.name.to_owned(), finding.value.clone())).collect();
    let problems: Vec<_> = findings
        .iter()
        .filter_map(|finding| Some(json!({ "of": finding.name, "problem": finding.problem? })))
        .collect();
    json!({
        "schema": SCHEMA, "kind": "doctor", "healthy": healthy, "found": values, "problems": problems,
        "servers": servers,
    })
}

fn versions() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let text = format!("throng {version}, {build} build, {platform}");
    Finding::new(
        "version",
        text,
        json!({ "throng": version, "build": build, "platform": platform }),
    )
}

fn cores() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Finding::new("cores", cores.to_string(), cores)
}

fn memory() -> Finding {
    match memory_available() {
        Some(bytes) => Finding::new("memory_available", bytes_in_words(bytes), bytes),
        None => Finding::new("memory_available", "unknown on this platform", Value::Null),
    }
}

/// The folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = absolute.ancestors().find(|folder| folder.is_dir());
    found.unwrap_or_else(|| Path::new("/")).to_owned()
}

fn disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(existing(folder)) {
        Ok(disk) => {
            let free = disk.f_frsize.saturating_mul(disk.f_bavail);
            Finding::new("disk_free", bytes_in_words(free), free)
                .problem_if(free < DISK_MIN, "runs will not fit: free some space or use --out")
        }
        Err(error) => Finding::new("disk_free", error.to_string(), Value::Null)
            .problem_if(true, "the disk does not answer: use --out"),
    }
}

/// Whether a file can be made in the folder, by making one and removing it.
fn writable(folder: &Path) -> Finding {
    let place = existing(folder);
    let probe = place.join(format!(".throng-doctor-{}", std::process::id()));
    let written = std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
    let text = match &written {
        Ok(()) => format!("{} can be written", folder.display()),
        Err(error) => format!("{} cannot be written: {error}", folder.display()),
    };
    Finding::new("out_folder", text, json!({ "path": folder, "writable": written.is_ok() }))
        .problem_if(written.is_err(), "check who owns it, or use --out")
}

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) => Finding::new("open_files_max", limit.to_string(), limit)
            .problem_if(limit < OPEN_FILES_MIN, "raise it with `ulimit -n 4096`"),
        None => Finding::new("open_files_max", "unlimited", Value::Null),
    }
}

fn terminal() -> Finding {
    let (out, error) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let kind = std::env::var("TERM").unwrap_or_default();
    let word = |is: bool| if is { "a terminal" } else { "no terminal" };
    let colours = if no_color { "NO_COLOR is set" } else { "NO_COLOR is not set" };
    let text = format!("output is {}, errors go to {}, {colours}", word(out), word(error));
    let value = json!({ "stdout": out, "stderr": error, "no_color": no_color, "term": kind });
    Finding::new("terminal", text, value)
}

fn clock() -> Finding {
    let now = Utc::now();
    Finding::new("clock", now.iso(), now.iso()).problem_if(
        now.unix_us() < CLOCK_MIN_US,
        "the clock is wrong: runs are named after the time",
    )
}
