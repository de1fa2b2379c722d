//! Ctrl-C: the first one asks the run to stop after its round, the second one ends the process.

use super::exit::Exit;
use super::failure::Failure;
use super::output::note;
use crate::play::{StopFlag, StopReason};

/// Listens for Ctrl-C and for requests to end until the process ends.
///
/// # Errors
/// When the system does not let us.
pub(super) fn listen(stop: StopFlag) -> Result<(), Failure> {
    ctrlc::set_handler(move || {
        if !stop.request(StopReason::Interrupted) {
            Exit::Interrupted.at_once();
        }
        note("stopping after this round; press Ctrl-C again to stop at once");
    })?;
    Ok(())
}
