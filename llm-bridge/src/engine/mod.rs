//! The engine: one thread, one queue per model, endpoints that pull from it.
//!
//! Every member of an exchange is at any time in exactly one place: in a queue, in flight, waiting for the
//! store's acknowledgement, or settled. `dispatch.rs` moves from the queue into flight, `landing.rs` from
//! flight onwards, `settle.rs` to the end, and `expiry.rs` sees to it that nothing waits for ever.

mod dispatch;
mod endpoint;
mod expiry;
mod landing;
mod queue;
mod settle;
mod work;

pub use endpoint::EndpointCounters;
pub(crate) use landing::read;

use crate::budget::{Budget, Spent};
use crate::exchange::{ExchangeError, Exchanged, Prepared, Progress, Stop};
use crate::limits::{LANDINGS_PER_TURN, SUSPECTS_IN_FLIGHT_MAX};
use crate::model::{BridgeConfig, EndpointConfig, Kind, ModelConfig};
use crate::reply::{Reply, Totals};
use crate::retry::RetryBudget;
use crate::store::{CompletionStore, StoreError};
use crate::wire::transport::{Landed, LinkError, Transport};
use endpoint::Endpoint;
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use queue::Queue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use work::{Earlier, Work};

/// What the bridge's owner tells its engine.
#[derive(Debug)]
pub(crate) enum Command {
    /// Plays an exchange and sends its end.
    Begin {
        prepared: Box<Prepared>,
        progress: Arc<Progress>,
        done: oneshot::Sender<Result<Exchanged, ExchangeError>>,
    },
    /// Looks at the cancellation flags of all exchanges.
    Cancel,
    /// Sends nothing more, for good.
    WindDown,
    /// Sends the counters of all endpoints, by model.
    Counters(oneshot::Sender<Vec<Vec<EndpointCounters>>>),
    /// Sends what was spent.
    Spent(oneshot::Sender<Spent>),
}

/// A model at work.
#[derive(Debug)]
struct Model {
    config: ModelConfig,
    endpoints: Vec<Endpoint>,
    queue: Queue,
    retries: RetryBudget,
    in_flight: usize,
    suspects: usize,
    /// Since when no endpoint was usable.
    stalled_since: Option<Instant>,
    /// Mean tokens of a choice, for quotas.
    tokens_per_choice: f64,
}

/// An exchange at work.
#[derive(Debug)]
struct Exchange {
    prepared: Box<Prepared>,
    replies: Vec<Option<Reply>>,
    earlier: BTreeMap<u32, Earlier>,
    unsettled: usize,
    /// Cohorts that no endpoint takes: their other members are not even asked.
    hopeless: BTreeMap<u32, (crate::reply::Cause, String)>,
    totals: Totals,
    stop: Option<Stop>,
    deadline: Option<Instant>,
    progress: Arc<Progress>,
    done: oneshot::Sender<Result<Exchanged, ExchangeError>>,
}

/// A request under way, with the copy that hedging may have sent.
#[derive(Debug)]
struct Flight {
    model: u16,
    work: Work,
    legs: Vec<Leg>,
    hedged: bool,
}

#[derive(Debug)]
struct Leg {
    number: u8,
    endpoint: u16,
    sent: Instant,
    /// Tokens reckoned when it was sent, to be corrected.
    tokens: f64,
    abort: AbortHandle,
}

/// The end of one leg of a flight; none if it was given up.
type Arrival = (u64, u8, Option<Result<Landed, LinkError>>);

/// The acknowledgement of one record.
type Acknowledged = (u64, Result<(), StoreError>);

/// The engine of one bridge.
pub(crate) struct Engine<T> {
    transport: T,
    store: Arc<dyn CompletionStore>,
    models: Vec<Model>,
    exchanges: BTreeMap<u32, Exchange>,
    next_exchange: u32,
    flights: BTreeMap<u64, Flight>,
    next_flight: u64,
    arrivals: FuturesUnordered<LocalBoxFuture<'static, Arrival>>,
    legs_in_flight: usize,
    choices_in_flight: u64,
    in_flight_max: usize,
    pending: BTreeMap<u64, landing::Pending>,
    /// Bytes of the texts of `pending`.
    pending_bytes: usize,
    next_ticket: u64,
    ack_sender: mpsc::UnboundedSender<Acknowledged>,
    acks: mpsc::UnboundedReceiver<Acknowledged>,
    budget: Budget,
    /// The model that is served first in the next turn.
    turn: usize,
    /// Whether nothing more is sent.
    winding_down: bool,
}

impl<T: Transport> Engine<T> {
    /// An engine for `config` that keeps at most `in_flight_max` requests under way.
    pub(crate) fn new(
        config: &BridgeConfig,
        spent: Spent,
        in_flight_max: usize,
        transport: T,
        store: Arc<dyn CompletionStore>,
    ) -> Self {
        let now = Instant::now();
        // Bounded by the number of records that wait, which `dispatch` keeps below its limit.
        let (ack_sender, acks) = mpsc::unbounded_channel();
        Self {
            transport,
            store,
            models: config.models.iter().map(|model| Model::new(model, now)).collect(),
            exchanges: BTreeMap::new(),
            next_exchange: 0,
            flights: BTreeMap::new(),
            next_flight: 0,
            arrivals: FuturesUnordered::new(),
            legs_in_flight: 0,
            choices_in_flight: 0,
            in_flight_max,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            next_ticket: 0,
            ack_sender,
            acks,
            budget: Budget::new(config.budget, spent, now),
            turn: 0,
            winding_down: false,
        }
    }

    /// Works until `commands` ends and everything begun has ended.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut open = true;
        let wake = tokio::time::sleep_until(Instant::now());
        tokio::pin!(wake);
        while open || !self.exchanges.is_empty() {
            let now = Instant::now();
            self.expire(now);
            self.dispatch(now);
            let next = self.next_wake(now);
            if let Some(next) = next.filter(|next| *next != wake.deadline()) {
                wake.as_mut().reset(next);
            }
            tokio::select! {
                biased;
                Some((ticket, outcome)) = self.acks.recv() => self.on_ack(ticket, outcome),
                Some(arrival) = self.arrivals.next(), if !self.arrivals.is_empty() => self.on_arrival(arrival),
                command = commands.recv(), if open => match command {
                    Some(command) => self.on_command(command),
                    None => {
                        open = false;
                        self.cancel_all();
                    }
                },
                () = &mut wake, if next.is_some() => {}
            }
            self.drain_ready();
        }
    }

    /// Handles what else has already happened, so that the queue is looked at once for many events.
    fn drain_ready(&mut self) {
        use futures_util::FutureExt as _;
        for _ in 0..LANDINGS_PER_TURN {
            if let Ok((ticket, outcome)) = self.acks.try_recv() {
                self.on_ack(ticket, outcome);
            } else if let Some(Some(arrival)) = self.arrivals.next().now_or_never() {
                self.on_arrival(arrival);
            } else {
                return;
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        // A receiver that is gone has lost interest, which is no error.
        match command {
            Command::Begin { prepared, progress, done } => self.begin(prepared, progress, done),
            Command::Cancel => self.cancel_flagged(),
            Command::WindDown => self.winding_down = true,
            Command::Counters(reply) => {
                let counters = |model: &Model| {
                    model.endpoints.iter().map(|endpoint| endpoint.counters).collect()
                };
                let _ = reply.send(self.models.iter().map(counters).collect());
            }
            Command::Spent(reply) => {
                let _ = reply.send(self.budget.spent());
            }
        }
    }
}

impl Model {
    fn new(config: &ModelConfig, now: Instant) -> Self {
        let mut in_process = [EndpointConfig::at("http://127.0.0.1/")];
        in_process[0].quirks.n_max = Some(config.n_max);
        let endpoints =
            if config.kind == Kind::Scripted { &in_process } else { config.endpoints.as_slice() };
        Self {
            endpoints: endpoints
                .iter()
                .map(|endpoint| Endpoint::new(endpoint, config, now))
                .collect(),
            queue: Queue::default(),
            retries: RetryBudget::new(
                config.patience.retries_free,
                config.patience.retries_per_success,
            ),
            in_flight: 0,
            suspects: 0,
            stalled_since: None,
            tokens_per_choice: f64::from(config.max_tokens),
            config: config.clone(),
        }
    }

    /// Whether some other endpoint than `endpoint` is believed to work.
    fn has_other(&self, endpoint: usize) -> bool {
        self.endpoints
            .iter()
            .enumerate()
            .any(|(other, state)| other != endpoint && state.is_usable())
    }

    /// Whether `work` may go to `endpoint` now.
    fn suits(&self, work: &Work, endpoint: usize) -> bool {
        let avoided = work.avoid >> endpoint & 1 == 1;
        let shunned = work.shun == Some(endpoint as u16) && self.has_other(endpoint);
        let alone = !work.is_suspect() || self.suspects < SUSPECTS_IN_FLIGHT_MAX;
        !avoided && !shunned && alone
    }
}

#[cfg(test)]
mod tests;
