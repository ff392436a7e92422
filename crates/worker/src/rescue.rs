//! Finds runs of ours that are in nobody's memory, and lanes that nobody woke.
//!
//! That happens when the database takes a write but its answer is lost on the way, so that nobody knows whose turn it is.
//! Whoever meets such a failure says so (`Inner::doubt`); then every due run that carries our epoch but is not in memory
//! is given back, and fetched again like any other. With one node and no such failure there is nothing to look for.
//!
//! Who knows which run it is asks for that one only ([`one`]): a run whose accept or whose claim came to no end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookmill_engine::id::RunId;
use hookmill_engine::time::{Span, Timestamp};
use tracing::{info, warn};

use crate::worker::Inner;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A run that became due later than this before now may still be on its way into memory.
const SETTLE: Span = Span(15_000);

/// Runs that are looked for one by one at the same time; the others are left to the loop.
const LOOKED_FOR_MAX: usize = 1_000;

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
    let before = Timestamp(now.0 - i64::try_from(SETTLE.0).unwrap_or(0));
    let mut rescued = 0;
    for (run, epoch) in inner.store.held_runs(&owned, before).await? {
        rescued += usize::from(give_back(inner, run, epoch).await?);
    }
    inner.store.wake_lanes(now).await?;
    inner.timers.ring();
    Ok(rescued)
}

/// Gives back one run that may carry our epoch although nobody has it, behind the caller's back: looks for it at once, soon, and
/// when the store has written or refused what still waited in it.
pub(crate) fn one(inner: &Arc<Inner>, run: RunId, epoch: i64) {
    let counted = inner.queue.look_for();
    if inner.queue.looked_for() > LOOKED_FOR_MAX {
        inner.doubt();
        return;
    }
    let own = inner.clone();
    inner.in_background(async move {
        let _counted = counted;
        let settles_within = own.store.db().write_settles_within();
        let pauses = [Duration::ZERO, settles_within / 4, settles_within];
        for (look, pause) in (1..).zip(pauses) {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The next start frees everything that carries an older epoch.
                () = own.stop.cancelled() => return,
            }
            // Mostly nothing was stored, and reading costs less than writing. But a read does not wait for a commit that is
            // under way, however long the disk takes for it; the last look is a write, which comes after it.
            if look < pauses.len()
                && matches!(own.store.run(run).await, Ok(row) if row.as_ref().is_none_or(|row| row.epoch != epoch))
            {
                continue;
            }
            match give_back(&own, run, epoch).await {
                Ok(true) => own.timers.ring(),
                Ok(false) => {}
                // While the database is away every refused webhook comes here: not a line each, the loop says what is wrong.
                Err(_) => own.doubt(),
            }
        }
    });
}

/// Gives a run back that carries our epoch, unless it is in memory. `false`: there was nothing to give back.
async fn give_back(inner: &Inner, run: RunId, epoch: i64) -> hookmill_store::Result<bool> {
    // A claim under way may be bringing it into memory.
    let _settled = inner.claims.read().await;
    if inner.queue.knows(run) {
        return Ok(false);
    }
    inner.store.release_run(run, epoch).await
}
