//! How often something may be done in a while: for what strangers can make the server do.

use std::sync::atomic::{AtomicU64, Ordering};

use hookmill_engine::time::Timestamp;

/// Bits of the state that hold the count; the window stands above them.
const COUNT_BITS: u32 = 16;

/// At most so often in each window of time. Windows do not slide: twice as often can fall around a boundary.
#[derive(Debug)]
pub(super) struct Budget {
    max: u16,
    window_ms: u64,
    state: AtomicU64,
}

impl Budget {
    pub(super) const fn new(max: u16, window_ms: u64) -> Self {
        Self { max, window_ms, state: AtomicU64::new(0) }
    }

    /// Whether it may be done once more; if so, it counts as done.
    pub(super) fn take(&self, now: Timestamp) -> bool {
        let window = u64::try_from(now.0).unwrap_or_default() / self.window_ms;
        let next = |state: u64| {
            let done = if state >> COUNT_BITS == window { state & ((1 << COUNT_BITS) - 1) } else { 0 };
            (done < u64::from(self.max)).then_some(window << COUNT_BITS | (done + 1))
        };
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_once_a_window() {
        let budget = Budget::new(2, 1_000);
        let taken = |ms: i64| budget.take(Timestamp(ms));
        assert_eq!(
            [taken(5_000), taken(5_500), taken(5_999), taken(6_000), taken(6_999), taken(6_999)],
            [true, true, false, true, true, false]
        );
    }
}
