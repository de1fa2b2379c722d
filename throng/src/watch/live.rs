//! The bar of a run whose models are asked in words: replies, requests in flight, and what they cost.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;
use throng_llm_bridge::exchange::Snapshot;

use crate::figures::grouped;
use crate::play::Live;

/// How often the counts are read.
const INTERVAL: Duration = Duration::from_millis(250);

/// Keeps the message of a bar up to date; ends when it is dropped.
#[derive(Debug)]
pub(super) struct LiveBar {
    /// Dropped to end the thread.
    going: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveBar {
    pub(super) fn start(live: Live, bar: ProgressBar) -> Self {
        let (going, ended) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let counts = live.counts();
                if counts.total > 0 {
                    bar.set_message(in_words(&counts));
                }
            }
        });
        Self { going: Some(going), thread: Some(thread) }
    }
}

impl Drop for LiveBar {
    fn drop(&mut self) {
        self.going = None;
        // A panic of the thread was reported by itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A bar of its own, where nothing else is shown; it is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct AskingBar {
    live: Option<LiveBar>,
    bar: ProgressBar,
}

impl AskingBar {
    /// Shows what is under way, on a terminal.
    pub(crate) fn start(live: Live) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(INTERVAL);
        let live = (!bar.is_hidden()).then(|| LiveBar::start(live, bar.clone()));
        Self { live, bar }
    }
}

impl Drop for AskingBar {
    fn drop(&mut self) {
        self.live = None;
        self.bar.finish_and_clear();
    }
}

/// Replies of the exchange under way, and what the whole of it will probably cost.
fn in_words(counts: &Snapshot) -> String {
    let done = counts.answered + counts.failed;
    let failed = match counts.failed {
        0 => String::new(),
        failed => format!(" ({} failed)", grouped(failed)),
    };
    let replies = format!("{} of {} replies{failed}", grouped(done), grouped(counts.total));
    let spent = if counts.cost.usd() > 0.0 && done > 0 {
        let whole = counts.cost.usd() * counts.total as f64 / done as f64;
        format!("${:.4} of about ${whole:.4}", counts.cost.usd())
    } else {
        format!("{} tokens", grouped(counts.tokens))
    };
    format!("{replies}, {} in flight, {spent}", grouped(counts.in_flight))
}

#[cfg(test)]
mod tests {
    use throng_llm_bridge::money::Money;

    use super::*;

    #[test]
    fn the_cost_of_the_whole_is_told_from_that_of_a_part() {
        let counts = Snapshot {
            total: 1_000,
            answered: 240,
            failed: 10,
            in_flight: 7,
            tokens: 5_000,
            cost: Money::from_usd(0.5),
            ..Snapshot::default()
        };
        let free = Snapshot { cost: Money::default(), failed: 0, ..counts };
        assert_eq!(
            in_words(&counts),
            "250 of 1,000 replies (10 failed), 7 in flight, $0.5000 of about $2.0000"
        );
        assert_eq!(in_words(&free), "240 of 1,000 replies, 7 in flight, 5,000 tokens");
    }
}
