//! Retention: deletes what is old, in small batches with pauses, so that accepting hardly notices. The files of a run go
//! with it; what a kill left between the two, and the files of runs that another node deleted, go with the next look for
//! files without a run.

use std::sync::Arc;
use std::time::Duration;

use hookmill_store::retention::Policy;
use tracing::{info, warn};

use crate::config::Retention;
use crate::error::Error;
use crate::worker::Inner;

/// Pause between two passes.
const PASS_EVERY: Duration = Duration::from_secs(600);
/// Pause between two batches of a pass.
const PAUSE: Duration = Duration::from_millis(50);

/// Passes between two looks for files whose run is gone: a day.
const PASSES_BETWEEN_SWEEPS: usize = 144;
/// A file that came later than this before now is left alone.
const ORPHAN_AGE: Duration = Duration::from_secs(3_600);

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    for number in 0usize.. {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(PASS_EVERY) => {}
        }
        if let Err(problem) = pass(&inner).await {
            warn!(error = %problem, "Old runs could not be deleted; tried again later: {problem}");
        }
        if number.is_multiple_of(PASSES_BETWEEN_SWEEPS)
            && let Err(problem) = sweep(&inner, ORPHAN_AGE).await
        {
            warn!(error = %problem, "Files without a run could not be looked for; tried again later: {problem}");
        }
    }
}

/// Deletes what the policy lets go.
pub(crate) async fn pass(inner: &Inner) -> Result<(), Error> {
    let policy = inner.config.retention.policy();
    let mut pass = inner.store.plan_pruning(&policy, inner.clock.now()).await?;
    let (mut runs, mut deliveries, mut drafts) = (0, 0, 0);
    loop {
        let pruned = inner.store.prune(&mut pass).await?;
        runs += pruned.runs;
        deliveries += pruned.deliveries;
        drafts += pruned.drafts.len();
        for (workflow, number) in pruned.drafts {
            inner.programs.forget(workflow, number);
        }
        for run in pruned.removed {
            inner.files.remove(run).await?;
        }
        if pruned.done {
            break;
        }
        tokio::select! {
            () = inner.stop.cancelled() => break,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    if runs + deliveries > 0 {
        info!(runs, deliveries, "Retention deleted {runs} runs and {deliveries} deliveries");
    }
    if drafts > 0 {
        info!(drafts, "Let {drafts} drafts go that were tried and that nobody needs any more");
    }
    Ok(())
}

/// Removes files whose run is not stored any more.
pub(crate) async fn sweep(inner: &Inner, unchanged_for: Duration) -> Result<(), Error> {
    let mut swept = 0;
    for run in inner.files.owners(unchanged_for).await? {
        if inner.stop.is_cancelled() {
            break;
        }
        if inner.store.run(run).await?.is_none() {
            inner.files.remove(run).await?;
            swept += 1;
        }
    }
    if swept > 0 {
        info!(runs = swept, "Removed files of {swept} runs that are not stored any more");
    }
    Ok(())
}

impl Retention {
    fn policy(&self) -> Policy {
        Policy {
            runs: self.runs.span(),
            failed_runs: self.failed_runs.span(),
            runs_max: self.runs_max,
            deliveries: self.deliveries.span(),
            refused_deliveries: self.refused_deliveries.span(),
        }
    }
}
