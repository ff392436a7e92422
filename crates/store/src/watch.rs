//! What just changed, for those who wait: the live feed, the caller whose answer comes when the run has finished, caches.
//!
//! News of this process only, told after the commit. They are hints: whoever missed some reads the database. A slow
//! listener is told once that it missed something, and not what.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId};
use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use crate::deliveries::Outcome;
use crate::runs::State;
use crate::{Error, Result};

/// News that a slow listener may be behind before it loses some.
const NEWS_KEPT: usize = 1_024;
/// Callers that wait for runs at the same time.
pub const RUN_WAITERS_MAX: usize = 10_000;
/// A pause after which a caller that found no place may ask again.
const RETRY_AFTER_MS: u64 = 1_000;

/// One piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the aggregates")]
pub enum Changed {
    /// A delivery was stored.
    Delivery { id: DeliveryId, hook: HookId, outcome: Outcome },
    /// A run was stored for the first time.
    Run { id: RunId, workflow: WorkflowId, state: State },
    /// A run was committed.
    RunCommitted { id: RunId, workflow: WorkflowId, state: State, answered: bool },
    /// Workflows, hooks or secrets have another version.
    Catalog { version: i64 },
    /// This listener missed some: look at everything again.
    Missed,
}

/// How a run stands that somebody waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunNews {
    /// Where it stands.
    pub state: State,
    /// Whether its answer is decided.
    pub answered: bool,
}

/// A caller's ticket, and how to reach it.
type Waiting = (u64, oneshot::Sender<RunNews>);

/// Tells the news.
pub struct Watch {
    news: broadcast::Sender<Changed>,
    waiters: Mutex<HashMap<RunId, Vec<Waiting>>>,
    waiting: AtomicUsize,
    last_ticket: AtomicU64,
    catalog: AtomicI64,
    told: AtomicU64,
}

/// Hears the news from the moment of its making.
pub struct Listener(broadcast::Receiver<Changed>);

/// Waits for one run; gives up its place when dropped.
pub struct RunWaiter {
    watch: Arc<Watch>,
    run: RunId,
    ticket: u64,
    news: oneshot::Receiver<RunNews>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            news: broadcast::Sender::new(NEWS_KEPT),
            waiters: Mutex::default(),
            waiting: AtomicUsize::new(0),
            last_ticket: AtomicU64::new(0),
            catalog: AtomicI64::new(0),
            told: AtomicU64::new(0),
        }
    }

    pub(crate) fn tell_all(&self, news: impl IntoIterator<Item = Changed>) {
        news.into_iter().for_each(|one| self.tell(one));
    }

    pub(crate) fn tell(&self, changed: Changed) {
        if let Changed::RunCommitted { id, state, answered, .. } = changed
            && (answered || state.is_final())
            && self.waiting.load(Ordering::Acquire) > 0
        {
            let waiters = self.waiters.lock().remove(&id).unwrap_or_default();
            for (_, waiter) in waiters {
                // A caller that left in the meantime gave up its place itself.
                let _ = waiter.send(RunNews { state, answered });
            }
        }
        if let Changed::Catalog { version } = changed {
            self.catalog.fetch_max(version, Ordering::AcqRel);
        }
        self.told.fetch_add(1, Ordering::Relaxed);
        if self.news.receiver_count() > 0 {
            // The last listener may leave at this very moment; then nobody misses it.
            let _ = self.news.send(changed);
        }
    }

    /// The last version of the catalog that this process made itself; 0 if none. Known before whoever made it is told.
    pub fn catalog(&self) -> i64 {
        self.catalog.load(Ordering::Acquire)
    }

    /// How many pieces of news were told so far; for loops that only want to know whether there was any.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Starts to listen.
    pub fn listen(&self) -> Listener {
        Listener(self.news.subscribe())
    }

    /// Takes a place to wait until a run is answered or has ended. Take it before the run is stored or its row is
    /// read: news from before are not told again.
    pub fn wait_for_run(self: &Arc<Self>, run: RunId) -> Result<RunWaiter> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= RUN_WAITERS_MAX {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Overloaded { retry_after_ms: RETRY_AFTER_MS });
        }
        let (sender, news) = oneshot::channel();
        let ticket = self.last_ticket.fetch_add(1, Ordering::Relaxed);
        self.waiters.lock().entry(run).or_default().push((ticket, sender));
        Ok(RunWaiter { watch: Arc::clone(self), run, ticket, news })
    }
}

impl Listener {
    /// The next piece of news; `None` when the store is closed.
    pub async fn next(&mut self) -> Option<Changed> {
        match self.0.recv().await {
            Ok(changed) => Some(changed),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // Everything older than now is covered by looking at everything again.
                self.0 = self.0.resubscribe();
                Some(Changed::Missed)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl RunWaiter {
    /// Waits; `None` when the store is closed.
    pub async fn news(&mut self) -> Option<RunNews> {
        (&mut self.news).await.ok()
    }
}

impl Drop for RunWaiter {
    fn drop(&mut self) {
        let mut waiters = self.watch.waiters.lock();
        if let Some(of_run) = waiters.get_mut(&self.run) {
            of_run.retain(|(ticket, _)| *ticket != self.ticket);
            if of_run.is_empty() {
                waiters.remove(&self.run);
            }
        }
        self.watch.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(id: i64, state: State, answered: bool) -> Changed {
        Changed::RunCommitted { id: RunId(id), workflow: WorkflowId(1), state, answered }
    }

    #[tokio::test]
    async fn waiters_wake_for_their_run_only_and_leave_nothing_behind() {
        let watch = Arc::new(Watch::new());
        let mut first = watch.wait_for_run(RunId(1)).unwrap();
        let mut second = watch.wait_for_run(RunId(1)).unwrap();
        let other = watch.wait_for_run(RunId(2)).unwrap();
        watch.tell(committed(1, State::Waiting, false));
        watch.tell(committed(1, State::Running, true));
        let expected = Some(RunNews { state: State::Running, answered: true });
        assert_eq!((first.news().await, second.news().await), (expected, expected));
        drop((first, second, other));
        assert!(watch.waiters.lock().is_empty());
        assert_eq!(watch.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn places_for_waiters_are_bounded_and_come_back() {
        let watch = Arc::new(Watch::new());
        let mut places: Vec<_> = (0..RUN_WAITERS_MAX).map(|n| watch.wait_for_run(RunId(n as i64)).unwrap()).collect();
        assert!(matches!(watch.wait_for_run(RunId(7)), Err(Error::Overloaded { .. })));
        places.pop();
        assert!(watch.wait_for_run(RunId(7)).is_ok());
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_once_that_it_missed_something() {
        let watch = Watch::new();
        let mut listener = watch.listen();
        for n in 0..NEWS_KEPT as i64 * 3 {
            watch.tell(committed(n, State::Succeeded, false));
        }
        assert_eq!(listener.next().await, Some(Changed::Missed));
        watch.tell(committed(-1, State::Failed, false));
        assert_eq!(listener.next().await, Some(committed(-1, State::Failed, false)));
        drop(watch);
        assert_eq!(listener.next().await, None);
    }
}
