//! The synchronous face of the bridge: batches in, replies out, while a thread of its own does the waiting.

use crate::budget::Spent;
use crate::engine::{Command, EndpointCounters, Engine};
use crate::exchange::{Batch, ExchangeError, Exchanged, Prepared, Progress, Responder, Snapshot};
use crate::limits::{COMMANDS_MAX, FILES_SHARE, THREADS_MAX};
use crate::model::{BridgeConfig, ConfigError};
use crate::store::CompletionStore;
use crate::wire::http::HttpTransport;
use crate::wire::lanes::Lanes;
use crate::wire::scripted::Mixed;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A bridge to the models of one configuration.
///
/// Dropping it cancels what is under way and waits for its thread.
#[derive(Debug)]
pub struct Bridge {
    config: Arc<BridgeConfig>,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    in_flight_max: usize,
    notices: Vec<String>,
    /// The exchanges that have not been waited for.
    under_way: Mutex<Vec<Weak<Progress>>>,
    /// Whether nothing more is to be sent, and who waits to hear of it.
    wound_down: (Mutex<bool>, Condvar),
}

/// Why a bridge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong; all errors at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<ConfigError>),
    /// The thread or its runtime cannot be made.
    #[error("the bridge's thread cannot start: {0}")]
    Thread(#[from] std::io::Error),
}

impl Bridge {
    /// Starts a bridge; opens no connection before the first exchange.
    pub fn start(
        config: BridgeConfig,
        store: Arc<dyn CompletionStore>,
    ) -> Result<Self, StartError> {
        Self::resume(config, store, Spent::default())
    }

    /// Starts a bridge for a run that has already spent `spent` of its budget.
    pub fn resume(
        config: BridgeConfig,
        store: Arc<dyn CompletionStore>,
        spent: Spent,
    ) -> Result<Self, StartError> {
        let errors = config.errors();
        if !errors.is_empty() {
            return Err(StartError::Config(errors));
        }
        let (in_flight_max, notices) = in_flight_max(config.in_flight_max);
        let config = Arc::new(config);
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let of_thread = Arc::clone(&config);
        let work = move || {
            let begun = begin(&of_thread);
            let outcome = begun.map(|(runtime, transport)| {
                // The receiver waits below, so it cannot be gone.
                let _ = ready.send(Ok(()));
                let engine = Engine::new(&of_thread, spent, in_flight_max, transport, store);
                runtime.block_on(engine.run(receiver));
            });
            if let Err(error) = outcome {
                let _ = ready.send(Err(error));
            }
        };
        let thread = std::thread::Builder::new().name("throng-bridge".to_owned()).spawn(work)?;
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(StartError::Thread(std::io::Error::other("it ended at once"))),
        }
        let (commands, thread, under_way) = (Some(commands), Some(thread), Mutex::default());
        let wound_down = Default::default();
        Ok(Self { config, commands, thread, in_flight_max, notices, under_way, wound_down })
    }

    /// What the user should know of this start, as that the limit of open files bounds requests in flight.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Most requests that are in flight at once.
    pub fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    /// The configuration.
    pub fn config(&self) -> &BridgeConfig {
        &self.config
    }

    /// Asks a batch and waits for its replies.
    pub fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        self.begin(batch)?.wait()
    }

    /// Sends nothing more, for good: what is in flight is waited for and kept, everything else fails as cancelled.
    pub fn wind_down(&self) {
        let (wound_down, told) = &self.wound_down;
        *wound_down.lock().unwrap_or_else(PoisonError::into_inner) = true;
        told.notify_all();
        // Fails only if the bridge has ended, and with it everything in flight.
        let _ = self.commands().map(|commands| commands.blocking_send(Command::WindDown));
    }

    /// Waits for `time`, or until it is wound down; returns whether it is.
    pub fn is_wound_down_within(&self, time: Duration) -> bool {
        let (wound_down, told) = &self.wound_down;
        let state = wound_down.lock().unwrap_or_else(PoisonError::into_inner);
        let state = told.wait_timeout_while(state, time, |wound_down| !*wound_down);
        *state.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Live counts of the exchanges under way, together.
    pub fn live(&self) -> Snapshot {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|progress| progress.strong_count() > 0);
        let counts = under_way.iter().filter_map(Weak::upgrade).map(|progress| progress.snapshot());
        counts.fold(Snapshot::default(), Snapshot::plus)
    }

    /// Asks a batch; the replies are waited for later. Cohorts are found on the calling thread.
    pub fn begin(&self, batch: Batch) -> Result<Exchange, ExchangeError> {
        let prepared = Box::new(Prepared::new(batch, &self.config)?);
        let progress = Arc::new(Progress::default());
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|progress| progress.strong_count() > 0);
        under_way.push(Arc::downgrade(&progress));
        drop(under_way);
        let (done, end) = oneshot::channel();
        let commands = self.commands()?;
        let begin = Command::Begin { prepared, progress: Arc::clone(&progress), done };
        commands.blocking_send(begin).map_err(|_| ExchangeError::Ended)?;
        Ok(Exchange { progress, end, commands })
    }

    /// Counters of all endpoints, by model.
    pub fn counters(&self) -> Result<Vec<Vec<EndpointCounters>>, ExchangeError> {
        self.query(Command::Counters)
    }

    /// What was spent so far, with what was spent before the start.
    pub fn spent(&self) -> Result<Spent, ExchangeError> {
        self.query(Command::Spent)
    }

    fn query<A>(
        &self,
        command: impl FnOnce(oneshot::Sender<A>) -> Command,
    ) -> Result<A, ExchangeError> {
        let (reply, answer) = oneshot::channel();
        self.commands()?.blocking_send(command(reply)).map_err(|_| ExchangeError::Ended)?;
        answer.blocking_recv().map_err(|_| ExchangeError::Ended)
    }

    fn commands(&self) -> Result<mpsc::Sender<Command>, ExchangeError> {
        self.commands.clone().ok_or(ExchangeError::Ended)
    }
}

impl Responder for Bridge {
    fn config(&self) -> &BridgeConfig {
        self.config()
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        self.exchange(batch)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported by it, and must not become a second one here.
            let _ = thread.join();
        }
    }
}

/// An exchange under way. Dropping it does not end it; `cancel` does.
#[derive(Debug)]
pub struct Exchange {
    progress: Arc<Progress>,
    end: oneshot::Receiver<Result<Exchanged, ExchangeError>>,
    commands: mpsc::Sender<Command>,
}

impl Exchange {
    /// Live counts.
    pub fn progress(&self) -> Snapshot {
        self.progress.snapshot()
    }

    /// A handle on the live counts that another thread may keep.
    pub fn watch(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Ends it early: what is in flight is given up, which reaches the servers.
    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
        // Fails only if the bridge has ended, and with it the exchange.
        let _ = self.commands.blocking_send(Command::Cancel);
    }

    /// Waits for the replies.
    pub fn wait(self) -> Result<Exchanged, ExchangeError> {
        let Self { end, commands, .. } = self;
        drop(commands);
        end.blocking_recv().map_err(|_| ExchangeError::Ended)?
    }
}

type Begun = (tokio::runtime::Runtime, Mixed<Lanes>);

fn begin(config: &BridgeConfig) -> Result<Begun, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let http = HttpTransport::new(config).map_err(|error| StartError::Config(vec![error]))?;
    let answers = config.models.iter().map(|model| model.answers.clone()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // The rest of the machine has work of its own, and is often where the models run.
    let lanes = Lanes::start(http, config.threads, (cores / 2).clamp(1, THREADS_MAX))?;
    drop(guard);
    Ok((runtime, Mixed::new(lanes, answers)))
}

/// How many requests may be in flight under the limit of open files, and what to say about it.
fn in_flight_max(wanted: Option<usize>) -> (usize, Vec<String>) {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let Some(files) = files else { return (wanted.unwrap_or(usize::MAX), Vec::new()) };
    let most = ((files as f64 * FILES_SHARE) as usize).max(1);
    match wanted {
        Some(wanted) if wanted <= most => (wanted, Vec::new()),
        _ => {
            let notice = format!(
                "at most {most} requests in flight: 0.7 of the limit of {files} open files"
            );
            (most, vec![notice])
        }
    }
}
