//! JSON lines: an object per round and a final one.

use serde_json::{Map, json};

use crate::cli::output::{Results, note};
use crate::figures::Row;
use crate::play::{RoundReport, RunEnd, RunHead, StopFlag, StopReason, Watch};

/// Version of the objects; raised when a field changes its meaning or goes.
pub(crate) const SCHEMA: u32 = 1;

/// Writes an object per round and a final one; stops the run when nobody reads them.
#[derive(Debug)]
pub(crate) struct JsonLines {
    results: Results,
    stop: StopFlag,
    run_id: String,
}

impl JsonLines {
    pub(crate) fn new(results: Results, stop: StopFlag) -> Self {
        Self { results, stop, run_id: String::new() }
    }

    fn write(&self, object: &serde_json::Value) {
        if !self.results.line(&object.to_string()) {
            self.stop.request(StopReason::ReaderGone);
        }
    }
}

impl Watch for JsonLines {
    fn started(&mut self, run: &RunHead) {
        self.run_id.clone_from(&run.run_id);
    }

    fn notice(&mut self, text: &str) {
        note(text);
    }

    fn round(&mut self, round: &RoundReport) {
        let rows = Row::of_summary(&round.summary);
        let groups: Map<_, _> = rows.iter().map(|row| (row.group.clone(), row.json())).collect();
        self.write(&json!({
            "schema": SCHEMA,
            "kind": "round",
            "run": self.run_id,
            "round": round.round,
            "rounds": round.rounds,
            "seconds": round.seconds,
            "agents_per_second": round.agents_per_second,
            "calls": round.calls,
            "tokens": round.tokens,
            "cost": round.cost,
            "forecast": round.forecast,
            "groups": groups,
        }));
    }

    fn finished(&mut self, end: &RunEnd) {
        self.write(&json!({
            "schema": SCHEMA,
            "kind": "end",
            "run": self.run_id,
            "status": end.status.to_string(),
            "rounds": end.rounds_committed,
            "directory": end.directory,
            "state_hash": end.state_hash,
            "seconds": end.seconds,
        }));
    }
}
