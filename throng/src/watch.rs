//! Those who see a run go by: a terminal, a reader of JSON lines, and the pictures in the run's directory.

mod json;
mod live;
mod pictures;
mod terminal;

pub(crate) use json::{JsonLines, SCHEMA};
pub(crate) use live::AskingBar;
pub(crate) use pictures::{Pictures, draw_run};
pub(crate) use terminal::{Terminal, final_histogram};

use crate::play::{Live, RoundReport, RunEnd, RunHead, Watch};

/// The range that a scenario's histogram covers, where its settings say `min` and `max`.
pub(crate) fn answer_range(settings: &toml::Table) -> Option<(f64, f64)> {
    let number = |key: &str| {
        let value = settings.get(key)?;
        value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
    };
    number("min").zip(number("max")).filter(|(min, max)| min < max)
}

/// Several who watch, in order.
#[derive(Default)]
pub(crate) struct Watchers(pub(crate) Vec<Box<dyn Watch>>);

impl Watch for Watchers {
    fn started(&mut self, run: &RunHead) {
        self.0.iter_mut().for_each(|watch| watch.started(run));
    }

    fn asking(&mut self, live: Live) {
        self.0.iter_mut().for_each(|watch| watch.asking(live.clone()));
    }

    fn notice(&mut self, text: &str) {
        self.0.iter_mut().for_each(|watch| watch.notice(text));
    }

    fn round(&mut self, round: &RoundReport) {
        self.0.iter_mut().for_each(|watch| watch.round(round));
    }

    fn finished(&mut self, end: &RunEnd) {
        self.0.iter_mut().for_each(|watch| watch.finished(end));
    }
}
