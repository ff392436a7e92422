//! The address of a sender that calls through proxies.
//!
//! Each proxy appends to `X-Forwarded-For` whom it was called by, so only what trusted ones appended is true: whatever a sender
//! wrote there itself stands further left. `Forwarded` (RFC 7239) has no say: a proxy that writes the one header hands on
//! the other as it came, from anybody.

use std::net::{IpAddr, SocketAddr};

/// The header in which proxies write whom they speak for, the nearest last.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// Walks from the connection's peer towards the sender for as long as the proxies are trusted.
///
/// `told` are the lines of the header in their order. What is no address ends the walk, and only there: bytes that a sender put
/// into a line do not hide what a proxy appended to it.
pub fn sender<'a>(peer: IpAddr, told: impl DoubleEndedIterator<Item = &'a [u8]>, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut address = peer.to_canonical();
    for before in told.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        if !is_trusted(address) {
            break;
        }
        let Some(before) = read(before) else { break };
        address = before;
    }
    address
}

/// An address, with the port that some proxies write.
fn read(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element.trim_ascii()).ok()?;
    let address = text.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind proxies in 10.0.0.0/8.
    fn from(peer: &str, told: &[&[u8]]) -> String {
        let is_trusted = |address: IpAddr| matches!(address, IpAddr::V4(address) if address.octets()[0] == 10);
        sender(peer.parse().unwrap(), told.iter().copied(), is_trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let told: &[&[u8]] = &[b"198.51.100.9", b"203.0.113.5, 10.0.0.2"];
        assert_eq!(from("10.0.0.1", told), "203.0.113.5");
        assert_eq!(from("::ffff:10.0.0.1", told), "203.0.113.5");
        assert_eq!(from("192.0.2.1", told), "192.0.2.1");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &[b"10.0.0.3,10.0.0.2"]), "10.0.0.3", "a request of the inside itself");
    }

    #[test]
    fn what_a_sender_writes_does_not_hide_what_the_proxy_appended() {
        for written in [&b"\xff\xfe"[..], b"unknown", b"10.0.0.9", b"", b",,,", b"\"", b"10.0.0.1, \xe9"] {
            let line = [written, b", 203.0.113.5"].concat();
            assert_eq!(from("10.0.0.1", &[&line]), "203.0.113.5", "{}", line.escape_ascii());
        }
        assert_eq!(from("10.0.0.1", &[b"203.0.113.5, \xff"]), "10.0.0.1", "nothing is guessed across what cannot be read");
    }

    #[test]
    fn ports_are_left_away() {
        assert_eq!(from("10.0.0.1", &[b"203.0.113.5:4711"]), "203.0.113.5");
        assert_eq!(from("10.0.0.1", &[b"[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(from("10.0.0.1", &[b"::ffff:203.0.113.5"]), "203.0.113.5");
        assert_eq!(from("10.0.0.1", &[b"203.0.113.5:99999"]), "10.0.0.1");
    }
}
