//! Playing what has been played: a run that goes on after its last committed round, and one that is only checked.

use std::sync::Arc;
use std::time::Instant;

use throng_data::{CommitRecord, Opening, RoundWriter, RunDir, WritableRun};
use throng_llm_bridge::distribution::Drawing;
use throng_llm_bridge::exchange::{Batch, ExchangeError, Exchanged};
use throng_llm_bridge::recorded::Recorded;
use throng_llm_bridge::{BridgeConfig, Responder};
use throng_systems::BridgeHandle;
use throng_systems::engine::state_digest;

use super::asked::Asked;
use super::fork;
use super::past::Past;
use super::rounds::{self, Outcome};
use super::way::{self, Entrance, Journaled};
use super::worlds::Worlds;
use super::{Plan, PlayError, RunEnd, StopFlag, Watch};

/// Asks the bridge, except of rounds that are committed, which it plays from their records, and of those that a
/// fork without a change repeats.
pub(super) struct Resumed {
    committed: u32,
    past: Recorded,
    repeated: Recorded,
    asked: Asked,
}

impl Resumed {
    /// Plays rounds up to `committed` from their records in `run`.
    pub(super) fn new(committed: u32, run: RunDir, asked: Asked) -> Self {
        let past = Recorded::new(asked.config().clone(), Arc::new(Past::new(run)));
        let kept = Arc::clone(&asked.journaled);
        let repeated = Recorded::new(asked.config().clone(), kept);
        Self { committed, past, repeated, asked }
    }
}

impl Responder for Resumed {
    fn config(&self) -> &BridgeConfig {
        self.asked.config()
    }

    fn exchange(&self, batch: Batch) -> Result<Exchanged, ExchangeError> {
        if batch.moment.round <= self.committed {
            self.past.exchange(batch)
        } else if self.asked.journaled.repeats(batch.moment.round) {
            self.asked.journaled.keep(&batch, self.config())?;
            self.repeated.exchange(batch)
        } else {
            self.asked.exchange(batch)
        }
    }
}

/// Goes on with the run in `directory`, whose configuration is that of the plan: its committed rounds are played
/// again from their records and compared, then the others are played as in [`play`](super::play). What the
/// unfinished round has paid for is not asked again.
///
/// # Errors
/// [`PlayError::Diverged`] when a committed round does not come out the same; otherwise as for `play`.
pub fn resume(
    plan: Plan,
    directory: &RunDir,
    stop: StopFlag,
    watch: &mut dyn Watch,
) -> Result<RunEnd, PlayError> {
    let begun = Instant::now();
    let commits = directory.commits()?;
    let committed = commits.last().map_or(0, |record| record.round);
    let shared = fork::shared(&directory.manifest()?, committed)?;
    let store = Arc::new(Journaled::of_fork(directory)?);
    let spent = way::spent(&commits, shared);
    let wrap = |asked: Asked| -> Arc<dyn Responder> {
        Arc::new(Resumed::new(committed, directory.clone(), asked))
    };
    let entrance = Entrance::alone(&plan, &stop);
    let way = entrance.open((Arc::clone(&store), spent), watch, wrap)?;
    let mut worlds = Worlds::new(&plan, way.as_ref().map(|way| &way.handle))?;
    let people = worlds.people()?;
    let mut run = WritableRun::open(directory.path())?;
    store.open(&plan, &mut run, Opening::Alone, watch)?;
    if commits.is_empty() {
        run.commit(rounds::before_first_round(&plan, people))?;
    }
    watch.started(&rounds::head(&plan, directory.path().to_owned()));
    let state = replayed(&mut worlds, &commits, |_| ())?;
    let mut writer = RoundWriter::start(run)?;
    let from = Outcome::after(committed, state);
    let played = rounds::play_rounds(&plan, &stop, watch, &mut worlds, &mut writer, from);
    rounds::end(played, writer, directory.path().to_owned(), begun, watch)
}

/// Plays the committed rounds of a run again from its records alone, without any network, and compares their
/// digests; `each` is told of every round that came out the same.
///
/// # Errors
/// [`PlayError::Diverged`] at the first round that does not.
pub fn replay(plan: &Plan, directory: &RunDir, each: impl FnMut(u32)) -> Result<u32, PlayError> {
    let commits = directory.commits()?;
    let mut worlds = Worlds::new(plan, from_records(plan, directory).as_ref())?;
    worlds.people()?;
    replayed(&mut worlds, &commits, each)?;
    Ok(commits.last().map_or(0, |record| record.round))
}

/// Plays a run of one world to the end of round `at` from its records, without any network.
///
/// # Errors
/// [`PlayError::Diverged`] at the first round that does not come out the same.
pub(super) fn until(plan: &Plan, directory: &RunDir, at: u32) -> Result<Worlds, PlayError> {
    let mut commits = directory.commits()?;
    commits.retain(|record| record.round <= at);
    let mut worlds = Worlds::new(plan, from_records(plan, directory).as_ref())?;
    worlds.people()?;
    replayed(&mut worlds, &commits, |_| ())?;
    Ok(worlds)
}

/// The way to what the committed rounds of a run have recorded; none in a run of policies alone.
fn from_records(plan: &Plan, directory: &RunDir) -> Option<BridgeHandle> {
    let (config, places) = plan.config.bridge(plan.bridge)?;
    let past = Arc::new(Past::new(directory.clone()));
    Some(BridgeHandle::new(Arc::new(Drawing::on(Recorded::new(config, past))), places))
}

/// Plays the rounds of these records, and returns the digest of the last one.
fn replayed(
    worlds: &mut Worlds,
    commits: &[CommitRecord],
    mut each: impl FnMut(u32),
) -> Result<Option<throng_systems::engine::Digest>, PlayError> {
    let mut state = None;
    for record in commits.iter().filter(|record| record.round > 0) {
        let Ok(played) = worlds.round()? else {
            return Err(PlayError::Diverged { round: record.round });
        };
        let digest = state_digest(&played.blocks);
        if record.state_hash.as_deref() != Some(digest.to_string().as_str()) {
            return Err(PlayError::Diverged { round: record.round });
        }
        state = Some(digest);
        each(record.round);
    }
    Ok(state)
}
