//! Runs the list indexer: what lists and filters need is derived here, behind the accept path.

use std::sync::Arc;
use std::time::Duration;

use hookmill_store::lists::SETTLE;
use tokio::time::Instant;
use tracing::warn;

use crate::worker::Inner;

/// Pause between two rounds while something arrives.
const PAUSE: Duration = Duration::from_secs(2);
/// Pause between two rounds while there is more to index.
const PAUSE_BEHIND: Duration = Duration::from_millis(20);
/// Pause after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The loop. Asks the database nothing once everything that arrived has settled and is indexed.
pub(crate) async fn run(inner: Arc<Inner>) {
    let settle = Duration::from_millis(SETTLE.0) + PAUSE;
    let mut told = inner.store.watch().told();
    let mut busy_until = Instant::now() + settle;
    loop {
        let pause = match inner.store.index_lists(inner.clock.now()).await {
            Ok(done) if done.more => PAUSE_BEHIND,
            Ok(_) => PAUSE,
            Err(problem) => {
                warn!(error = %problem, "Lists could not be indexed: {problem}");
                PAUSE_AFTER_FAILURE
            }
        };
        loop {
            tokio::select! {
                () = inner.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // A look at a number in memory, so that a server at rest asks its database nothing.
            let now = inner.store.watch().told();
            if std::mem::replace(&mut told, now) != now {
                busy_until = Instant::now() + settle;
            }
            if Instant::now() < busy_until {
                break;
            }
        }
    }
}
