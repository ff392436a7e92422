//! One window of a rate limit in memory: what may still be let in, and what was refused.

use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::RateLimit;
use hookmill_store::rates::Taken;

/// Into how many blocks a window's permits are divided where nodes share them; limits below it go one by one.
const BLOCKS: u32 = 64;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    limit: RateLimit,
    /// Until then it counts; the next request after it opens another.
    ends_at: Timestamp,
    /// Permits that this node may give.
    ours: u32,
    /// Permits that nobody has taken yet, as far as this node knows.
    untaken: u32,
    /// Whether a refused request was kept in the ledger since the window began.
    kept: bool,
    /// Requests that were refused without being kept, since the last one that was.
    unkept: u64,
}

/// What a request finds at a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was given a permit.
    Permit,
    /// There is none in this window.
    Nothing,
    /// Permits must be taken first.
    Closed,
}

impl Window {
    /// Not open yet.
    pub(super) fn closed(limit: RateLimit) -> Self {
        Self { limit, ends_at: Timestamp(0), ours: 0, untaken: 0, kept: false, unkept: 0 }
    }

    pub(super) fn take(&mut self, limit: RateLimit, now: Timestamp) -> Found {
        if self.limit != limit {
            *self = Self { unkept: self.unkept, ..Self::closed(limit) };
        }
        if self.ends_at <= now {
            return Found::Closed;
        }
        if self.ours > 0 {
            self.ours -= 1;
            return Found::Permit;
        }
        if self.untaken > 0 { Found::Closed } else { Found::Nothing }
    }

    /// Opens it for a node that shares with nobody.
    pub(super) fn open(&mut self, now: Timestamp) {
        let ends_at = Timestamp(now.0.saturating_add_unsigned(self.limit.per.0));
        (self.ends_at, self.ours, self.untaken, self.kept) = (ends_at, self.limit.requests, 0, false);
    }

    /// How many permits are taken at once where nodes share them.
    pub(super) fn block(limit: RateLimit) -> u32 {
        (limit.requests / BLOCKS).max(1)
    }

    /// Adds what was taken for all nodes to see, `wanted` permits at once.
    pub(super) fn took(&mut self, wanted: u32, taken: Taken) {
        if self.ends_at != taken.ends_at {
            (self.ends_at, self.ours, self.kept) = (taken.ends_at, 0, false);
        }
        let limit = u64::from(self.limit.requests);
        let beyond = taken.taken.saturating_sub(limit);
        self.ours += wanted.saturating_sub(u32::try_from(beyond).unwrap_or(u32::MAX));
        self.untaken = u32::try_from(limit.saturating_sub(taken.taken)).unwrap_or(u32::MAX);
    }

    /// Permits that are left in it, as far as this node knows.
    pub(super) fn left(&self) -> u32 {
        self.ours.saturating_add(self.untaken)
    }

    /// Seconds until it ends, rounded up.
    pub(super) fn ends_in_s(&self, now: Timestamp) -> u64 {
        self.ends_at.ms_since(now).div_ceil(1_000)
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Whether the request that is refused now is to be kept: the first one of each window. With it go those that were not.
    pub(super) fn refused(&mut self) -> Option<u64> {
        if self.kept {
            self.unkept += 1;
            return None;
        }
        self.kept = true;
        Some(std::mem::take(&mut self.unkept))
    }
}

#[cfg(test)]
mod tests {
    use hookmill_engine::time::Span;

    use super::*;

    const LIMIT: RateLimit = RateLimit { requests: 3, per: Span(1_000) };

    #[test]
    fn a_window_gives_its_permits_and_then_nothing_until_it_ends() {
        let mut window = Window::closed(LIMIT);
        assert_eq!(window.take(LIMIT, Timestamp(5)), Found::Closed);
        window.open(Timestamp(5));
        for left in [2, 1, 0] {
            assert_eq!((window.take(LIMIT, Timestamp(900)), window.left()), (Found::Permit, left));
        }
        assert_eq!((window.take(LIMIT, Timestamp(1_004)), window.ends_in_s(Timestamp(1_004))), (Found::Nothing, 1));
        assert_eq!([window.refused(), window.refused(), window.refused()], [Some(0), None, None]);
        assert_eq!(window.take(LIMIT, Timestamp(1_005)), Found::Closed);
        window.open(Timestamp(1_005));
        assert_eq!(window.refused(), Some(2), "those of the window before are told");
        let other = RateLimit { requests: 9, ..LIMIT };
        assert_eq!(window.take(other, Timestamp(1_006)), Found::Closed, "another limit is another window");
    }

    #[test]
    fn permits_beyond_the_limit_are_not_given() {
        let limit = RateLimit { requests: 1_000, per: Span(1_000) };
        let mut window = Window::closed(limit);
        assert_eq!((Window::block(limit), Window::block(LIMIT)), (15, 1));
        let taken = |taken| Taken { ends_at: Timestamp(100), taken };
        window.took(15, taken(990));
        assert_eq!(window.left(), 25);
        window.took(15, taken(1_005));
        assert_eq!(window.left(), 25, "ten of the last fifteen");
        window.took(15, taken(1_020));
        assert_eq!(window.left(), 25);
        for _ in 0..25 {
            assert_eq!(window.take(limit, Timestamp(1)), Found::Permit);
        }
        assert_eq!(window.take(limit, Timestamp(1)), Found::Nothing);
    }
}
