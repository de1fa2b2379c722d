//! A run that begins as another one: its first rounds are the other's, and whatever is asked again is not paid again.

use std::fs;

use throng_data::{Manifest, NewRun, Parent, RunDir, RunId, WritableRun};

use super::worlds::Worlds;
use super::{Plan, PlayError, RunEnd, StopFlag, Watch, again, origin};

/// Settings that do not change what agents are asked or answer.
const HARMLESS: [&str; 4] = ["run.rounds", "run.failed_replies_max", "budget.", "bridge."];

/// Plays a run whose rounds 1 to `at` are those of `parent`; `change` says what was set anew, as it was typed.
///
/// The run stands on its own: it has copies of the shared rounds, and of what its parent was answered later.
///
/// # Errors
/// When the parent is damaged or has fewer rounds, in which case nothing is left of the fork; otherwise as for
/// [`resume`](super::resume).
pub fn fork(
    plan: Plan,
    (parent, at): (&RunDir, u32),
    change: Vec<String>,
    stop: StopFlag,
    watch: &mut dyn Watch,
) -> Result<RunEnd, PlayError> {
    let directory = plan.out.join(&plan.run_id);
    let made = make(&plan, parent, at, change);
    let begun = made.and_then(|()| {
        let run = RunDir::open(&directory)?;
        again::resume(plan, &run, stop, watch)
    });
    begun.inspect_err(|error| {
        if is_unbegun(error) {
            // The first error is the one to report.
            let _ = fs::remove_dir_all(&directory);
        }
    })
}

/// Whether an error came before anything was asked, so that there is nothing to go on with.
fn is_unbegun(error: &PlayError) -> bool {
    use PlayError::{Bridge, Diverged, Selection, Service, Unreachable};
    matches!(
        error,
        Bridge(_) | Diverged { .. } | Selection { .. } | Service(_) | Unreachable { .. }
    )
}

/// Creates the directory with what it has of its parent; leaves nothing behind when that fails.
fn make(plan: &Plan, parent: &RunDir, at: u32, change: Vec<String>) -> Result<(), PlayError> {
    let prompts = Worlds::new(plan, None)?.prompts_text();
    let of = Parent { run_id: parent.manifest()?.run_id, round: at, change };
    let new = NewRun {
        id: Some(RunId::new(plan.run_id.as_str())?),
        config_toml: plan.config.to_toml(),
        origin: origin::of(plan, &prompts, Some(of)),
    };
    let mut run = WritableRun::create(&plan.out, new)?;
    let kept = run.keep_answers(parent, at);
    // The population of a fork from the very beginning may read differently.
    let adopted = kept.and_then(|()| if at > 0 { run.adopt(parent, at) } else { Ok(()) });
    adopted.map_err(|error| {
        let _ = fs::remove_dir_all(run.path());
        error.into()
    })
}

/// Whether a fork with this change is its parent again.
pub(super) fn is_unchanged(change: &[String]) -> bool {
    change.iter().all(|set| HARMLESS.iter().any(|harmless| set.starts_with(harmless)))
}

/// The rounds that a run shares with the one it was forked from; 0 for a run of its own.
///
/// # Errors
/// [`PlayError::HalfForked`] when it died while they were copied.
pub(super) fn shared(manifest: &Manifest, committed: u32) -> Result<u32, PlayError> {
    let shared = manifest.origin.parent.as_ref().map_or(0, |parent| parent.round);
    if committed < shared {
        return Err(PlayError::HalfForked { committed, shared });
    }
    Ok(shared)
}
