//! A population as a directory: `people` in Parquet, the specification, the report, and a record of all files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use throng_data::{
    Column, PEOPLE, Stamp, Table, TableSchema, Text, Written, free_bytes, read_parts, sha256_file,
    sha256_hex, write_table,
};
use throng_engine::{BLOCK, Pool};

use crate::background::Backgrounds;
use crate::generate::{Generator, Writer};
use crate::problem::{Error, Result};
use crate::report::{Report, Tally};
use crate::sample::{Sample, Sampler, Values};
use crate::spec::Spec;
use crate::unfinished::Unfinished;

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
    /// The model that wrote backgrounds, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Writer>,
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

/// Who puts people into words.
#[derive(Debug)]
pub enum Words<'w> {
    /// Wordings, if there are any.
    Wordings(&'w Backgrounds),
    /// A model.
    Model(Box<Generator<'w>>),
}

impl Words<'_> {
    fn columns(&mut self, sampler: &Sampler, sample: &Sample, pool: &Pool) -> Result<Vec<Column>> {
        match self {
            Self::Model(generator) => generator.columns(sampler, sample, pool),
            Self::Wordings(wordings) if wordings.is_empty() => Ok(Vec::new()),
            Self::Wordings(wordings) => {
                Ok(vec![background(wordings.write(sampler, sample, pool)?)])
            }
        }
    }

    fn part_people(&self) -> u64 {
        match self {
            Self::Wordings(wordings) if wordings.is_empty() => PART_PEOPLE,
            Self::Wordings(_) | Self::Model(_) => PART_PEOPLE_WITH_TEXT,
        }
    }
}

/// Writes a population to a new directory and returns its report. All of it is made under another name beside
/// `out` and renamed into place, so that there is a whole population or none.
///
/// `page` draws the report for `report/report.html`.
///
/// # Errors
/// [`Error::File`] where the directory exists or cannot be written, [`Error::Stopped`] where a model was asked and
/// not everybody has a description, and all that sampling may say.
pub fn write_population(
    out: &Path,
    spec: &Spec,
    sampler: &Sampler,
    words: Words<'_>,
    pool: &Pool,
    page: &dyn Fn(&Report) -> String,
) -> Result<Report> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(Error::file("create", out, std::io::ErrorKind::AlreadyExists.into()));
    }
    let spec = Spec { size: sampler.size(), seed: sampler.seed(), ..spec.clone() }.to_toml()?;
    let unfinished = Unfinished::beside(out)?;
    let report = Writing { spec: &spec, sampler, pool }.write(unfinished.path(), words, page)?;
    unfinished.finish(out)?;
    Ok(report)
}

/// What a directory is written from.
struct Writing<'a> {
    /// The resolved specification.
    spec: &'a str,
    sampler: &'a Sampler,
    pool: &'a Pool,
}

impl Writing<'_> {
    fn write(
        &self,
        folder: &Path,
        mut words: Words<'_>,
        page: &dyn Fn(&Report) -> String,
    ) -> Result<Report> {
        for name in ["people", "report"] {
            let path = folder.join(name);
            fs::create_dir(&path).map_err(|error| Error::file("create", &path, error))?;
        }
        let (mut report, schema, files) = self.people(folder, &mut words)?;
        if let Words::Model(generator) = words {
            report.generation = Some(generator.finish());
        }
        write_text(&folder.join(SPEC), self.spec)?;
        write_text(&folder.join("report/report.txt"), &report.to_text())?;
        write_text(&folder.join("report/report.json"), &report.to_json())?;
        write_text(&folder.join("report/report.html"), &page(&report))?;
        let record = PopulationRecord {
            version: RECORD_VERSION,
            size: self.sampler.size(),
            seed: self.sampler.seed(),
            spec_sha256: sha256_hex(self.spec.as_bytes()),
            model: report.generation.as_ref().map(|generation| generation.model.clone()),
            schema,
            files,
        };
        let record = serde_json::to_string_pretty(&record).expect("text and numbers are JSON");
        write_text(&folder.join(RECORD), &record)?;
        Ok(report)
    }

    /// Writes everybody, part by part, and counts them on the way.
    fn people(
        &self,
        folder: &Path,
        words: &mut Words<'_>,
    ) -> Result<(Report, TableSchema, Vec<PopulationFile>)> {
        let sampler = self.sampler;
        let stamp = stamp(&sha256_hex(self.spec.as_bytes()), sampler.seed());
        let mut tally = Tally::new(sampler);
        let mut files = Vec::new();
        let mut schema = TableSchema { name: PEOPLE.to_owned(), columns: Vec::new() };
        let part_people = words.part_people();
        for part in 0..sampler.size().div_ceil(part_people) {
            let range = part * part_people..((part + 1) * part_people).min(sampler.size());
            let sample = sampler.sample(range, self.pool)?;
            tally.add(&sample);
            let more = words.columns(sampler, &sample, self.pool)?;
            let table = table_with(sampler, sample, more)?;
            schema = table.schema();
            let path = format!("people/part-{part:02}.parquet");
            let Written { rows, bytes, sha256 } =
                write_table(&folder.join(&path), table, &stamp, ENCODERS)?;
            files.push(PopulationFile { path, rows, bytes, sha256 });
            check_space(folder, &files, sampler.size())?;
        }
        Ok((tally.finish(), schema, files))
    }
}

/// Sees whether the rest of the people will fit on the disk, from what those took that are written.
fn check_space(folder: &Path, files: &[PopulationFile], size: u64) -> Result<()> {
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let rest = (bytes as f64 / rows.max(1) as f64 * (size - rows) as f64) as u64;
    match free_bytes(folder) {
        Some(limit) if limit < rest => {
            let what = format!("the space in bytes that the other {} people take", size - rows);
            Err(Error::Limit { what, found: rest, limit })
        }
        _ => Ok(()),
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
    table_with(sampler, sample, backgrounds.map(background).into_iter().collect())
}

/// The column with backgrounds.
fn background(texts: Vec<String>) -> Column {
    let texts: Text = texts.into_iter().collect();
    Column::new("background", "who the agent is, in words", throng_data::Values::Text(texts))
}

fn table_with(sampler: &Sampler, sample: Sample, more: Vec<Column>) -> Result<Table> {
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
    columns.extend(more);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_will_not_fit_are_refused_before_the_disk_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes| {
            let path = "people/part-00.parquet".to_owned();
            PopulationFile { path, rows: 10, bytes, sha256: String::new() }
        };
        assert!(check_space(folder.path(), &[file(10)], 20).is_ok());
        let error = check_space(folder.path(), &[file(1 << 40)], 1_000_000).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("the other 999990 people"), "{message}");
    }
}
