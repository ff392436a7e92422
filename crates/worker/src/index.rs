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

/// The loop. Sleeps without looking when everything that arrived has settled and is indexed.
pub(crate) async fn run(inner: Arc<Inner>) {
    let settle = Duration::from_millis(SETTLE.0) + PAUSE;
    let mut news = inner.store.watch().listen();
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
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let heard = if Instant::now() < busy_until {
            // Only whether there was any news matters here, not how much.
            tokio::time::timeout(Duration::ZERO, news.next()).await.is_ok()
        } else {
            tokio::select! {
                () = inner.stop.cancelled() => return,
                _ = news.next() => true,
            }
        };
        if heard {
            news = inner.store.watch().listen();
            busy_until = Instant::now() + settle;
        }
    }
}
