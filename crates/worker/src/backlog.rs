//! How many runs wait in the database for a place in memory: counted now and then, and only while some do.
//!
//! Between two counts every run that found no place is added, so that the number is never too small for long; what was
//! fetched meanwhile is taken off by the next count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::worker::{Inner, Worker};

/// How often it is counted. A look at a number in memory while nothing waits.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(crate) struct Backlog {
    counted: AtomicU64,
    since: AtomicU64,
}

impl Backlog {
    /// Runs were stored that found no place in memory.
    pub(crate) fn grew(&self, runs: u64) {
        self.since.fetch_add(runs, Ordering::Relaxed);
    }

    /// Whether work that can wait is to wait: the other half of the places is for what arrives.
    pub(crate) fn is_half_full(&self, runs_max: u64) -> bool {
        self.size() >= (runs_max / 2).max(1)
    }

    fn size(&self) -> u64 {
        self.counted.load(Ordering::Relaxed).saturating_add(self.since.load(Ordering::Relaxed))
    }
}

impl Worker {
    /// Whether as many runs wait in the database as may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.inner.backlog.size() >= self.inner.config.backlog_runs_max
    }
}

/// The loop.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut tick = interval(COUNT_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            _ = tick.tick() => count(&inner).await,
        }
    }
}

async fn count(inner: &Inner) {
    let backlog = &inner.backlog;
    if !inner.queue.is_spilled() {
        backlog.since.store(0, Ordering::Relaxed);
        backlog.counted.store(0, Ordering::Relaxed);
        return;
    }
    // What is stored while it is counted is counted twice rather than not at all.
    let before = backlog.since.load(Ordering::Relaxed);
    match inner.store.count_free(inner.clock.now(), inner.config.backlog_runs_max).await {
        Ok(counted) => {
            backlog.counted.store(counted, Ordering::Relaxed);
            backlog.since.fetch_sub(before, Ordering::Relaxed);
        }
        Err(problem) => warn!(error = %problem, "The backlog cannot be counted: {problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_can_wait_leaves_half_of_the_places() {
        let backlog = Backlog::default();
        assert!(!backlog.is_half_full(10) && !backlog.is_half_full(1));
        backlog.grew(5);
        assert!(backlog.is_half_full(10) && !backlog.is_half_full(12));
    }
}
