//! `throng report`: pictures of a run that has been played.

use std::fs;

use clap::Args;
use throng_data::{Projection, RunDir};

use super::exit::Exit;
use super::failure::Failure;
use super::output::{Results, note};
use super::runs::RunArgument;
use crate::figures::Row;
use crate::plot::bars;
use crate::watch::{answer_range, draw_run, final_histogram};

/// Letters of the longest bar.
const BAR_LETTERS: usize = 40;

/// Arguments of `throng report`.
#[derive(Args, Debug)]
pub(super) struct ReportArguments {
    #[command(flatten)]
    run: RunArgument,
}

/// Draws every committed round again, and shows the last one.
pub(super) fn run(arguments: &ReportArguments, results: &Results) -> Result<Exit, Failure> {
    let run = arguments.run.open()?;
    let manifest = run.manifest()?;
    let mut rounds = Vec::new();
    for round in run.rounds()?.into_iter().filter(|round| *round > 0) {
        rounds.push((round, Row::of_run(&run.read_rounds(round, Projection::All)?)));
    }
    let range = range(&run);
    if let Some((round, rows)) = rounds.last()
        && let Some(row) = Row::everyone(rows)
        && let Some(plot) = final_histogram(*round, row, range)
    {
        results.line(&plot.title);
        results.lines(bars(&plot, BAR_LETTERS));
    }
    if rounds.is_empty() {
        note("no round has been committed yet: there is nothing to draw");
        return Ok(Exit::Done);
    }
    let folder = draw_run(run.path(), &manifest.origin.scenario, range, rounds)
        .map_err(Failure::Pictures)?;
    results.line(&format!("pictures: {}", folder.display()));
    Ok(Exit::Done)
}

/// The range of answers, from the run's own configuration.
fn range(run: &RunDir) -> Option<(f64, f64)> {
    let text = fs::read_to_string(run.path().join("run.toml")).ok()?;
    let config: toml::Table = text.parse().ok()?;
    answer_range(config.get("scenario")?.as_table()?)
}
