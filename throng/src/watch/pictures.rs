//! Pictures in the run's directory: a histogram per round, the convergence, and the groups.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::final_histogram;
use crate::cli::output::note;
use crate::figures::Row;
use crate::play::{RoundReport, RunEnd, RunHead, Watch};
use crate::plot::{self, Convergence, Groups};

/// The folder of pictures in a run's directory.
const FOLDER: &str = "report";
/// Rounds with a picture of their own; of a longer run, evenly spread ones.
const PICTURES_MAX: u32 = 200;
/// Columns that the convergence shows as lines.
const LINES: [&str; 3] = ["mean", "median", "target"];
/// Columns that make the spread of a group.
const SPREAD: [&str; 5] = ["p10", "p25", "median", "p75", "p90"];

/// Draws a run into its directory while it goes.
#[derive(Debug)]
pub(crate) struct Pictures {
    range: Option<(f64, f64)>,
    folder: PathBuf,
    name: String,
    rounds: Vec<(u32, Row)>,
    last: Vec<Row>,
    /// What went wrong first; the run is worth more than its pictures, so it goes on.
    failed: Option<io::Error>,
}

impl Pictures {
    pub(crate) fn new(range: Option<(f64, f64)>) -> Self {
        let (folder, name) = (PathBuf::new(), String::new());
        Self { range, folder, name, rounds: Vec::new(), last: Vec::new(), failed: None }
    }

    /// Notes a round, and draws it if it is among those that get a picture.
    fn add(&mut self, round: u32, rounds: u32, rows: Vec<Row>) {
        let Some(everyone) = Row::everyone(&rows).cloned() else { return };
        let every = rounds.div_ceil(PICTURES_MAX).max(1);
        if (round.is_multiple_of(every) || round == 1 || round == rounds)
            && let Some(mut picture) = final_histogram(round, &everyone, self.range)
        {
            picture.title = format!("{}, {}", self.name, picture.title);
            self.write(&format!("round-{round:06}.svg"), &plot::histogram(&picture));
        }
        self.rounds.push((round, everyone));
        self.last = rows;
    }

    /// Draws what is about all rounds.
    fn close(&mut self) {
        if self.rounds.is_empty() {
            return;
        }
        if let Some(picture) = convergence(&self.name, &self.rounds) {
            self.write("convergence.svg", &plot::convergence(&picture));
        }
        if let Some(picture) = groups(&self.name, &self.last) {
            self.write("groups.svg", &plot::groups(&picture));
        }
    }

    fn write(&mut self, name: &str, svg: &str) {
        if self.failed.is_some() {
            return;
        }
        let written =
            fs::create_dir_all(&self.folder).and_then(|()| fs::write(self.folder.join(name), svg));
        self.failed = written.err();
    }
}

impl Watch for Pictures {
    fn notice(&mut self, _: &str) {}

    fn started(&mut self, run: &RunHead) {
        self.folder = run.directory.join(FOLDER);
        self.name.clone_from(&run.scenario);
    }

    fn round(&mut self, round: &RoundReport) {
        self.add(round.round, round.rounds, Row::of_summary(&round.summary));
    }

    fn finished(&mut self, _: &RunEnd) {
        self.close();
        if let Some(error) = &self.failed {
            note(&format!("warning: no pictures in {}: {error}", self.folder.display()));
        }
    }
}

/// Draws the committed rounds of a run; the last round's figures, and the folder of the pictures.
///
/// # Errors
/// When the pictures cannot be written.
pub(crate) fn draw_run(
    directory: &Path,
    scenario: &str,
    range: Option<(f64, f64)>,
    rounds: Vec<(u32, Vec<Row>)>,
) -> io::Result<PathBuf> {
    let mut pictures = Pictures::new(range);
    pictures.folder = directory.join(FOLDER);
    scenario.clone_into(&mut pictures.name);
    let last = rounds.last().map_or(0, |(round, _)| *round);
    for (round, rows) in rounds {
        pictures.add(round, last, rows);
    }
    pictures.close();
    match pictures.failed {
        Some(error) => Err(error),
        None => Ok(pictures.folder),
    }
}

fn convergence(name: &str, rounds: &[(u32, Row)]) -> Option<Convergence> {
    let values = |column: &str| -> Vec<Option<f64>> {
        rounds.iter().map(|(_, row)| row.number(column)).collect()
    };
    let lines: Vec<_> = LINES
        .into_iter()
        .map(|column| (column.to_owned(), values(column)))
        .filter(|(_, values)| values.iter().any(Option::is_some))
        .collect();
    let ends: Vec<_> =
        values("p10").into_iter().zip(values("p90")).map(|(low, high)| low.zip(high)).collect();
    let band = ends.iter().any(Option::is_some).then(|| ("p10 to p90".to_owned(), ends));
    let title = format!("{name}, {} rounds", rounds.len());
    let rounds = rounds.iter().map(|(round, _)| *round).collect();
    (!lines.is_empty()).then_some(Convergence { title, rounds, lines, band })
}

/// The groups of the last round, where there is more than everyone.
fn groups(name: &str, rows: &[Row]) -> Option<Groups> {
    let spread = |row: &Row| {
        let mut ends = [0.0; 5];
        for (end, column) in ends.iter_mut().zip(SPREAD) {
            *end = row.number(column)?;
        }
        Some((row.group.clone(), ends))
    };
    let spreads: Vec<_> = rows.iter().filter_map(spread).collect();
    let about = "10th, 25th, 50th, 75th and 90th percentile".to_owned();
    (spreads.len() > 1).then(|| Groups {
        title: format!("{name}, groups of the last round"),
        about,
        spreads,
    })
}
