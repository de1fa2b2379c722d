//! Who answers a batch: the bridge, or for models whose completions are recorded an earlier run.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_data::RunDir;
use throng_llm_bridge::recorded::Recorded;
use throng_llm_bridge::{
    Ask, Batch, Batched, Bridge, BridgeConfig, ExchangeError, Exchanged, Reply, Responder, Totals,
};

use super::kept::Source;
use super::way::Journaled;
use super::{Plan, PlayError};

/// Asks the bridge and the runs that stand in for models, and keeps what was asked.
pub(super) struct Asked {
    /// The models with what identifies their completions.
    config: BridgeConfig,
    bridge: Batched,
    pub(super) journaled: Arc<Journaled>,
    /// The runs that stand in for models, by the models' places.
    recorded: BTreeMap<u16, Recorded>,
}

impl Asked {
    /// Opens the runs that stand in for models.
    ///
    /// # Errors
    /// When one of them cannot be read, or a key that was there has gone.
    pub(super) fn new(
        plan: &Plan,
        config: BridgeConfig,
        bridge: Arc<Bridge>,
        journaled: Arc<Journaled>,
    ) -> Result<Self, PlayError> {
        let mut recorded = BTreeMap::new();
        for (place, replayed) in plan.config.replayed() {
            let run = RunDir::open(&replayed.run)?;
            let source = Source::new(run, place, Arc::clone(&journaled))?;
            recorded.insert(place, Recorded::new(config.clone(), Arc::new(source)));
        }
        let bridge = Batched::on(bridge, Arc::clone(&journaled) as _)?;
        Ok(Self { config, bridge, journaled, recorded })
    }

    /// Lets each part of a batch be answered by whoever answers for its models, and puts the replies in order.
    fn divide(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        let mut parts: BTreeMap<Option<u16>, Vec<Ask>> = BTreeMap::new();
        for ask in &batch.asks {
            let recorded = self.recorded.contains_key(&ask.model).then_some(ask.model);
            parts.entry(recorded).or_default().push(*ask);
        }
        let batch = Batch { asks: Vec::new(), ..batch };
        let (mut totals, mut stopped) = (Totals::default(), None);
        let mut replies: Vec<(u64, Reply)> = Vec::new();
        for (place, asks) in parts {
            let agents: Vec<u64> = asks.iter().map(|ask| ask.agent).collect();
            let part = Batch { asks, ..batch.clone() };
            let done = match place.and_then(|place| self.recorded.get(&place)) {
                Some(recorded) => recorded.exchange(part)?,
                None => self.bridge.exchange(part)?,
            };
            totals.add(&done.totals);
            stopped = stopped.or(done.stop);
            replies.extend(agents.into_iter().zip(done.replies));
        }
        replies.sort_by_key(|(agent, _)| *agent);
        let replies = replies.into_iter().map(|(_, reply)| reply).collect();
        Ok(Exchanged { replies, totals, stop: stopped })
    }
}

impl Responder for Asked {
    fn config(&self) -> &BridgeConfig {
        &self.config
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        self.journaled.keep(&batch, &self.config)?;
        if self.recorded.is_empty() { self.bridge.exchange(batch) } else { self.divide(batch) }
    }
}
