//! Retention: deletes what is old, in small batches with pauses, so that accepting hardly notices.

use std::sync::Arc;
use std::time::Duration;

use hookmill_store::retention::Policy;
use tracing::{info, warn};

use crate::config::Retention;
use crate::worker::Inner;

/// Pause between two passes.
const PASS_EVERY: Duration = Duration::from_secs(600);
/// Pause between two batches of a pass.
const PAUSE: Duration = Duration::from_millis(50);

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    let policy = inner.config.retention.policy();
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(PASS_EVERY) => {}
        }
        if let Err(problem) = pass(&inner, &policy).await {
            warn!(error = %problem, "Old runs could not be deleted; tried again later: {problem}");
        }
    }
}

async fn pass(inner: &Inner, policy: &Policy) -> Result<(), hookmill_store::Error> {
    let mut pass = inner.store.plan_pruning(policy, inner.clock.now()).await?;
    let (mut runs, mut deliveries) = (0, 0);
    loop {
        let pruned = inner.store.prune(&mut pass).await?;
        runs += pruned.runs;
        deliveries += pruned.deliveries;
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
