//! Ids in the order of time: 41 bits of milliseconds since 2020, 10 bits of node, 12 bits of sequence.
//!
//! New rows go to the end of their tables, a page of a list is a range of ids, and a time is a place in that order
//! ([`first_id_at`]). Ids never go back: not when the clock does, and not over a restart, because the source starts
//! behind the largest stored id.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hookmill_engine::time::Timestamp;

/// Tells the time. The store asks it for new ids only; every other time is an argument.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The number of nodes that can make ids at the same time.
pub const NODE_SLOTS: i64 = 1 << NODE_BITS;

const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
const SHIFT: u32 = NODE_BITS + SEQUENCE_BITS;
const SEQUENCE_MASK: i64 = (1 << SEQUENCE_BITS) - 1;
/// 2020-01-01T00:00:00Z; 41 bits of milliseconds last until 2089.
const EPOCH_MS: i64 = 1_577_836_800_000;
const MS_MAX: i64 = (1 << 41) - 1;

/// The clock of the machine.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// The smallest id that is given out at or after this instant.
pub fn first_id_at(at: Timestamp) -> i64 {
    at.0.saturating_sub(EPOCH_MS).clamp(0, MS_MAX) << SHIFT
}

/// The millisecond in which an id was given out.
pub fn id_time(id: i64) -> Timestamp {
    Timestamp((id >> SHIFT) + EPOCH_MS)
}

/// Gives out ids; shared by all tasks of a node.
pub struct IdSource {
    clock: Clock,
    node: i64,
    last: AtomicI64,
}

impl IdSource {
    /// A source for the node in `slot` that starts behind `last`.
    pub fn new(clock: Clock, slot: i64, last: i64) -> Self {
        Self { clock, node: (slot & (NODE_SLOTS - 1)) << SEQUENCE_BITS, last: AtomicI64::new(last) }
    }

    /// A new id, greater than every one before.
    pub fn next_id(&self) -> i64 {
        let now = first_id_at((self.clock)()) | self.node;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = if now > last { now } else { self.after(last) };
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(other) => last = other,
            }
        }
    }

    /// The next id of this node after `last`, which another node may have given out.
    fn after(&self, last: i64) -> i64 {
        let same_ms = (last >> SHIFT) << SHIFT | self.node;
        if same_ms > last {
            same_ms
        } else if last - same_ms < SEQUENCE_MASK {
            last + 1
        } else {
            // All sequence numbers of this millisecond are used (or the stored ids come from a later clock).
            ((last >> SHIFT) + 1) << SHIFT | self.node
        }
    }

    /// Now, on the time line of ids: the clock, or the latest id when the clock is behind it.
    pub fn now(&self) -> Timestamp {
        (self.clock)().max(id_time(self.last.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ms: &Arc<AtomicI64>, slot: i64, last: i64) -> IdSource {
        let ms = Arc::clone(ms);
        IdSource::new(Arc::new(move || Timestamp(ms.load(Ordering::Relaxed))), slot, last)
    }

    #[test]
    fn ids_rise_when_the_clock_stands_jumps_back_or_started_in_the_past() {
        let ms = Arc::new(AtomicI64::new(EPOCH_MS + 1_000_000));
        let far = first_id_at(Timestamp(EPOCH_MS + 2_000_000)) | 7 << SEQUENCE_BITS | 4095;
        for (slot, start) in [(0, 0), (1023, 0), (0, far), (7, far), (9, far)] {
            let ids = source(&ms, slot, start);
            let mut last = start;
            for step in 0..20_000 {
                if step % 5_000 == 4_999 {
                    ms.fetch_sub(700, Ordering::Relaxed);
                }
                let id = ids.next_id();
                assert!(id > last, "slot {slot}, step {step}");
                assert_eq!(id >> SEQUENCE_BITS & (NODE_SLOTS - 1), slot);
                last = id;
            }
        }
    }

    #[test]
    fn an_id_tells_its_millisecond() {
        let now = Timestamp(EPOCH_MS + 123_456_789);
        let ms = Arc::new(AtomicI64::new(now.0));
        let id = source(&ms, 5, 0).next_id();
        assert_eq!(id_time(id), now);
        assert!(first_id_at(now) <= id && id < first_id_at(Timestamp(now.0 + 1)));
        assert_eq!(first_id_at(Timestamp(0)), 0);
        assert_eq!(id_time(first_id_at(Timestamp(i64::MAX))).0, MS_MAX + EPOCH_MS);
    }

    #[test]
    fn many_threads_never_get_the_same_id() {
        let ids = Arc::new(source(&Arc::new(AtomicI64::new(EPOCH_MS + 5)), 3, 0));
        let all: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..10_000).map(|_| ids.next_id()).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let unique: std::collections::HashSet<i64> = all.iter().copied().collect();
        assert_eq!(unique.len(), all.len());
    }
}
