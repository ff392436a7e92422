//! When the database must be asked for runs again: at the next due time, or as soon as somebody says so.

use hookmill_engine::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The alarm of the fetch loop.
#[derive(Default)]
pub(crate) struct Timers {
    next: Mutex<Option<Timestamp>>,
    ring: Notify,
}

impl Timers {
    /// A run was parked until `due`.
    pub(crate) fn note(&self, due: Timestamp) {
        let mut next = self.next.lock();
        if next.is_none_or(|next| due < next) {
            *next = Some(due);
            self.ring.notify_one();
        }
    }

    /// What the fetch loop itself has learnt from the database: it need not wake itself for that.
    pub(crate) fn expect(&self, due: Timestamp) {
        let mut next = self.next.lock();
        *next = Some(next.map_or(due, |next| next.min(due)));
    }

    /// There is something to fetch now, or room for it.
    pub(crate) fn ring(&self) {
        self.ring.notify_one();
    }

    /// Forgets the next due time before the database is asked, so that what is noted meanwhile is not lost.
    pub(crate) fn clear(&self) {
        *self.next.lock() = None;
    }

    /// The earliest time noted.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        *self.next.lock()
    }

    /// Waits until somebody rings or notes an earlier time.
    pub(crate) async fn rung(&self) {
        self.ring.notified().await;
    }
}
