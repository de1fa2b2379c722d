//! Ctrl-C: the first one asks the run to stop after its round, the second one ends the process.

use std::sync::mpsc::sync_channel;

use super::exit::Exit;
use super::failure::Failure;
use super::output::note;
use crate::play::{StopFlag, StopReason};

/// Listens for Ctrl-C and for requests to end until the process ends.
///
/// # Errors
/// When the system does not let us.
pub(super) fn listen(stop: StopFlag) -> Result<(), Failure> {
    listen_for(stop, "stopping after this round")
}

/// Listens until the process ends, and says what the first Ctrl-C does.
///
/// # Errors
/// When the system does not let us.
pub(super) fn listen_for(stop: StopFlag, what: &'static str) -> Result<(), Failure> {
    ctrlc::set_handler(move || {
        if !stop.request(StopReason::Interrupted) {
            Exit::Interrupted.at_once();
        }
        note(&format!("{what}; press Ctrl-C again to stop at once"));
    })?;
    Ok(())
}

/// Waits until the process is asked to end; for a command that has nothing else to do.
///
/// # Errors
/// When the system does not let us.
pub(super) fn wait() -> Result<(), Failure> {
    let (asked, asking) = sync_channel(1);
    ctrlc::set_handler(move || {
        // Whoever asks twice has been heard.
        let _ = asked.try_send(());
    })?;
    // The handler lives as long as the process, so that somebody asks before nobody can.
    let _ = asking.recv();
    Ok(())
}
