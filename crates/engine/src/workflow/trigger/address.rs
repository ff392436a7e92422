//! Who may call, by address: `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/32`.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange(IpNet);

/// Why a text is no [`AddressRange`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network; write for example 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32")]
pub struct AddressRangeError(String);

impl AddressRange {
    /// Whether an address lies in it. An IPv4 address that came over an IPv6 socket (`::ffff:203.0.113.7`) is the same
    /// address (RFC 4291 section 2.5.5.2).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all addresses of its family lie in it.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.0.prefix_len() == 0
    }

    /// The same network written with its first address, if it was written with another one.
    #[must_use]
    pub fn tidied(&self) -> Option<Self> {
        let first = self.0.trunc();
        (first != self.0).then_some(Self(first))
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let trimmed = text.trim();
        let range = match trimmed.parse::<IpAddr>() {
            Ok(address) => Some(IpNet::from(address.to_canonical())),
            Err(_) => trimmed.parse().ok().map(unmapped),
        };
        range.map(Self).ok_or_else(|| AddressRangeError(text.chars().take(60).collect()))
    }
}

/// A network of IPv4 addresses that was written in IPv6, in IPv4.
fn unmapped(net: IpNet) -> IpNet {
    const MAPPED_PREFIX: u8 = 96;
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(MAPPED_PREFIX)) {
        (address @ IpAddr::V4(_), Some(prefix)) if net.addr().is_ipv6() => IpNet::new(address, prefix).unwrap_or(net),
        _ => net,
    }
}

impl fmt::Display for AddressRange {
    /// A single address without the length of its prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for AddressRange {
    fn schema_name() -> Cow<'static, str> {
        "AddressRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An IPv4 or IPv6 address, or a network of them such as 10.0.0.0/8.",
            "pattern": "^\\s*[0-9a-fA-F:.]+(/[0-9]{1,3})?\\s*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_read_written_and_asked() {
        for (text, written, inside, outside) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("203.0.113.7/32", "203.0.113.7", "::ffff:203.0.113.7", "::203.0.113.7"),
            ("10.0.0.0/8", "10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            (" 2001:DB8::/32 ", "2001:db8::/32", "2001:db8:1::", "2001:db9::"),
            ("::1", "::1", "::1", "127.0.0.1"),
            ("::ffff:10.1.0.0/112", "10.1.0.0/16", "10.1.2.3", "10.2.0.0"),
        ] {
            let range: AddressRange = text.parse().expect(text);
            assert_eq!(range.to_string(), written, "{text}");
            assert!(range.contains(inside.parse().expect(inside)), "{inside} in {text}");
            assert!(!range.contains(outside.parse().expect(outside)), "{outside} not in {text}");
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "010.0.0.1", "10.0.0.0/-1", "a", "::1/129", "1.2.3.4/", "/8", "fe80::1%eth0"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
        let odd: AddressRange = "10.0.0.5/8".parse().expect("a network");
        assert_eq!(
            (odd.to_string().as_str(), odd.tidied().map(|net| net.to_string()).as_deref()),
            ("10.0.0.5/8", Some("10.0.0.0/8"))
        );
        assert!("0.0.0.0/0".parse::<AddressRange>().expect("all").is_everyone());
    }
}
