//! Completions of an earlier run that this one reuses: looked up by their identity, and taken into its own journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use throng_data::RunDir;
use throng_llm_bridge::digest::Digest;
use throng_llm_bridge::exchange::models_asked;
use throng_llm_bridge::money::{Money, Usage};
use throng_llm_bridge::recorded::Records;
use throng_llm_bridge::store::{Completion, CompletionKey, Moment, Record, StoreError};
use throng_llm_bridge::{Batch, BridgeConfig, Cause, CompletionStore};

use super::past::Past;
use super::way::Journaled;

/// What another run was answered in some of its rounds.
#[derive(Debug)]
pub(super) struct Kept {
    past: Past,
    /// Its rounds, ascending.
    rounds: Vec<u32>,
    /// The models that were asked so far, by fingerprint and by digest of parameters and answer type.
    asked: Mutex<BTreeMap<(Digest, Digest), u16>>,
}

impl Kept {
    /// Reads the committed rounds of a run, or what a fork keeps of one.
    ///
    /// # Errors
    /// When the rounds cannot be listed.
    pub(super) fn new(run: RunDir) -> throng_data::Result<Self> {
        let rounds = run.rounds()?;
        Ok(Self { past: Past::new(run), rounds, asked: Mutex::default() })
    }

    /// Whether it has this round.
    pub(super) fn has(&self, round: u32) -> bool {
        self.rounds.binary_search(&round).is_ok()
    }

    /// Notes what a batch asks of which model, which a completion's identity does not tell.
    pub(super) fn note(&self, batch: &Batch, config: &BridgeConfig) -> Result<(), StoreError> {
        let models = models_asked(batch, config).map_err(|error| StoreError(error.to_string()))?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(models);
        Ok(())
    }

    /// The completion under `key` as one that cost nothing, and the record of it for this run's own journal, as one
    /// of the model at `place`, or of that which asks such questions.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn find(
        &self,
        key: &CompletionKey,
        place: Option<u16>,
    ) -> Result<Option<(Completion, Record)>, StoreError> {
        if !self.has(key.moment.round) {
            return Ok(None);
        }
        let Some(found) = self.past.lookup(key)? else { return Ok(None) };
        let (usage, cost) = (Usage::default(), Money::default());
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let model = place.or_else(|| asked.get(&(key.model, key.parameters)).copied());
        let record = Record {
            moment: key.moment,
            attempt: key.attempt,
            prompt: key.prompt,
            model: key.model,
            parameters: key.parameters,
            model_index: model.ok_or_else(|| StoreError("a model that nobody asks".to_owned()))?,
            endpoint: 0,
            latency_us: 0,
            usage,
            cost,
            choices: vec![(key.agent, found.text.clone(), found.finish)],
        };
        Ok(Some((Completion { usage, cost, ..found }, record)))
    }

    /// Why an agent had no answer in a round of the other run.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(super) fn cause(&self, moment: Moment, agent: u64) -> Result<Cause, StoreError> {
        self.past.cause(moment, agent)
    }
}

/// What an earlier run was answered, in the place of one model.
#[derive(Debug)]
pub(super) struct Source {
    kept: Kept,
    place: u16,
    journaled: Arc<Journaled>,
}

impl Source {
    /// The completions of `run` for the model at `place`, which become those of the run that is being played.
    ///
    /// # Errors
    /// When the rounds cannot be listed.
    pub(super) fn new(
        run: RunDir,
        place: u16,
        journaled: Arc<Journaled>,
    ) -> throng_data::Result<Self> {
        Ok(Self { kept: Kept::new(run)?, place, journaled })
    }
}

impl Records for Source {
    fn lookup(&self, key: &CompletionKey) -> Result<Option<Completion>, StoreError> {
        let own = CompletionStore::lookup(&*self.journaled, key)?;
        if own.is_some() {
            return Ok(own);
        }
        let found = self.kept.find(key, Some(self.place))?;
        found.map(|(completion, record)| self.journaled.take(completion, record)).transpose()
    }

    fn cause(&self, _: Moment, _: u64) -> Result<Cause, StoreError> {
        Ok(Cause::Unrecorded)
    }
}
