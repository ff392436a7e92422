//! What just changed, for those who wait: the live feed, caches, loops that rest while nothing happens.
//!
//! News of this process only, told after the commit. They are hints: whoever missed some reads the database. A slow
//! listener is told once that it missed something, and not what.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId};
use tokio::sync::{Notify, broadcast};

use crate::deliveries::Outcome;
use crate::runs::State;

/// News that a slow listener may be behind before it loses some.
const NEWS_KEPT: usize = 1_024;

/// One piece of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the aggregates")]
pub enum Changed {
    /// A delivery was stored.
    Delivery { id: DeliveryId, hook: HookId, outcome: Outcome },
    /// A run was stored for the first time.
    Run { id: RunId, workflow: WorkflowId, state: State },
    /// A run was committed.
    RunCommitted { id: RunId, workflow: WorkflowId, state: State },
    /// Workflows, hooks or secrets have another version.
    Catalog { version: i64 },
    /// This listener missed some: look at everything again.
    Missed,
}

/// Tells the news.
pub struct Watch {
    news: broadcast::Sender<Changed>,
    catalog: AtomicI64,
    catalog_changed: Notify,
    told: AtomicU64,
}

/// Hears the news from the moment of its making.
pub struct Listener(broadcast::Receiver<Changed>);

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            news: broadcast::Sender::new(NEWS_KEPT),
            catalog: AtomicI64::new(0),
            catalog_changed: Notify::new(),
            told: AtomicU64::new(0),
        }
    }

    pub(crate) fn tell_all(&self, news: impl IntoIterator<Item = Changed>) {
        news.into_iter().for_each(|one| self.tell(one));
    }

    pub(crate) fn tell(&self, changed: Changed) {
        if let Changed::Catalog { version } = changed {
            self.catalog.fetch_max(version, Ordering::AcqRel);
            self.catalog_changed.notify_one();
        }
        self.told.fetch_add(1, Ordering::Relaxed);
        if self.news.receiver_count() > 0 {
            // The last listener may leave at this very moment; then nobody misses it.
            let _ = self.news.send(changed);
        }
    }

    /// The newest version of the catalog that this process made or noticed ([`crate::Store::notice_catalog`]); 0 if none.
    /// One that it made is known here before whoever made it is told.
    pub fn catalog(&self) -> i64 {
        self.catalog.load(Ordering::Acquire)
    }

    /// Waits until the catalog has changed since the last wait. For one loop; it is not woken by other news, of which
    /// there may be many thousands a second.
    pub async fn catalog_changed(&self) {
        self.catalog_changed.notified().await;
    }

    /// How many pieces of news were told so far; for loops that only want to know whether there was any.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Starts to listen.
    pub fn listen(&self) -> Listener {
        Listener(self.news.subscribe())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(id: i64, state: State) -> Changed {
        Changed::RunCommitted { id: RunId(id), workflow: WorkflowId(1), state }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_once_that_it_missed_something() {
        let watch = Watch::new();
        let mut listener = watch.listen();
        for n in 0..NEWS_KEPT as i64 * 3 {
            watch.tell(committed(n, State::Succeeded));
        }
        assert_eq!(listener.next().await, Some(Changed::Missed));
        watch.tell(committed(-1, State::Failed));
        assert_eq!(listener.next().await, Some(committed(-1, State::Failed)));
        drop(watch);
        assert_eq!(listener.next().await, None);
    }
}
