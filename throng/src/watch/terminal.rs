//! A run in a terminal: a bar while it goes, a line per round, and a histogram at the end.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use throng_llm_bridge::forecast::Forecast;

use super::live::LiveBar;
use crate::cli::output::{Results, note};
use crate::figures::{Cell, Row, grouped, grouped_whole, short};
use crate::play::{Live, RoundReport, RunEnd, RunHead, RunStatus, StopFlag, StopReason, Watch};
use crate::plot::{Histogram, bars};

/// Columns of a round that are shown where the scenario has them.
const SHOWN: [&str; 10] = [
    "n",
    "answered",
    "failed",
    "mean",
    "median",
    "sd",
    "target",
    "winning",
    "winners",
    "first_winner",
];
/// Columns of its own that are shown of a scenario, less those above that are figures.
const OWN_COLUMNS_MAX: usize = 6;
/// Letters of the longest bar.
const BAR_LETTERS: usize = 40;
/// How often the bar moves.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// Shows a run as text.
#[derive(Debug)]
pub(crate) struct Terminal {
    results: Results,
    stop: StopFlag,
    /// Whether every group gets a line.
    verbose: bool,
    /// The range of the histogram, where the scenario says it.
    range: Option<(f64, f64)>,
    columns: Vec<(String, usize)>,
    bar: ProgressBar,
    last: Option<(u32, Row)>,
    spent: Spent,
    /// The model calls under way, and who shows them.
    live: Option<Live>,
    live_bar: Option<LiveBar>,
}

/// What the model calls of the run took so far.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    calls: u64,
    tokens: u64,
    cost: f64,
}

impl Spent {
    fn add(&mut self, round: &RoundReport) {
        self.calls += round.calls;
        self.tokens += round.tokens;
        self.cost += round.cost;
    }

    /// Nothing, where no model was called.
    fn in_words(&self) -> String {
        if self.calls == 0 {
            return String::new();
        }
        let cost = if self.cost > 0.0 { format!(", ${:.4}", self.cost) } else { String::new() };
        format!("; {} calls, {} tokens{cost}", grouped(self.calls), grouped(self.tokens))
    }
}

impl Terminal {
    pub(crate) fn new(
        results: Results,
        stop: StopFlag,
        verbose: bool,
        range: Option<(f64, f64)>,
    ) -> Self {
        Self {
            results,
            stop,
            verbose,
            range,
            columns: Vec::new(),
            bar: ProgressBar::hidden(),
            last: None,
            spent: Spent::default(),
            live: None,
            live_bar: None,
        }
    }

    fn print(&self, line: &str) {
        if !self.bar.suspend(|| self.results.line(line)) {
            self.stop.request(StopReason::ReaderGone);
        }
    }

    fn header(&mut self, row: &Row) {
        self.columns = columns(row);
        let names: Vec<String> =
            self.columns.iter().map(|(name, width)| format!("{name:>width$}")).collect();
        self.print(&format!("round  {}", names.join("  ")));
    }

    fn line(&self, round: u32, row: &Row) -> String {
        let cells = self.columns.iter().map(|(name, width)| {
            let text = row.cell(name).map_or_else(String::new, shown);
            format!("{text:>width$}")
        });
        format!("{round:>5}  {}", cells.collect::<Vec<_>>().join("  "))
    }
}

impl Watch for Terminal {
    fn started(&mut self, run: &RunHead) {
        note(&format!(
            "{}: {} agents, {} rounds, in {}",
            run.scenario,
            grouped(run.agents),
            grouped(run.rounds),
            run.directory.display()
        ));
        // On a terminal only; elsewhere the bar does not draw itself.
        self.bar = ProgressBar::new(run.rounds.into()).with_style(style());
        self.bar.set_message("playing round 1");
        self.bar.enable_steady_tick(BAR_INTERVAL);
        let live = self.live.take().filter(|_| !self.bar.is_hidden());
        self.live_bar = live.map(|live| LiveBar::start(live, self.bar.clone()));
    }

    fn asking(&mut self, live: Live) {
        self.live = Some(live);
    }

    fn notice(&mut self, text: &str) {
        self.bar.suspend(|| note(text));
    }

    fn round(&mut self, round: &RoundReport) {
        let rows = Row::of_summary(&round.summary);
        let Some(everyone) = Row::everyone(&rows) else { return };
        if self.columns.is_empty() {
            self.header(everyone);
        }
        self.print(&self.line(round.round, everyone));
        if self.verbose {
            for row in rows.iter().filter(|row| *row != everyone) {
                self.print(&format!("{}  {}", self.line(round.round, row), row.group));
            }
        }
        let rate = grouped_whole(round.agents_per_second);
        let next = round.rounds.min(round.round + 1);
        let whole = round.forecast.as_ref().map_or_else(String::new, in_words);
        self.bar.set_message(format!("playing round {next} at {rate} agents/s{whole}"));
        self.spent.add(round);
        self.bar.set_position(round.round.into());
        self.last = Some((round.round, everyone.clone()));
    }

    fn finished(&mut self, end: &RunEnd) {
        self.live_bar = None;
        self.bar.finish_and_clear();
        if let Some((round, row)) = &self.last
            && let Some(plot) = final_histogram(*round, row, self.range)
        {
            self.print("");
            self.print(&plot.title);
            for line in bars(&plot, BAR_LETTERS) {
                self.print(&line);
            }
        }
        let rounds = grouped(end.rounds_committed);
        let ended = match end.status {
            RunStatus::Done => "done".to_owned(),
            RunStatus::Interrupted => "stopped".to_owned(),
            RunStatus::TooManyFailures => "stopped, as too many replies failed".to_owned(),
            RunStatus::OutOfBudget => "stopped by its budget".to_owned(),
        };
        note(&format!(
            "{ended} after {rounds} rounds in {:.1} s{}",
            end.seconds,
            self.spent.in_words()
        ));
        if self.verbose {
            note(&format!("state {}", end.state_hash));
        }
        self.print("");
        self.print(&format!("results: {}", end.directory.display()));
    }
}

/// What the calls of the whole run will take.
fn in_words(forecast: &Forecast) -> String {
    let Forecast { usd, prompt_tokens, completion_tokens, .. } = forecast;
    if usd.mean > 0.0 {
        return format!(", ${:.4} in all (${:.4} to ${:.4})", usd.mean, usd.low, usd.high);
    }
    let tokens = prompt_tokens.mean + completion_tokens.mean;
    format!(", {} tokens in all", grouped_whole(tokens))
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {pos}/{len} [{bar:24}] {msg}, {eta} left")
        .expect("a test draws with the template")
        .progress_chars("=> ")
}

/// The columns to show with their widths: the well-known ones, and where there are none, the scenario's first.
fn columns(row: &Row) -> Vec<(String, usize)> {
    let known: Vec<&str> = SHOWN.into_iter().filter(|name| row.cell(name).is_some()).collect();
    let accounts = ["n", "answered", "failed"];
    let own = row.columns().filter(|name| !known.contains(name) && !name.starts_with("failed_"));
    let known_figures = known.iter().filter(|name| !accounts.contains(name)).count();
    let own_max = OWN_COLUMNS_MAX.saturating_sub(known_figures);
    let names = known.iter().copied().chain(own.take(own_max));
    let width = |name: &str| {
        let count = row.number("n").map_or(0, |n| grouped_whole(n).len());
        let least = if accounts.contains(&name) { count } else { 7 };
        name.len().max(least)
    };
    names.map(|name| (name.to_owned(), width(name))).collect()
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "-".to_owned(),
        Cell::Whole(whole) => grouped(*whole),
        Cell::Number(number) => short(*number),
        Cell::Text(text) => text.clone(),
        Cell::Flag(flag) => flag.to_string(),
    }
}

/// The histogram of a round, where its figures have bins; its range is counted in bins where nobody says it.
pub(crate) fn final_histogram(
    round: u32,
    row: &Row,
    range: Option<(f64, f64)>,
) -> Option<Histogram> {
    let counts = row.bins();
    if counts.is_empty() {
        return None;
    }
    let (low, high) = range.unwrap_or((0.0, counts.len() as f64));
    let marks = ["mean", "target"]
        .into_iter()
        .filter(|_| range.is_some())
        .filter_map(|name| Some((name.to_owned(), row.number(name)?)));
    let n = row.number("answered").or_else(|| row.number("n")).unwrap_or(0.0);
    let title = format!("round {round}: {} answers", grouped_whole(n));
    Some(Histogram { title, low, high, marks: marks.collect(), counts })
}

#[cfg(test)]
mod tests {
    use throng_llm_bridge::forecast::Interval;

    use super::*;

    #[test]
    fn the_cost_of_the_run_is_told_with_its_bounds_and_tokens_where_they_are_free() {
        let interval = |mean: f64| Interval { low: mean - 1.0, mean, high: mean + 2.0 };
        let free = Forecast {
            prompt_tokens: interval(3_000.0),
            completion_tokens: interval(20.0),
            ..Forecast::nothing()
        };
        let paid = Forecast { usd: interval(1.5), ..free.clone() };
        assert_eq!(in_words(&free), ", 3,020 tokens in all");
        assert_eq!(in_words(&paid), ", $1.5000 in all ($0.5000 to $3.5000)");
    }

    #[test]
    fn the_bar_s_template_is_one() {
        drop(style());
    }
}
