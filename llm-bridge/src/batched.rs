//! Exchanges by batch file: what a service has worked off goes into the store, and the bridge asks for the rest.

use crate::batch_file::{BatchFile, Ingested, Submitted};
use crate::bridge::Bridge;
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Responder};
use crate::forecast::forecast;
use crate::model::{BatchFileConfig, BridgeConfig};
use crate::service::{Service, ServiceError};
use crate::store::{CompletionStore, StoreError};
use crate::wire::transport::Address;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A bridge before which the models that are configured so answer by batch files. Their first endpoint is the service.
pub struct Batched {
    bridge: Arc<Bridge>,
    store: Arc<dyn CompletionStore>,
    /// None where no model answers so.
    service: Option<Service>,
}

/// Why batch files of a model cannot be had.
#[derive(Debug, thiserror::Error)]
enum BatchedError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the budget does not allow what a batch may cost, and one cannot be stopped; raise the budget, or leave out `batch_file`"
    )]
    Budget,
    #[error("the service has failed the batch `{0}`, which is asked for again on the next start")]
    Failed(String),
    #[error(
        "the batch `{0}` has not ended after {1} hours; it is found again when the run is resumed"
    )]
    Late(String, f64),
}

impl Batched {
    /// Puts completions into `store`, which must be the bridge's own.
    pub fn on(bridge: Arc<Bridge>, store: Arc<dyn CompletionStore>) -> Result<Self, ServiceError> {
        let wanted = bridge.config().models.iter().any(|model| model.batch_file.is_some());
        let service = wanted.then(|| Service::new(bridge.config())).transpose()?;
        Ok(Self { bridge, store, service })
    }

    /// Fetches what `batch` asks of the model at `place` by batch files, as far as the store lacks it; returns what
    /// came file by file.
    fn fetch(
        &self,
        service: &Service,
        place: u16,
        files: BatchFileConfig,
        batch: &Batch,
    ) -> Result<Vec<Ingested>, BatchedError> {
        let asks = batch.asks.iter().copied().filter(|ask| ask.model == place);
        let part = Batch { asks: asks.collect(), ..batch.clone() };
        let at = Address { model: place, endpoint: 0 };
        let missing = self.missing(&part)?;
        if !missing.contains(&true) {
            return Ok(Vec::new());
        }
        if !self.affords(service, &part, files) {
            return Err(BatchedError::Budget);
        }
        let mut batches: Vec<Submitted> = Vec::new();
        let submit = |file: BatchFile| service.submit(at, &file).map(|batch| batches.push(batch));
        service.batch_files(at, &part, |ask| missing[ask], submit)?;
        let (begun, mut ingested) = (Instant::now(), Vec::new());
        for submitted in batches {
            let Some(output) = self.await_end(service, at, files, &submitted.id, begun)? else {
                break;
            };
            let came = service.ingest(at, &part, &output, files.price_factor, &*self.store)?;
            ingested.push(came);
        }
        Ok(ingested)
    }

    /// For each ask whether the store lacks its first completion.
    fn missing(&self, part: &Batch) -> Result<Vec<bool>, StoreError> {
        let mut missing = vec![true; part.asks.len()];
        let known = self.store.may_hold(part.moment);
        let prepared = known.then(|| Prepared::new(part.clone(), self.bridge.config()));
        // What is wrong with the batch the bridge will tell.
        let Some(Ok(prepared)) = prepared else { return Ok(missing) };
        for (number, cohort) in (0..).zip(&prepared.cohorts.cohorts) {
            for member in cohort.start..cohort.start + cohort.length {
                let key = prepared.completion_key(number, member, 0);
                let place = prepared.cohorts.members[member as usize] as usize;
                missing[place] = self.store.lookup(&key)?.is_none();
            }
        }
        Ok(missing)
    }

    /// Whether the budget allows the most that `part` may cost: what is with a service cannot be stopped.
    fn affords(&self, service: &Service, part: &Batch, files: BatchFileConfig) -> bool {
        let (config, Ok(spent)) = (self.bridge.config(), self.bridge.spent()) else { return false };
        let Ok(cost) = forecast(part, config, Some(service), 1.0) else { return false };
        let budget = config.budget;
        let tokens = cost.prompt_tokens.high + cost.completion_tokens.high + spent.tokens as f64;
        let usd = cost.usd.high * files.price_factor + spent.cost.usd();
        let requests = cost.asks + spent.requests as f64;
        budget.tokens_max.is_none_or(|most| tokens <= most as f64)
            && budget.usd_max.is_none_or(|most| usd <= most)
            && budget.requests_max.is_none_or(|most| requests <= most as f64)
    }

    /// Waits until a batch has ended; returns its results, and none if the bridge is wound down before.
    fn await_end(
        &self,
        service: &Service,
        at: Address,
        files: BatchFileConfig,
        id: &str,
        begun: Instant,
    ) -> Result<Option<String>, BatchedError> {
        loop {
            let standing = service.standing(at, id)?;
            if standing.has_ended() {
                let failed = || BatchedError::Failed(id.to_owned());
                return standing.output.ok_or_else(failed).map(Some);
            }
            if begun.elapsed().as_secs_f64() > files.hours_max * 3_600.0 {
                return Err(BatchedError::Late(id.to_owned(), files.hours_max));
            }
            if self.bridge.is_wound_down_within(Duration::from_secs_f64(files.look_every_s)) {
                return Ok(None);
            }
        }
    }
}

impl fmt::Debug for Batched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Batched").field("bridge", &self.bridge).finish_non_exhaustive()
    }
}

impl Responder for Batched {
    fn config(&self) -> &BridgeConfig {
        self.bridge.config()
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let Some(service) = &self.service else { return self.bridge.exchange(batch) };
        let mut ingested = Vec::new();
        for (place, model) in (0..).zip(&self.config().models) {
            let Some(files) = model.batch_file else { continue };
            let told = |error: BatchedError| {
                ExchangeError::BatchFile(model.name.clone(), error.to_string())
            };
            ingested.extend(self.fetch(service, place, files, &batch).map_err(told)?);
        }
        let mut exchanged = self.bridge.exchange(batch)?;
        ingested.iter().for_each(|came| came.count_in(&mut exchanged.totals));
        Ok(exchanged)
    }
}
