//! Whole exchanges in virtual time: the engine against mock servers in this process.

mod accounts;
mod determinism;
mod faults;
mod liveness;

use super::{Command, Engine};
use crate::answer::AnswerSpec;
use crate::budget::Spent;
use crate::cohort::Ask;
use crate::digest::Digest;
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Progress};
use crate::mock::transport::MockTransport;
use crate::mock::{Core, MockOptions};
use crate::model::{BridgeConfig, EndpointConfig, ModelConfig, Patience};
use crate::prompt::{Prompts, Role};
use crate::store::{CompletionStore, MemoryStore, Moment};
use crate::wire::transport::Transport;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A whole number from 0 to 100.
pub(super) fn percent() -> AnswerSpec {
    AnswerSpec::Integer { min: 0, max: 100 }
}

/// `agents` agents that ask `prompts` distinct questions in turn.
pub(super) fn batch(agents: u64, prompts: u64) -> Batch {
    let mut interned = Prompts::new();
    let ids: Vec<_> = (0..prompts)
        .map(|place| {
            interned
                .ask(&[(Role::System, "Guess."), (Role::User, &format!("Group {place}."))])
                .unwrap()
        })
        .collect();
    let ask =
        |agent: u64| Ask { agent, prompt: ids[(agent % prompts) as usize], model: 0, answer: 0 };
    Batch {
        moment: Moment { round: 3, exchange: 0 },
        run_seed: 11,
        asks: (0..agents).map(ask).collect(),
        prompts: Arc::new(interned),
        answers: Arc::new([percent()]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    }
}

/// Patient enough that no transient fault of the tests ends a reply.
pub(super) fn patience() -> Patience {
    Patience {
        attempt_ms: 1_000,
        reply_ms: 3_600_000,
        attempts_max: 30,
        attempts_on_500_max: 30,
        questions_max: 30,
        retries_per_success: 0.6,
        retries_free: 100,
    }
}

/// One model at `endpoints` endpoints.
pub(super) fn config(endpoints: usize, n_max: u32) -> BridgeConfig {
    let mut model = ModelConfig::at("mock", "http://127.0.0.1:1/v1");
    model.endpoints = vec![EndpointConfig::at("http://127.0.0.1:1/v1"); endpoints];
    model.endpoints.iter_mut().for_each(|endpoint| endpoint.quirks.n_max = Some(n_max));
    model.n_max = n_max;
    model.patience = patience();
    BridgeConfig { models: vec![model], ..BridgeConfig::default() }
}

pub(super) fn core(options: MockOptions) -> Arc<Core> {
    Arc::new(Core::new(options))
}

/// An exchange in the making: everything that a test may vary.
pub(super) struct Play<T> {
    pub config: BridgeConfig,
    pub transport: T,
    pub store: Arc<dyn CompletionStore>,
    pub in_flight_max: usize,
    pub progress: Arc<Progress>,
}

impl<T: Transport> Play<T> {
    pub(super) fn new(config: BridgeConfig, transport: T) -> Self {
        Self {
            config,
            transport,
            store: Arc::new(MemoryStore::default()),
            in_flight_max: 2_000,
            progress: Arc::default(),
        }
    }

    /// Plays `batch` to its end; `meanwhile` may send commands.
    pub(super) async fn with(
        self,
        batch: Batch,
        meanwhile: impl AsyncFnOnce(&mpsc::Sender<Command>),
    ) -> Result<Exchanged, ExchangeError> {
        let prepared = Box::new(Prepared::new(batch, &self.config)?);
        let engine = Engine::new(
            &self.config,
            Spent::default(),
            self.in_flight_max,
            self.transport,
            self.store,
        );
        let (commands, receiver) = mpsc::channel(8);
        let (done, end) = oneshot::channel();
        let begin = Command::Begin { prepared, progress: self.progress, done };
        commands.send(begin).await.unwrap();
        let owner = async {
            meanwhile(&commands).await;
            let end = end.await.unwrap();
            drop(commands);
            end
        };
        tokio::join!(engine.run(receiver), owner).1
    }

    pub(super) async fn run(self, batch: Batch) -> Exchanged {
        self.with(batch, async |_| ()).await.unwrap()
    }
}

/// Plays `batch` on mocks of these options, one per endpoint.
pub(super) async fn play(
    config: BridgeConfig,
    options: MockOptions,
    batch: Batch,
) -> (Exchanged, Arc<Core>) {
    let core = core(options);
    let cores = vec![Arc::clone(&core); config.models[0].endpoints.len()];
    (Play::new(config, MockTransport::new(&cores)).run(batch).await, core)
}

/// Digest of all answers in order; failures count as what they are.
pub(super) fn digest(exchanged: &Exchanged) -> Digest {
    let lines: Vec<String> =
        exchanged.replies.iter().map(|reply| format!("{:?}", reply.status)).collect();
    Digest::of(lines.iter().map(String::as_bytes))
}
