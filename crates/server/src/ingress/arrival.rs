//! A request at the door: its head, who sent it, when.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hookmill_engine::time::Timestamp;
use hookmill_signatures::proxies::{self, FORWARDED_FOR};
use hookmill_store::hooks::TEST_PATHS;
use http::HeaderValue;
use http::request::Parts;
use ipnet::IpNet;

pub(super) struct Arrival {
    pub(super) head: Parts,
    /// The sender's address; behind a trusted proxy the one that it tells.
    pub(super) address: IpAddr,
    pub(super) received_at: Timestamp,
    began: Instant,
}

impl Arrival {
    pub(super) fn new(head: Parts, peer: SocketAddr, trusted_proxies: &[IpNet], received_at: Timestamp) -> Self {
        let address = sender(peer.ip().to_canonical(), &head, trusted_proxies);
        Self { head, address, received_at, began: Instant::now() }
    }

    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn took_us(&self) -> u64 {
        u64::try_from(self.took().as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether it came to a test URL.
    pub(super) fn is_test(&self) -> bool {
        self.head.uri.path().starts_with(TEST_PATHS)
    }

    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The path and what is left of the query when its credentials are taken out.
    pub(super) fn target(&self, query: &str) -> String {
        let path = self.head.uri.path();
        if self.head.uri.query().is_none() { path.to_owned() } else { [path, "?", query].concat() }
    }
}

fn sender(peer: IpAddr, head: &Parts, trusted_proxies: &[IpNet]) -> IpAddr {
    if trusted_proxies.is_empty() {
        return peer;
    }
    let told = head.headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    proxies::sender(peer, told, |address| trusted_proxies.iter().any(|network| network.contains(&address)))
}
