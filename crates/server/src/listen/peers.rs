//! Who is connected: a count of connections in all and for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts connections against two limits.
pub(super) struct Peers {
    connections_max: u32,
    per_peer_max: u32,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    by_peer: HashMap<IpAddr, u32>,
}

/// A place among the connections, given back when it is dropped.
pub(super) struct Place {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    pub(super) fn new(connections_max: u32, per_peer_max: u32) -> Arc<Self> {
        Arc::new(Self { connections_max, per_peer_max, counts: Mutex::default() })
    }

    /// A place for a connection from `address`, unless there are too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let peer = network(address);
        let mut counts = self.counts.lock();
        let own = counts.by_peer.get(&peer).copied().unwrap_or(0);
        if counts.all >= self.connections_max || own >= self.per_peer_max {
            return None;
        }
        counts.all += 1;
        counts.by_peer.insert(peer, own + 1);
        Some(Place { peers: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.peers.counts.lock();
        counts.all -= 1;
        if let Some(own) = counts.by_peer.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                counts.by_peer.remove(&self.peer);
            }
        }
    }
}

/// One customer usually has a whole IPv6 /64: counting single addresses would count nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_network_and_given_back() {
        let peers = Peers::new(3, 2);
        let enter = |address: &str| peers.enter(address.parse().unwrap());
        let first = enter("2001:db8::1");
        let second = enter("2001:db8::2");
        assert!(first.is_some() && second.is_some());
        assert!(enter("2001:db8::ffff:3").is_none(), "the /64 is full");
        let other = enter("192.0.2.1");
        assert!(other.is_some());
        assert!(enter("192.0.2.2").is_none(), "all is full");
        drop(first);
        assert!(enter("::ffff:192.0.2.1").is_some());
        drop((second, other));
        assert_eq!(peers.counts.lock().all, 0);
        assert!(peers.counts.lock().by_peer.is_empty());
    }
}
