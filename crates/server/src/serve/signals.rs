//! SIGTERM and SIGINT: the first one stops in order, the second one at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::log;

/// What a process ends with that was told twice to stop.
const EXIT_AT_ONCE: i32 = 130;

/// Cancels `stop` at the first signal. Must be called inside a Tokio runtime.
pub(super) fn follow(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut told = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told {
                log::stopping_at_once();
                // What was acknowledged is on the disk; the next start goes on with it.
                std::process::exit(EXIT_AT_ONCE);
            }
            told = true;
            log::stopping();
            stop.cancel();
        }
    });
    Ok(())
}
