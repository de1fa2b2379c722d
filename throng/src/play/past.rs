//! The committed rounds of a run as records to play them again from: completions, and why there was none.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use throng_data::{Projection, RecordedCalls, RunDir, Table};
use throng_llm_bridge::Cause;
use throng_llm_bridge::recorded::Records;
use throng_llm_bridge::store::{Completion, CompletionKey, Moment, StoreError};

use super::store::{completion, journal_key};

/// The column in which a reply's status stands.
const STATUS: &str = "status";

/// Reads the rounds of a run, one at a time.
#[derive(Debug)]
pub(super) struct Past {
    run: RunDir,
    /// Where completions are unpacked.
    scratch: PathBuf,
    round: Mutex<Option<Round>>,
}

#[derive(Debug)]
struct Round {
    number: u32,
    calls: RecordedCalls,
    /// The statuses of all agents, read when the first failure is looked up.
    statuses: Option<Table>,
}

impl Past {
    pub(super) fn new(run: RunDir) -> Self {
        Self { run, scratch: std::env::temp_dir(), round: Mutex::default() }
    }

    /// Does `work` with a round, which stays unpacked until another one is asked for.
    fn with<A>(
        &self,
        number: u32,
        work: impl FnOnce(&RunDir, &mut Round) -> throng_data::Result<A>,
    ) -> Result<A, StoreError> {
        let mut open = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_none_or(|round| round.number != number) {
            let calls = RecordedCalls::open(&self.run, number, &self.scratch).map_err(lost)?;
            *open = Some(Round { number, calls, statuses: None });
        }
        let round = open.as_mut().expect("it was put there above");
        work(&self.run, round).map_err(lost)
    }
}

impl Records for Past {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        let found =
            self.with(key.moment.round, |_, round| round.calls.lookup(&journal_key(key)))?;
        Ok(found.map(completion))
    }

    /// The cause that the table of agents has. Of an earlier exchange of the round it has none; any will do, since
    /// the digest of the round shows whether it mattered.
    fn cause(&self, moment: Moment, agent: u64) -> Result<Cause, StoreError> {
        self.with(moment.round, |run, round| {
            if round.statuses.is_none() {
                round.statuses =
                    Some(run.read_agents(moment.round, Projection::Columns(&[STATUS]))?);
            }
            let statuses = round.statuses.as_ref().and_then(|table| table.column(STATUS));
            let status = statuses.and_then(|column| column.values.text(agent as usize));
            Ok(cause(status.unwrap_or_default()))
        })
    }
}

fn cause(status: &str) -> Cause {
    match status {
        "failed_refused" => Cause::Refused,
        "failed_invalid" => Cause::Invalid,
        "failed_http_status" => Cause::HttpStatus(0),
        "failed_context_length" => Cause::ContextLength,
        "failed_budget" => Cause::Budget,
        "failed_circuit_open" => Cause::CircuitOpen,
        "failed_cancelled" => Cause::Cancelled,
        "failed_unrecorded" => Cause::Unrecorded,
        _ => Cause::Timeout,
    }
}

fn lost(error: throng_data::Error) -> StoreError {
    StoreError(error.to_string())
}
