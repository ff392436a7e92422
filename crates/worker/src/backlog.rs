//! How many runs wait: in the database for a place in memory, for their hook to be resumed, for the end of another one of
//! their lane. Counted now and then, and only while there may be some.
//!
//! Between two counts what was stored is added where it is known to wait, so that the number is never too small for long;
//! what was fetched or let go meanwhile is taken off by the next count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::error::Error;
use crate::worker::{Inner, Worker};

/// How often it is counted. A look at some numbers in memory while nothing waits.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A number that is counted now and then, and raised in between.
#[derive(Default)]
struct Gauge {
    counted: AtomicU64,
    since: AtomicU64,
    /// Whether somebody asked for it since it was counted last.
    asked: AtomicBool,
}

impl Gauge {
    fn grew(&self, by: u64) {
        self.since.fetch_add(by, Ordering::Relaxed);
    }

    fn size(&self) -> u64 {
        self.counted.load(Ordering::Relaxed).saturating_add(self.since.load(Ordering::Relaxed))
    }

    /// Whether it has reached a limit, for who is about to add to it.
    fn has_reached(&self, max: u64) -> bool {
        self.asked.store(true, Ordering::Relaxed);
        self.size() >= max
    }

    /// What is stored while it is counted is counted twice rather than not at all.
    async fn count(&self, count: impl Future<Output = Result<u64, Error>>) {
        let before = self.since.load(Ordering::Relaxed);
        match count.await {
            Ok(counted) => {
                self.counted.store(counted, Ordering::Relaxed);
                self.since.fetch_sub(before, Ordering::Relaxed);
            }
            Err(problem) => warn!(error = %problem, "The runs that wait cannot be counted: {problem}"),
        }
    }

    fn clear(&self) {
        self.since.store(0, Ordering::Relaxed);
        self.counted.store(0, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Backlog {
    free: Gauge,
    held: Gauge,
    blocked: Gauge,
}

impl Backlog {
    /// Runs were stored that found no place in memory.
    pub(crate) fn grew(&self, runs: u64) {
        self.free.grew(runs);
    }

    /// Whether work that can wait is to wait: the other half of the places is for what arrives.
    pub(crate) fn is_half_full(&self, runs_max: u64) -> bool {
        self.free.size() >= (runs_max / 2).max(1)
    }
}

impl Worker {
    /// Whether as many runs wait in the database as may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.inner.backlog.free.size() >= self.inner.config.backlog_runs_max
    }

    /// Whether paused hooks hold as many runs as they may, for who is about to hold another one.
    #[must_use]
    pub fn holds_all_it_may(&self) -> bool {
        self.inner.backlog.held.has_reached(self.inner.config.held_runs_max)
    }

    /// Runs were stored that wait for their hook to be resumed.
    pub fn held(&self, runs: u64) {
        self.inner.backlog.held.grew(runs);
    }

    /// Whether as many runs wait for others of their lanes as may, for who is about to store one with a lane.
    #[must_use]
    pub fn lanes_are_full(&self) -> bool {
        self.inner.backlog.blocked.has_reached(self.inner.config.blocked_runs_max)
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
    let (backlog, config, store) = (&inner.backlog, &inner.config, &inner.store);
    if inner.queue.is_spilled() {
        let free = store.count_free(inner.clock.now(), config.backlog_runs_max);
        backlog.free.count(async { Ok(free.await?) }).await;
    } else {
        backlog.free.clear();
    }
    if backlog.held.asked.swap(false, Ordering::Relaxed) {
        backlog.held.count(async { Ok(store.count_held_runs(config.held_runs_max).await?) }).await;
    }
    if backlog.blocked.asked.swap(false, Ordering::Relaxed) {
        backlog.blocked.count(async { Ok(store.count_blocked(config.blocked_runs_max).await?) }).await;
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

    #[tokio::test]
    async fn what_was_stored_since_the_last_count_is_added_to_it() {
        let gauge = Gauge::default();
        gauge.grew(3);
        assert!(gauge.has_reached(3) && !gauge.has_reached(4));
        gauge.count(async { Ok(2) }).await;
        assert_eq!(gauge.size(), 2, "what was let go meanwhile is taken off");
        gauge.grew(1);
        gauge.count(async { Err(Error::NotFound("store")) }).await;
        assert_eq!(gauge.size(), 3, "a count that fails changes nothing");
    }
}
