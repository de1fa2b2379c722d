//! The bridge's completions in the journal of a run: durable before they are used, found again after a crash.

use std::path::Path;
use std::sync::Arc;

use throng_data::{
    Call, Choice, Cut, Journal, JournalCompletion, JournalKey, JournalRecord, ModelNames, Opening,
    Tokens, WritableRun,
};
use throng_llm_bridge::money::{Money, Usage};
use throng_llm_bridge::store::{
    Ack, Completion, CompletionKey, CompletionStore, Finish, Record, StoreError,
};
use throng_llm_bridge::{BridgeConfig, Moment, limits};

const _: () = {
    let (waiting, choices) = (limits::STORE_PENDING_MAX, limits::CHOICES_MAX as usize);
    assert!(
        waiting <= throng_data::QUEUE_RECORDS_MAX,
        "the bridge's thread never waits for the disk"
    );
    assert!(choices <= throng_data::CHOICES_MAX, "a request's choices fit in a record");
    assert!(
        limits::REPLY_BYTES_MAX <= throng_data::RECORD_TEXT_BYTES_MAX,
        "a reply's texts fit in a record"
    );
};

/// Keeps the completions of a run in its journal.
#[derive(Debug)]
pub struct JournalStore {
    journal: Arc<Journal>,
    folder: Arc<Path>,
}

impl JournalStore {
    /// Keeps completions in a journal that is open already.
    pub(super) fn of(journal: Arc<Journal>) -> Self {
        let folder = Arc::from(journal.folder());
        Self { journal, folder }
    }

    /// Opens the journal of `run`, whose commits from now on turn the completions of their round into the
    /// table `calls`. Also returns the torn ends that a process which died has left.
    ///
    /// # Errors
    /// When completions that had been durable are lost, or the system refuses.
    pub fn open(
        run: &mut WritableRun,
        config: &BridgeConfig,
        opening: Opening,
    ) -> throng_data::Result<(Self, Vec<Cut>)> {
        let (journal, cuts) = run.open_journal(model_names(config), opening)?;
        Ok((Self::of(journal), cuts))
    }

    /// Takes a completion that is somewhere else too, so that nobody waits until it is durable here: a commit of
    /// its round fails unless it is.
    pub(super) fn take(&self, record: Record) {
        self.journal.append(journal_record(record), |_| ());
    }

    /// Opens the journal in a folder of its own, which is made where there is none. Nothing is ever removed from
    /// it: it serves whoever asks the same.
    ///
    /// # Errors
    /// When another process has it open, completions that had been durable are lost, or the system refuses.
    pub(crate) fn of_folder(folder: &Path) -> throng_data::Result<(Self, Vec<Cut>)> {
        let (journal, cuts) = Journal::open_alone(folder)?;
        Ok((Self::of(Arc::new(journal)), cuts))
    }
}

impl CompletionStore for JournalStore {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        let found = self.journal.lookup(&journal_key(key));
        found.map(|found| found.map(completion)).map_err(|error| StoreError(error.to_string()))
    }

    fn may_hold(&self, moment: Moment) -> bool {
        self.journal.holds(moment.round)
    }

    fn append(&self, record: Record, ack: Ack) {
        // Not the journal itself: this runs on its thread, which must not be the one to end it.
        let folder = Arc::clone(&self.folder);
        self.journal.append(journal_record(record), move |outcome| {
            let told = |error| StoreError(format!("`{}`: {error}", folder.display()));
            ack.done(outcome.map_err(told));
        });
    }
}

/// What the table `calls` calls models and endpoints. Endpoints are numbered, since no host's name belongs
/// into a run's tables.
fn model_names(config: &BridgeConfig) -> Vec<ModelNames> {
    let names = config.models.iter().map(|model| ModelNames {
        model: model.name.clone(),
        // A scripted model answers in this process, as its only endpoint.
        endpoints: (0..model.endpoints.len().max(1)).map(|place| place.to_string()).collect(),
    });
    names.collect()
}

pub(super) fn journal_key(key: &CompletionKey) -> JournalKey {
    JournalKey {
        round: key.moment.round,
        exchange: key.moment.exchange,
        agent: key.agent,
        attempt: key.attempt,
        prompt: key.prompt.0,
        model: key.model.0,
        parameters: key.parameters.0,
    }
}

fn journal_record(record: Record) -> JournalRecord {
    let call = Call {
        round: record.moment.round,
        exchange: record.moment.exchange,
        attempt: record.attempt,
        prompt: record.prompt.0,
        model: record.model.0,
        parameters: record.parameters.0,
        model_index: record.model_index,
        endpoint: record.endpoint,
        latency_us: record.latency_us,
        tokens: Tokens {
            prompt: record.usage.prompt_tokens,
            completion: record.usage.completion_tokens,
            cached: record.usage.cached_tokens,
        },
        cost: record.cost.0,
    };
    let choices = record.choices.into_iter().map(|(agent, text, finish)| Choice {
        agent,
        text,
        finish: match finish {
            Finish::Stop => throng_data::Finish::Stop,
            Finish::Length => throng_data::Finish::Length,
            Finish::Withheld => throng_data::Finish::Withheld,
        },
    });
    JournalRecord { call, choices: choices.collect() }
}

pub(super) fn completion(found: JournalCompletion) -> Completion {
    let JournalCompletion { text, finish, tokens, cost } = found;
    Completion {
        text,
        finish: match finish {
            throng_data::Finish::Stop => Finish::Stop,
            throng_data::Finish::Length => Finish::Length,
            throng_data::Finish::Withheld => Finish::Withheld,
        },
        usage: Usage {
            prompt_tokens: tokens.prompt,
            completion_tokens: tokens.completion,
            cached_tokens: tokens.cached,
        },
        cost: Money(cost),
    }
}

#[cfg(test)]
mod tests;
