//! Fetches runs that nobody has in memory: backlog that found no place, waits that are over, what other nodes accepted
//! for us, what a node that died left behind. Sleeps until the next one is due; with one node there is no polling.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookmill_engine::run::Failure;
use hookmill_store::runs::{CLAIM_MAX, ClaimedRun, Free};
use tracing::{error, warn};

use crate::commit;
use crate::error::Error;
use crate::handed::{Handed, Head};
use crate::worker::Inner;

/// Longest pause after the store could not be asked.
const PAUSE: Duration = Duration::from_millis(500);
/// First pause of a run whose revision could not be read.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// With several nodes: how long a run that another node accepted for us may lie unnoticed.
const POLL_FIRST: Duration = Duration::from_millis(100);
const POLL_LAST: Duration = Duration::from_secs(2);

/// The loop. Ends when the worker stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut poll = POLL_FIRST;
    while !inner.stop.is_cancelled() {
        inner.timers.clear();
        let pause = match fetch(&inner).await {
            Ok(0) => {
                poll = (poll * 2).min(POLL_LAST);
                None
            }
            Ok(_) => {
                poll = POLL_FIRST;
                None
            }
            Err(problem) => {
                // Nobody knows whether runs were claimed by what failed.
                inner.doubt();
                warn!(error = %problem, "The backlog cannot be fetched: {problem}");
                Some(PAUSE)
            }
        };
        let now = inner.clock.now();
        let due = inner.timers.next().map(|due| Duration::from_millis(due.ms_since(now)));
        let poll = inner.store.is_shared().then_some(poll);
        let longest = [pause, due, poll].into_iter().flatten().min();
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = inner.timers.rung(), if pause.is_none() => {}
            () = sleep(longest) => {}
        }
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Fetches as long as there is room and something to fetch. Says how many runs came.
async fn fetch(inner: &Arc<Inner>) -> Result<usize, hookmill_store::Error> {
    let mut fetched = 0;
    loop {
        let room = inner.queue.room().min(CLAIM_MAX);
        let Some(owned) = inner.ownership.owned() else { return Ok(fetched) };
        if room == 0 {
            // From now on whoever leaves memory rings; look once more, since the last one may just have left.
            inner.queue.spill();
            if inner.queue.room() == 0 {
                return Ok(fetched);
            }
            continue;
        }
        let now = inner.clock.now();
        let after_owner = inner.abandoned.swap(false, Ordering::AcqRel);
        let which = if after_owner { Free::Abandoned } else { Free::Unclaimed };
        let claiming = inner.claims.write().await;
        let claimed = inner.store.claim_runs(&owned, which, now, room).await.inspect_err(|_| {
            inner.abandoned.fetch_or(after_owner, Ordering::AcqRel);
        })?;
        let count = claimed.len();
        fetched += count;
        let mut unrunnable = Vec::new();
        for run in claimed {
            unrunnable.extend(take_in(inner, run).await);
        }
        drop(claiming);
        inner.pump();
        for (head, failure) in unrunnable {
            // Nobody waits for how it leaves: it never was in memory.
            let _ = commit::unloadable(inner, &head, &failure).await;
        }
        if count > 0 {
            inner.abandoned.fetch_or(after_owner, Ordering::AcqRel);
            continue;
        }
        if !after_owner {
            inner.queue.caught_up();
            if let Some(due) = inner.store.next_due(&owned, now).await? {
                inner.timers.expect(due);
            }
            return Ok(fetched);
        }
    }
}

/// Takes a run into memory; gives back what it has to end with, if it cannot run.
async fn take_in(inner: &Arc<Inner>, claimed: ClaimedRun) -> Option<(Head, Failure)> {
    let head = Head::from(&claimed.run);
    let mut pause = PAUSE_FIRST;
    loop {
        match inner.programs.get(claimed.run.workflow, claimed.run.revision).await {
            Ok(revision) => {
                inner.take_in(Handed::stored(claimed, revision, Vec::new()), None);
                return None;
            }
            Err(Error::Store(problem)) if problem.is_transient() => {
                warn!(run.id = %head.id, error = %problem, "Run {} waits for the store: {problem}", head.id);
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE),
                    () = inner.stop.cancelled() => return None,
                }
            }
            Err(problem) => {
                error!(run.id = %head.id, error = %problem, "Run {} cannot run: {problem}", head.id);
                return Some((head, Failure::new("revision_unrunnable", problem.to_string())));
            }
        }
    }
}
