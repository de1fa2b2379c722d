//! How much a run tells while it is played.

use clap::Args;

use super::output::Results;
use crate::config::Resolved;
use crate::play::StopFlag;
use crate::watch::{JsonLines, Pictures, Terminal, Watchers, answer_range};

/// Arguments of the commands that play.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Telling {
    /// Write an object per round and a final one
    #[arg(long)]
    json: bool,
    /// Write nothing but errors
    #[arg(short, long, conflicts_with_all = ["verbose", "json"])]
    quiet: bool,
    /// Write a line for every group too
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,
}

impl Telling {
    /// Those who are to see the run.
    pub(super) fn watchers(
        self,
        resolved: &Resolved,
        results: &Results,
        stop: &StopFlag,
    ) -> Watchers {
        let range = answer_range(&resolved.config.scenario);
        let (results, stop) = (results.clone(), stop.clone());
        let mut watch = Watchers::default();
        if self.json {
            watch.0.push(Box::new(JsonLines::new(results, stop)));
        } else if !self.quiet {
            watch.0.push(Box::new(Terminal::new(results, stop, self.verbose, range)));
        }
        if resolved.execution.report {
            // First, so that the pictures lie there when the others say that the run has ended.
            watch.0.insert(0, Box::new(Pictures::new(range)));
        }
        watch
    }
}
