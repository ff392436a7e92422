//! Which of the requests that find the backlog full are kept in the ledger: the first of each hook and second, with the number
//! of those before it that were not. However many hooks overflow, the store that is behind already gets only a few more rows.

use hookmill_engine::id::HookId;
use hookmill_engine::time::Timestamp;
use parking_lot::Mutex;

use super::recent::Recent;
use crate::ingress::budget::Budget;

/// Hooks whose overflow is counted; of more, the one that did not overflow for longest begins anew.
pub const OVERFLOWING_MAX: usize = 4_096;
/// How many of all hooks together are kept in a second.
const KEPT_MAX: u16 = 32;
const SECOND_MS: u64 = 1_000;

/// See the module.
pub(super) struct Overflow {
    hooks: Mutex<Recent<HookId, Kept>>,
    all: Budget,
}

/// What was kept of one hook.
#[derive(Debug, Default)]
struct Kept {
    /// The second in which one was kept last.
    second: Option<u64>,
    /// Those that were not since then.
    unkept: u64,
}

impl Default for Overflow {
    fn default() -> Self {
        Self { hooks: Mutex::new(Recent::new(OVERFLOWING_MAX)), all: Budget::new(KEPT_MAX, SECOND_MS) }
    }
}

impl Overflow {
    /// Whether the request that is refused now is to be kept. With it go those that were not.
    pub(super) fn refused(&self, hook: HookId, now: Timestamp) -> Option<u64> {
        let second = u64::try_from(now.0).unwrap_or_default() / SECOND_MS;
        let mut hooks = self.hooks.lock();
        let kept = hooks.entry(hook, Kept::default);
        if kept.second == Some(second) || !self.all.take(now) {
            kept.unkept += 1;
            return None;
        }
        kept.second = Some(second);
        Some(std::mem::take(&mut kept.unkept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_hook_and_second_is_kept_and_few_of_all() {
        let overflow = Overflow::default();
        let at = |hook: i64, ms: i64| overflow.refused(HookId(hook), Timestamp(ms));
        assert_eq!([at(1, 5_000), at(1, 5_001), at(1, 5_999), at(2, 5_999)], [Some(0), None, None, Some(0)]);
        assert_eq!([at(1, 6_000), at(1, 6_001)], [Some(2), None], "those of the second before are told");
        let kept = (10..1_000).filter(|hook| at(*hook, 9_000).is_some()).count();
        assert_eq!(kept, usize::from(KEPT_MAX));
        assert_eq!(at(999, 10_000), Some(1), "what was not kept for the others' sake is told later");
    }
}
