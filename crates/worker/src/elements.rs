//! The elements of split deliveries: their body is read once for all runs that are about them.
//!
//! A run in the database knows its delivery and the position of its element. If each of a thousand runs read the whole body
//! for itself, a body twice as long would take four times as long. So what was read for one is kept for the others, of the
//! few deliveries that were asked for last: within a limit of bytes, until each element was asked for, or nobody asked for a
//! while.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hookmill_engine::id::{DeliveryId, WorkflowId};
use hookmill_engine::request::Parsed;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::worker::Inner;

/// What all that is kept may take in memory, roughly.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Deliveries whose elements are kept.
const DELIVERIES_MAX: usize = 4;
/// How long elements are kept that nobody asks for.
const IDLE: Duration = Duration::from_secs(10);
/// What a body becomes in memory when it is read, roughly.
const READ_FACTOR: usize = 4;
/// What an element takes beside its part of the body, roughly.
const ELEMENT_BYTES: usize = 4 * 1024;

/// As what a delivery is read: another revision may split it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) delivery: DeliveryId,
    pub(crate) workflow: WorkflowId,
    pub(crate) revision: u32,
    pub(crate) trigger: u16,
}

/// `None`: it cannot be read as a whole.
type Whole = Arc<OnceLock<Option<Vec<Parsed>>>>;

struct Kept {
    reading: Reading,
    whole: Whole,
    taken: usize,
    asked_at: Instant,
}

impl Kept {
    fn bytes(&self) -> usize {
        let elements = self.whole.get().and_then(Option::as_deref).unwrap_or_default();
        let body_bytes = elements.first().map_or(0, |first| first.body_bytes);
        body_bytes.saturating_mul(READ_FACTOR).saturating_add(elements.len() * ELEMENT_BYTES)
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Elements {
    /// The one asked for last at the end.
    kept: Mutex<VecDeque<Kept>>,
    grew: Notify,
}

impl Elements {
    /// The element at a position. `read` gives all of them, if they can be read together; it is called once at a time for
    /// each delivery, and the others wait for it.
    pub(crate) fn get(&self, reading: Reading, at: u32, read: impl FnOnce() -> Option<Vec<Parsed>>) -> Option<Parsed> {
        let whole = self.whole(reading);
        let found = whole.get_or_init(read).as_ref().and_then(|elements| elements.get(usize::try_from(at).ok()?).cloned());
        self.settle(&whole);
        found
    }

    fn whole(&self, reading: Reading) -> Whole {
        let mut kept = self.kept.lock();
        let one = match kept.iter().position(|one| one.reading == reading).and_then(|at| kept.remove(at)) {
            Some(one) => Kept { taken: one.taken + 1, asked_at: Instant::now(), ..one },
            None => {
                self.grew.notify_one();
                Kept { reading, whole: Whole::default(), taken: 1, asked_at: Instant::now() }
            }
        };
        let whole = Arc::clone(&one.whole);
        kept.push_back(one);
        whole
    }

    /// Lets go what everybody has asked for, and what is too much.
    fn settle(&self, whole: &Whole) {
        let elements = whole.get().and_then(Option::as_ref).map_or(0, Vec::len);
        let mut kept = self.kept.lock();
        kept.retain(|one| !Arc::ptr_eq(&one.whole, whole) || one.taken < elements);
        while kept.len() > DELIVERIES_MAX || kept.iter().map(Kept::bytes).sum::<usize>() > BYTES_MAX {
            kept.pop_front();
        }
    }

    /// Lets go what nobody has asked for. `false`: nothing is left.
    fn forget_idle(&self, idle: Duration) -> bool {
        let mut kept = self.kept.lock();
        kept.retain(|one| one.asked_at.elapsed() < idle);
        !kept.is_empty()
    }
}

/// The loop. It waits for nothing while nothing is kept.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = inner.elements.grew.notified() => {}
        }
        while inner.elements.forget_idle(IDLE) {
            tokio::select! {
                () = inner.stop.cancelled() => return,
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn reading(delivery: i64) -> Reading {
        Reading { delivery: DeliveryId(delivery), workflow: WorkflowId(1), revision: 1, trigger: 0 }
    }

    fn read(count: usize, body_bytes: usize) -> Vec<Parsed> {
        let one = Parsed { webhook: ().into(), variables: Vec::new(), notes: Vec::new(), body_bytes };
        vec![one; count]
    }

    #[test]
    fn a_body_is_read_once_until_each_element_was_asked_for() {
        let (elements, reads) = (Elements::default(), Cell::new(0));
        let get = |delivery: i64, at: u32| {
            let read = || {
                reads.set(reads.get() + 1);
                Some(read(3, 100))
            };
            elements.get(reading(delivery), at, read)
        };
        for at in [0, 1, 2] {
            assert!(get(7, at).is_some());
        }
        assert_eq!((reads.get(), elements.kept.lock().len()), (1, 0));
        assert!(get(7, 3).is_none(), "there is no such element");
        for delivery in 0..10 {
            assert!(get(delivery, 0).is_some());
        }
        assert_eq!(elements.kept.lock().len(), DELIVERIES_MAX);
        assert!(elements.forget_idle(Duration::from_secs(3_600)) && !elements.forget_idle(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_or_is_too_large_is_not_kept() {
        let elements = Elements::default();
        assert!(elements.get(reading(1), 0, || None).is_none());
        assert!(elements.get(reading(2), 0, || Some(read(2, BYTES_MAX))).is_some());
        assert!(elements.kept.lock().is_empty());
        assert!(elements.get(reading(3), 0, || Some(read(2, BYTES_MAX / READ_FACTOR / 2))).is_some());
        assert!(elements.get(reading(4), 0, || Some(read(2, BYTES_MAX / READ_FACTOR / 2))).is_some());
        let kept: Vec<DeliveryId> = elements.kept.lock().iter().map(|one| one.reading.delivery).collect();
        assert_eq!(kept, [DeliveryId(4)], "the one asked for last");
    }
}
