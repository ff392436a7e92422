//! Rate limits: of hooks, of workspaces, and of addresses whose credentials are wrong.
//!
//! A limit is counted in windows that begin with their first request. One process counts in memory. Nodes that share a
//! database take permits from it in blocks (`hookmill_store::rates`), and only while there may be some: a window that is used
//! up costs nothing more. Failing addresses are counted by each node for itself, because whoever attacks would write a row
//! with every guess.
//!
//! Of the requests that a limit refuses, the ledger keeps the first of each window; it says how many were not kept before it.

mod overflow;
mod recent;
mod window;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::RateLimit;
use hookmill_store::Store;
use hookmill_store::rates::Limited;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::code::Code;
use super::hook::Hook;
use super::refused::{Refused, Result};
use crate::config::Intake;
pub use overflow::OVERFLOWING_MAX;
use overflow::Overflow;
use recent::Recent;
use window::{Found, Window};

/// Limits that are counted in memory; of more, the one that was not used for longest begins anew.
pub const WINDOWS_MAX: usize = 65_536;
/// Pairs of hook and failing address that are counted; of more, the one that did not fail for longest is forgotten.
pub const FAILING_MAX: usize = 65_536;
/// How much of an IPv6 address tells senders apart: whoever has one has its whole /64.
const IPV6_PREFIX: u32 = 64;

/// draft-ietf-httpapi-ratelimit-headers.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The name of the policy about failing addresses.
const FAILING: &str = "address";

/// All limits of a node.
pub(super) struct Rates {
    /// Where nodes share their counts; none if there is one node.
    shared: Option<Store>,
    intake: Intake,
    windows: Mutex<Recent<Limited, Arc<Counter>>>,
    failing: Mutex<Recent<(Limited, IpAddr), Window>>,
    /// Until then there may be an address that has failed too often.
    watched_until: AtomicI64,
    overflow: Overflow,
}

struct Counter {
    window: Mutex<Window>,
    /// Held by who asks for more permits, so that the others wait for what comes of it.
    asking: tokio::sync::Mutex<()>,
}

/// What an answer tells of a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    policy: &'static str,
    limit: RateLimit,
    left: u32,
    ends_in_s: u64,
}

impl Standing {
    fn of(policy: &'static str, limit: RateLimit, window: &Window, now: Timestamp) -> Self {
        Self { policy, limit, left: window.left(), ends_in_s: window.ends_in_s(now) }
    }

    /// The fields `RateLimit` and `RateLimit-Policy`.
    fn fields(&self) -> [(HeaderName, HeaderValue); 2] {
        let Self { policy, limit, left, ends_in_s } = self;
        let window_s = limit.per.0.div_ceil(1_000);
        let value = |text: String| HeaderValue::from_str(&text).expect("names and numbers are header text");
        [
            (RATELIMIT_POLICY, value(format!("\"{policy}\";q={};w={window_s}", limit.requests))),
            (RATELIMIT, value(format!("\"{policy}\";r={left};t={ends_in_s}"))),
        ]
    }

    /// Adds the fields to an answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        headers.extend(self.fields().map(|(name, value)| (Some(name), value)));
    }

    /// `kept`: it goes into the ledger, with the number of those that did not.
    fn refused(&self, hook: &Hook, kept: Option<u64>) -> Box<Refused> {
        let Self { policy, limit, ends_in_s, .. } = self;
        let (detail, owner) = match *policy {
            FAILING => (
                "Too many requests from this address had wrong credentials. Send again later.".to_owned(),
                format!("The address sent {} requests with wrong credentials in {}.", limit.requests, limit.per),
            ),
            _ => (
                format!("This {policy} takes {} requests in {}. Send again later.", limit.requests, limit.per),
                format!("The limit of this {policy} is used up: {} requests in {}.", limit.requests, limit.per),
            ),
        };
        let mut refused = Refused::new(Code::RateLimited, detail).owner(owner).at(hook.place.clone()).one_of_many(kept);
        refused.headers.push((RETRY_AFTER, HeaderValue::from((*ends_in_s).max(1))));
        refused.headers.extend(self.fields());
        refused
    }
}

impl Rates {
    pub(super) fn new(store: &Store, intake: Intake) -> Self {
        Self {
            shared: store.is_shared().then(|| store.clone()),
            intake,
            windows: Mutex::new(Recent::new(WINDOWS_MAX)),
            failing: Mutex::new(Recent::new(FAILING_MAX)),
            watched_until: AtomicI64::new(0),
            overflow: Overflow::default(),
        }
    }

    /// Counts a request that may come in against the limits of its hook and its workspace. Says how the hook's stands, if it
    /// has one.
    pub(super) async fn take(&self, hook: &Hook, now: Timestamp) -> Result<Option<Standing>> {
        let mut standing = None;
        if let Some(limit) = hook.rate_limit {
            standing = Some(self.take_from(hook.limited(), limit, hook, now).await?);
        }
        if let Some(limit) = self.intake.workspace_rate.limit() {
            self.take_from(Limited::Workspace(hook.place.workspace), limit, hook, now).await?;
        }
        Ok(standing)
    }

    async fn take_from(&self, limited: Limited, limit: RateLimit, hook: &Hook, now: Timestamp) -> Result<Standing> {
        let fresh = || Arc::new(Counter { window: Mutex::new(Window::closed(limit)), asking: tokio::sync::Mutex::default() });
        let counter = Arc::clone(self.windows.lock().entry(limited, fresh));
        let try_take = || {
            let mut window = counter.window.lock();
            let mut found = window.take(limit, now);
            if found == Found::Closed && self.shared.is_none() {
                window.open(now);
                found = window.take(limit, now);
            }
            let standing = Standing::of(policy(limited), limit, &window, now);
            match found {
                Found::Permit => Some(Ok(standing)),
                Found::Nothing => Some(Err(standing.refused(hook, window.refused()))),
                Found::Closed => None,
            }
        };
        loop {
            if let Some(decided) = try_take() {
                return decided;
            }
            let Some(store) = &self.shared else { continue };
            let _turn = counter.asking.lock().await;
            if let Some(decided) = try_take() {
                return decided;
            }
            let wanted = Window::block(limit);
            let taken = store.take_permits(limited, wanted, limit.per, now).await.map_err(|error| Refused::store(&error))?;
            counter.window.lock().took(wanted, taken);
        }
    }

    /// Refuses a request because too many runs wait, as the setting `limit` says.
    pub(super) fn overflowed(&self, hook: &Hook, limit: &str, now: Timestamp) -> Box<Refused> {
        Refused::backlog_full(hook, limit).one_of_many(self.overflow.refused(hook.place.hook, now))
    }

    /// Refuses an address that has failed too often, before anything is looked at. One look at a number while nobody has.
    pub(super) fn check_failing(&self, hook: &Hook, address: IpAddr, now: Timestamp) -> Result<()> {
        if self.watched_until.load(Ordering::Relaxed) <= now.0 {
            return Ok(());
        }
        let Some(limit) = self.intake.failing_rate.limit() else { return Ok(()) };
        let mut failing = self.failing.lock();
        match failing.get(&(hook.limited(), sender(address))) {
            Some(window) if window.ends_at() > now && window.left() == 0 => {
                let standing = Standing::of(FAILING, limit, window, now);
                Err(standing.refused(hook, window.refused()))
            }
            _ => Ok(()),
        }
    }

    /// Counts a request with wrong credentials.
    pub(super) fn failed(&self, hook: &Hook, address: IpAddr, now: Timestamp) {
        let Some(limit) = self.intake.failing_rate.limit() else { return };
        let mut failing = self.failing.lock();
        let window = failing.entry((hook.limited(), sender(address)), || Window::closed(limit));
        if window.take(limit, now) == Found::Closed {
            window.open(now);
            window.take(limit, now);
        }
        if window.left() == 0 {
            self.watched_until.fetch_max(window.ends_at().0, Ordering::Relaxed);
        }
    }
}

/// The name of a limit's policy. Who tests sees what the senders will see.
fn policy(limited: Limited) -> &'static str {
    match limited {
        Limited::Hook(_) | Limited::Workspace(_) => limited.scope(),
        Limited::Test(id) => Limited::Hook(id).scope(),
    }
}

/// What tells senders apart.
fn sender(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - IPV6_PREFIX)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_sender_is_its_network() {
        let same = |a: &str, b: &str| sender(a.parse().unwrap()) == sender(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
