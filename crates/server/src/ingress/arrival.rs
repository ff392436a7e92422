//! A request at the door: its head, who sent it, when.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hookmill_engine::time::Timestamp;
use http::request::Parts;
use ipnet::IpNet;

/// The header in which proxies write whom they speak for, the nearest last.
const FORWARDED_FOR: &str = "x-forwarded-for";

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

    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The path and what is left of the query when its credentials are taken out.
    pub(super) fn target(&self, query: &str) -> String {
        let path = self.head.uri.path();
        if self.head.uri.query().is_none() { path.to_owned() } else { [path, "?", query].concat() }
    }
}

/// Walks from the connection towards the sender for as long as the proxies are trusted.
fn sender(peer: IpAddr, head: &Parts, trusted_proxies: &[IpNet]) -> IpAddr {
    let trusted = |address: IpAddr| trusted_proxies.iter().any(|network| network.contains(&address));
    let mut address = peer;
    if trusted_proxies.is_empty() {
        return address;
    }
    let told: Vec<&str> = head.headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for before in told.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(before) = before.trim().parse::<IpAddr>() else { break };
        if !trusted(address) {
            break;
        }
        address = before.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let (head, ()) = http::Request::builder()
            .header("x-forwarded-for", "198.51.100.9")
            .header("x-forwarded-for", "203.0.113.5, 10.0.0.2")
            .body(())
            .unwrap()
            .into_parts();
        let networks: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let from = |peer: &str, networks: &[IpNet]| sender(peer.parse().unwrap(), &head, networks).to_string();
        assert_eq!(from("10.0.0.1", &networks), "203.0.113.5");
        assert_eq!(from("192.0.2.1", &networks), "192.0.2.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }
}
