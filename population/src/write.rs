//! A population as a directory: `people` in Parquet, the specification, the report, and a record of all files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use throng_data::{
    Column, PEOPLE, Stamp, Table, TableSchema, Text, Written, read_parts, sha256_file, sha256_hex,
    write_table,
};
use throng_engine::{BLOCK, Pool};

use crate::background::Backgrounds;
use crate::problem::{Error, Result};
use crate::report::{Report, Tally};
use crate::sample::{Sample, Sampler, Values};
use crate::source::Source;
use crate::spec::Spec;

/// Version of the record `population.json`.
pub const RECORD_VERSION: u32 = 1;
/// People in one file.
pub const PART_PEOPLE: u64 = 1024 * BLOCK as u64;
/// People in one file where each has a background.
pub const PART_PEOPLE_WITH_TEXT: u64 = 128 * BLOCK as u64;
/// Threads that encode a file.
const ENCODERS: usize = 2;
const RECORD: &str = "population.json";
const SPEC: &str = "population.toml";
/// Longest record, in bytes.
const RECORD_BYTES_MAX: u64 = 16 << 20;

/// What a directory of a population holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationRecord {
    /// Version of this form.
    pub version: u32,
    /// The number of people.
    pub size: u64,
    /// The seed.
    pub seed: u64,
    /// SHA-256 of the resolved specification, which is `population.toml`.
    pub spec_sha256: String,
    /// The columns of `people`, in order.
    pub schema: TableSchema,
    /// The files, in agent order.
    pub files: Vec<PopulationFile>,
}

/// One file of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopulationFile {
    /// Its path within the directory.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of all bytes.
    pub sha256: String,
}

/// Writes a population to a new directory and returns its report. All of it is made under another name beside
/// `out` and renamed into place, so that there is a whole population or none.
///
/// `page` draws the report for `report/report.html`.
///
/// # Errors
/// [`Error::File`] where the directory exists or cannot be written, and all that sampling may say.
pub fn write_population(
    out: &Path,
    spec: &Spec,
    source: &Source,
    sampler: &Sampler,
    pool: &Pool,
    page: &dyn Fn(&Report) -> String,
) -> Result<Report> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(Error::file("create", out, std::io::ErrorKind::AlreadyExists.into()));
    }
    let backgrounds = Backgrounds::new(spec, source, sampler)?;
    let spec = Spec { size: sampler.size(), seed: sampler.seed(), ..spec.clone() }.to_toml()?;
    let unfinished = Unfinished::beside(out)?;
    let report = Writing { spec: &spec, sampler, backgrounds: &backgrounds, pool }
        .write(&unfinished.path, page)?;
    unfinished.finish(out)?;
    Ok(report)
}

/// A directory that is removed unless it is finished.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    fn beside(out: &Path) -> Result<Self> {
        let nameless = || Error::file("create", out, std::io::ErrorKind::InvalidInput.into());
        let name = out.file_name().ok_or_else(nameless)?.to_string_lossy();
        let folder = out.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
        }
        let path = folder.join(format!(".{name}.unfinished-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| Error::file("create", &path, error))?;
        Ok(Self { path })
    }

    fn finish(mut self, out: &Path) -> Result<()> {
        // An empty directory would be replaced without a word.
        if fs::symlink_metadata(out).is_ok() {
            return Err(Error::file("create", out, std::io::ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.path, out).map_err(|error| Error::file("create", out, error))?;
        self.path.clear();
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Why it was not finished is what the caller hears.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What a directory is written from.
struct Writing<'a> {
    /// The resolved specification.
    spec: &'a str,
    sampler: &'a Sampler,
    backgrounds: &'a Backgrounds,
    pool: &'a Pool,
}

impl Writing<'_> {
    fn write(&self, folder: &Path, page: &dyn Fn(&Report) -> String) -> Result<Report> {
        for name in ["people", "report"] {
            let path = folder.join(name);
            fs::create_dir(&path).map_err(|error| Error::file("create", &path, error))?;
        }
        let (report, schema, files) = self.people(folder)?;
        write_text(&folder.join(SPEC), self.spec)?;
        write_text(&folder.join("report/report.txt"), &report.to_text())?;
        write_text(&folder.join("report/report.json"), &report.to_json())?;
        write_text(&folder.join("report/report.html"), &page(&report))?;
        let record = PopulationRecord {
            version: RECORD_VERSION,
            size: self.sampler.size(),
            seed: self.sampler.seed(),
            spec_sha256: sha256_hex(self.spec.as_bytes()),
            schema,
            files,
        };
        let record = serde_json::to_string_pretty(&record).expect("text and numbers are JSON");
        write_text(&folder.join(RECORD), &record)?;
        Ok(report)
    }

    /// Writes everybody, part by part, and counts them on the way.
    fn people(&self, folder: &Path) -> Result<(Report, TableSchema, Vec<PopulationFile>)> {
        let (sampler, wordless) = (self.sampler, self.backgrounds.is_empty());
        let stamp = stamp(&sha256_hex(self.spec.as_bytes()), sampler.seed());
        let mut tally = Tally::new(sampler);
        let mut files = Vec::new();
        let mut schema = TableSchema { name: PEOPLE.to_owned(), columns: Vec::new() };
        let part_people = if wordless { PART_PEOPLE } else { PART_PEOPLE_WITH_TEXT };
        for part in 0..sampler.size().div_ceil(part_people) {
            let range = part * part_people..((part + 1) * part_people).min(sampler.size());
            let sample = sampler.sample(range, self.pool)?;
            tally.add(&sample);
            let texts = (!wordless)
                .then(|| self.backgrounds.write(sampler, &sample, self.pool))
                .transpose()?;
            let table = people_table(sampler, sample, texts)?;
            schema = table.schema();
            let path = format!("people/part-{part:02}.parquet");
            let Written { rows, bytes, sha256 } =
                write_table(&folder.join(&path), table, &stamp, ENCODERS)?;
            files.push(PopulationFile { path, rows, bytes, sha256 });
        }
        Ok((tally.finish(), schema, files))
    }
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::file("write", path, error))
}

fn stamp(spec_sha256: &str, seed: u64) -> Stamp {
    Stamp {
        run_id: String::new(),
        round: 0,
        seed,
        scenario: String::new(),
        scenario_version: String::new(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sha256: spec_sha256.to_owned(),
        state_hash: None,
    }
}

/// The table `people`: the agent, each attribute as its own column, and the background where there is one.
///
/// # Errors
/// [`Error::Data`] where a column breaks a rule of tables.
pub fn people_table(
    sampler: &Sampler,
    sample: Sample,
    backgrounds: Option<Vec<String>>,
) -> Result<Table> {
    let agents = throng_data::Values::I64Sequence { first: sample.first as i64, rows: sample.rows };
    let mut columns = vec![Column::new("agent", "the agent's number", agents)];
    for (info, values) in sampler.columns().zip(sample.columns) {
        let names = info.categories.unwrap_or_default();
        columns.push(Column::new(
            info.name,
            info.about,
            column_values(values, names, info.integer),
        ));
    }
    if let Some(backgrounds) = backgrounds {
        let texts: Text = backgrounds.into_iter().collect();
        columns.push(Column::new(
            "background",
            "who the agent is, in words",
            throng_data::Values::Text(texts),
        ));
    }
    Ok(Table::new("people", columns)?)
}

fn column_values(values: Values, names: &[String], integer: bool) -> throng_data::Values {
    match values {
        Values::Codes(codes) if names.len() <= 256 => {
            let codes = codes.into_iter().map(|code| code as u8).collect();
            throng_data::Values::Category { codes, names: names.to_vec() }
        }
        Values::Codes(codes) => throng_data::Values::Category16 { codes, names: names.to_vec() },
        Values::Numbers(numbers) if integer => {
            throng_data::Values::I64(numbers.into_iter().map(|number| number as i64).collect())
        }
        Values::Numbers(numbers) => throng_data::Values::F64(numbers),
        Values::Texts(texts) => throng_data::Values::Text(texts.into_iter().collect()),
    }
}

/// A finished population on disk, whose files were found whole.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationDir {
    path: PathBuf,
    /// SHA-256 of the record, which decides every byte of the people.
    pub sha256: String,
    /// What it holds.
    pub record: PopulationRecord,
}

impl PopulationDir {
    /// Opens a population and hashes its files again.
    ///
    /// # Errors
    /// [`Error::File`] where there is no finished population, or a file is not what the record says.
    pub fn open(path: &Path) -> Result<Self> {
        let at = path.join(RECORD);
        let length = fs::metadata(&at).map_err(|error| Error::file("read", &at, error))?.len();
        if length > RECORD_BYTES_MAX {
            let what = format!("the length of `{}` in bytes", at.display());
            return Err(Error::Limit { what, found: length, limit: RECORD_BYTES_MAX });
        }
        let text = fs::read_to_string(&at).map_err(|error| Error::file("read", &at, error))?;
        let refuse =
            |path: &Path, message: String| Error::file("use", path, std::io::Error::other(message));
        let record: PopulationRecord =
            serde_json::from_str(&text).map_err(|error| refuse(&at, error.to_string()))?;
        if record.version != RECORD_VERSION {
            return Err(refuse(
                &at,
                format!("it has version {}, this program reads {RECORD_VERSION}", record.version),
            ));
        }
        for file in &record.files {
            let part = path.join(&file.path);
            let (sha256, bytes) = sha256_file(&part)?;
            if sha256 != file.sha256 || bytes != file.bytes {
                return Err(refuse(&part, "its bytes are not those that were written".to_owned()));
            }
        }
        let spec = path.join(SPEC);
        if sha256_file(&spec)?.0 != record.spec_sha256 {
            return Err(refuse(
                &spec,
                "it is not the specification that made the people".to_owned(),
            ));
        }
        let rows: u64 = record.files.iter().map(|file| file.rows).sum();
        if rows != record.size {
            return Err(refuse(&at, format!("its files have {rows} people, not {}", record.size)));
        }
        Ok(Self { path: path.to_owned(), sha256: sha256_hex(text.as_bytes()), record })
    }

    /// Everybody, in agent order.
    ///
    /// # Errors
    /// [`Error::Data`] where a file cannot be read or has other columns than the record says.
    pub fn people(&self) -> Result<Table> {
        let files: Vec<PathBuf> = self.files().collect();
        Ok(read_parts(&files, &self.record.schema)?)
    }

    /// The files of people, in agent order; `throng_data::import_table` reads each.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.record.files.iter().map(|file| self.path.join(&file.path))
    }
}
