//! Names and places inside a run directory; the only file that spells them.

use crate::error::{Error, Result};
use crate::schema::check_name;
use crate::time::Utc;
use std::fmt;
use std::path::{Path, PathBuf};

/// Rounds are numbered in six digits so that names sort as rounds do.
pub const ROUND_MAX: u32 = 999_999;
/// Most shards that write a round.
pub const SHARD_MAX: u32 = 9_999;
/// Longest run id, in bytes; file systems allow 255.
pub const RUN_ID_BYTES_MAX: usize = 120;
/// The table of agents' fixed attributes, written before the first round.
pub const PEOPLE: &str = "people";
/// The table of agents' state by round.
pub const AGENTS: &str = "agents";
/// The table of reductions by round.
pub const ROUNDS: &str = "rounds";

/// The table of paid completions by round.
pub const CALLS: &str = "calls";
/// The table of distinct prompts by round.
pub const PROMPTS: &str = "prompts";
/// The table of what interventions change of single agents by round.
pub const CHANGES: &str = "changes";
/// The column of a prompt's digest, in hex.
pub const PROMPT_HASH: &str = "prompt_hash";

pub(crate) const COMMITS: &str = "commits";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const TMP: &str = "tmp";
pub(crate) const HOSTS: &str = "hosts";
pub(crate) const REPORT: &str = "report";
pub(crate) const PARENT: &str = "parent";
pub(crate) const INTERVIEWS: &str = "interviews";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const CONFIG: &str = "run.toml";
pub(crate) const VIEWS: &str = "views.sql";
pub(crate) const README: &str = "README.md";
pub(crate) const SCHEMA: &str = "schema.json";
pub(crate) const LOCK: &str = ".lock";

/// Folders that hold no table.
pub(crate) const PRIVATE_FOLDERS: [&str; 7] =
    [COMMITS, HOSTS, JOURNAL, TMP, REPORT, PARENT, INTERVIEWS];
/// Files in the run directory itself.
pub(crate) const TOP_FILES: [&str; 6] = [MANIFEST, CONFIG, VIEWS, README, SCHEMA, LOCK];

/// The name of a run and of its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// Accepts a name given by the user.
    ///
    /// # Errors
    /// [`Error::Name`] where it could not be a directory that every reader finds.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        check_path_name("run id", &id)?;
        Ok(Self(id))
    }

    /// `<time>-<scenario>-<6 hex digits of the configuration's hash>`.
    ///
    /// # Errors
    /// [`Error::Name`] where the scenario's name cannot be part of a path.
    pub fn generate(started: Utc, scenario: &str, config_sha256: &str) -> Result<Self> {
        check_path_name("scenario", scenario)?;
        let hash: String = config_sha256.chars().take(6).collect();
        Self::new(format!("{}-{scenario}-{hash}", started.compact()))
    }

    /// The same name with a number, for a second run in the same second.
    pub(crate) fn numbered(&self, number: u32) -> Result<Self> {
        Self::new(format!("{}-{number}", self.0))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Readers take `key=value` in a path for a column, so `=` may be nowhere; the rest must be
/// quotable without thought in a shell, in SQL and in Python.
fn check_path_name(what: &'static str, name: &str) -> Result<()> {
    let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if starts && clean && name.len() <= RUN_ID_BYTES_MAX {
        return Ok(());
    }
    let rule = "it must start with a letter or digit, go on with letters, digits, `-`, `_` or `.`, \
                and have at most 120 bytes";
    Err(Error::Name { what, name: name.to_owned(), rule })
}

/// The folder of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder;

impl Folder {
    /// Checks that a table may have a folder of that name.
    pub(crate) fn of_table(table: &str) -> Result<()> {
        check_name("table", table)?;
        if PRIVATE_FOLDERS.contains(&table) {
            let rule = "the name is that of a folder of the run directory";
            return Err(Error::Name { what: "table", name: table.to_owned(), rule });
        }
        Ok(())
    }

    /// Whether a folder of that name may hold a table.
    pub(crate) fn is_table(name: &str) -> bool {
        Self::of_table(name).is_ok()
    }
}

/// One Parquet file of a run: which table, which round, which shard wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataFile {
    /// The table.
    pub table: String,
    /// The round; 0 for `people`.
    pub round: u32,
    /// The shard.
    pub shard: u32,
}

impl DataFile {
    /// The file of a table.
    ///
    /// # Errors
    /// [`Error::Limit`] above [`ROUND_MAX`] or [`SHARD_MAX`].
    pub fn new(table: &str, round: u32, shard: u32) -> Result<Self> {
        Folder::of_table(table)?;
        check_round(round)?;
        let limit = |what: &str, found: u32, limit: u32| Error::Limit {
            what: what.to_owned(),
            found: found.into(),
            limit: limit.into(),
        };
        if shard > SHARD_MAX {
            return Err(limit("the shard number", shard, SHARD_MAX));
        }
        Ok(Self { table: table.to_owned(), round, shard })
    }

    /// The path relative to the run directory, with `/` on every system.
    pub fn path(&self) -> String {
        format!("{}/{}", self.table, self.name())
    }

    fn name(&self) -> String {
        let Self { table, round, shard } = self;
        match table.as_str() {
            PEOPLE => format!("part-{shard:02}.parquet"),
            // There is one file of reductions a round, by whoever commits it.
            ROUNDS if *shard == 0 => format!("part-{round:06}.parquet"),
            ROUNDS => format!("part-{round:06}.s{shard:02}.parquet"),
            _ => format!("round-{round:06}.s{shard:02}.parquet"),
        }
    }

    /// Reads a relative path back; `None` for anything this crate would not have written.
    pub fn parse(path: &str) -> Option<Self> {
        let (table, name) = path.split_once('/')?;
        let stem = name.strip_suffix(".parquet")?;
        let (round, shard) = match table {
            PEOPLE => (0, stem.strip_prefix("part-")?.parse().ok()?),
            ROUNDS => {
                let name = stem.strip_prefix("part-")?;
                let (round, shard) = name.split_once(".s").unwrap_or((name, "0"));
                (round.parse().ok()?, shard.parse().ok()?)
            }
            _ => {
                let (round, shard) = stem.strip_prefix("round-")?.split_once(".s")?;
                (round.parse().ok()?, shard.parse().ok()?)
            }
        };
        let file = Self::new(table, round, shard).ok()?;
        // Digits in another number, or a `+`, are not our spelling.
        (file.path() == path).then_some(file)
    }
}

/// Checks a round's number against the format.
pub(crate) fn check_round(round: u32) -> Result<()> {
    if round <= ROUND_MAX {
        return Ok(());
    }
    let what = "the round number".to_owned();
    Err(Error::Limit { what, found: round.into(), limit: ROUND_MAX.into() })
}

/// The place of a round's commit record.
pub(crate) fn commit_path(run: &Path, round: u32) -> PathBuf {
    run.join(COMMITS).join(format!("round-{round:06}.json"))
}

/// The round of a commit record's name.
pub(crate) fn commit_round(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("round-")?.strip_suffix(".json")?;
    let round = digits.parse().ok().filter(|&round| round <= ROUND_MAX)?;
    (format!("{round:06}") == digits).then_some(round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (table, round, shard, path) in [
            ("agents", 57, 0, "agents/round-000057.s00.parquet"),
            ("agents", 999_999, 123, "agents/round-999999.s123.parquet"),
            ("rounds", 57, 0, "rounds/part-000057.parquet"),
            ("rounds", 57, 12, "rounds/part-000057.s12.parquet"),
            ("people", 0, 3, "people/part-03.parquet"),
        ] {
            let file = DataFile::new(table, round, shard).unwrap();
            assert_eq!(file.path(), path);
            assert_eq!(DataFile::parse(path), Some(file));
        }
    }

    #[test]
    fn other_spellings_are_not_ours() {
        for path in [
            "agents/round-57.s00.parquet",
            "agents/round-000057.s0.parquet",
            "agents/round-+00057.s00.parquet",
            "agents/round-000057.s00.parquet.tmp",
            "agents/round-000057.parquet",
            "agents/deep/round-000057.s00.parquet",
            "tmp/round-000057.s00.parquet",
            "rounds/part-1000000.parquet",
            "rounds/part-000057.s00.parquet",
            "people/part-+1.parquet",
            "agents",
        ] {
            assert_eq!(DataFile::parse(path), None, "{path}");
        }
        assert_eq!(commit_round("round-000001.json"), Some(1));
        assert_eq!(commit_round("round-1.json"), None);
        assert_eq!(commit_round("round-000001.json.tmp"), None);
    }

    #[test]
    fn run_ids_cannot_mislead_a_reader_of_paths() {
        for bad in ["", "a=b", "../x", "a/b", ".hidden", "-rf", "a b", "ü", &"x".repeat(121)] {
            assert!(RunId::new(bad).is_err(), "{bad}");
        }
        let started = Utc::from_unix_us(1_795_211_130_000_000);
        let id = RunId::generate(started, "two-thirds", "7f3a91bbcc").unwrap();
        assert_eq!(id.as_str(), "20261120-214530-two-thirds-7f3a91");
        assert!(RunId::generate(started, "a=b", "00").is_err());
    }

    #[test]
    fn rounds_and_shards_have_limits() {
        assert!(DataFile::new("agents", ROUND_MAX + 1, 0).is_err());
        assert!(DataFile::new("agents", 1, SHARD_MAX + 1).is_err());
        assert!(DataFile::new("journal", 1, 0).is_err());
    }
}
