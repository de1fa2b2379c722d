//! The way to the models that answer in words: opened before anything is written, shared by all worlds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use throng_llm_bridge::reach::{Reached, reach};
use throng_llm_bridge::{Bridge, BridgeConfig, CompletionStore};
use throng_systems::BridgeHandle;

use super::{Live, Plan, PlayError, StopFlag, Watch};

/// How often it is looked whether the run was asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The bridge of a run, and whoever sees to it that a request to stop reaches it.
pub(super) struct Way {
    pub(super) handle: BridgeHandle,
    _sentry: Sentry,
}

/// Winds the bridge down when the run is asked to stop; ends when it is dropped.
struct Sentry {
    /// Dropped to relieve the thread.
    on_duty: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the bridge; nothing in a run of policies alone.
///
/// # Errors
/// When a key is missing, the bridge cannot start, or no endpoint of a model answers.
pub(super) fn open(
    plan: &Plan,
    store: Arc<dyn CompletionStore>,
    stop: &StopFlag,
    watch: &mut dyn Watch,
) -> Result<Option<Way>, PlayError> {
    let Some((config, places)) = plan.config.bridge(plan.bridge) else { return Ok(None) };
    let in_words = plan.config.models.iter().filter(|model| model.words().is_some());
    let share: f64 = in_words.map(|model| model.share).sum();
    knock(&config, watch)?;
    let bridge = Arc::new(Bridge::start(config, store)?);
    bridge.notices().iter().for_each(|notice| watch.notice(notice));
    watch.asking(Live::new(Arc::clone(&bridge), (share * plan.config.run.agents as f64) as u64));
    let failed_max = plan.config.run.failed_replies_max * plan.config.run.agents as f64;
    let sentry = Sentry::post(Arc::clone(&bridge), stop.clone());
    let handle = BridgeHandle::new(bridge, places).failing_at_most(failed_max as u64);
    Ok(Some(Way { handle, _sentry: sentry }))
}

impl Sentry {
    fn post(bridge: Arc<Bridge>, stop: StopFlag) -> Self {
        let (on_duty, relieved) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            while relieved.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if stop.is_set() {
                    return bridge.wind_down();
                }
            }
        });
        Self { on_duty: Some(on_duty), thread: Some(thread) }
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.on_duty = None;
        // A panic of the thread was reported by itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Sees whether each model has an endpoint that answers, and tells of those that do not.
fn knock(config: &BridgeConfig, watch: &mut dyn Watch) -> Result<(), PlayError> {
    let mut by_model: BTreeMap<String, Vec<Reached>> = BTreeMap::new();
    for end in reach(config)? {
        by_model.entry(end.model.clone()).or_default().push(end);
    }
    for (model, ends) in by_model {
        let problem =
            |end: &Reached| end.problem.as_ref().map(|problem| format!("  {}: {problem}", end.url));
        let problems: Vec<String> = ends.iter().filter_map(problem).collect();
        if problems.len() == ends.len() {
            return Err(PlayError::Unreachable { model, problems });
        }
        for problem in problems {
            watch
                .notice(&format!("an endpoint of the model `{model}` does not answer:\n{problem}"));
        }
    }
    Ok(())
}
