//! Finds runs of ours that are in nobody's memory, and lanes that nobody woke.
//!
//! That happens when the database takes a write but its answer is lost on the way, so that nobody knows whose turn it is.
//! Whoever meets such a failure says so (`Inner::doubt`); then every due run that carries our epoch but is not in memory
//! is given back, and fetched again like any other. With one node and no such failure there is nothing to look for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookmill_engine::time::Span;
use tracing::{info, warn};

use crate::worker::Inner;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A run that became due later than this before now may still be on its way into memory.
const SETTLE: Span = Span(15_000);

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut looks = 0u32;
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if inner.doubtful.swap(false, Ordering::AcqRel) {
            // Until everything that was under way at the failure has settled.
            looks = 5;
        }
        if looks == 0 {
            continue;
        }
        looks -= 1;
        match rescue(&inner).await {
            Ok(0) => {}
            Ok(runs) => info!(runs, "{runs} runs that nobody had in memory go on"),
            Err(problem) => {
                inner.doubt();
                warn!(error = %problem, "Runs that nobody has in memory cannot be looked for: {problem}");
            }
        }
    }
}

async fn rescue(inner: &Arc<Inner>) -> hookmill_store::Result<usize> {
    let Some(owned) = inner.ownership.owned() else { return Ok(0) };
    let now = inner.clock.now();
    let before = hookmill_engine::time::Timestamp(now.0 - i64::try_from(SETTLE.0).unwrap_or(0));
    let mut rescued = 0;
    for (run, epoch) in inner.store.held_runs(&owned, before).await? {
        if !inner.queue.knows(run) {
            inner.store.release_run(run, epoch).await?;
            rescued += 1;
        }
    }
    inner.store.wake_lanes(now).await?;
    inner.timers.ring();
    Ok(rescued)
}
