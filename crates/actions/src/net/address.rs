//! Which IP addresses are the public internet. Everything else (loopback, private networks, link-local with the cloud
//! metadata service, documentation ranges …) is out of reach unless the operator allows it.
//!
//! An IPv6 address may carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo, ISATAP): what is inside is judged too,
//! because that is where the packet ends up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 ranges that are not the public internet: network, prefix length.
const NOT_PUBLIC_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 ranges inside 2000::/3 that are not the public internet: network, prefix length.
const NOT_PUBLIC_V6: [([u16; 8], u8); 3] =
    [([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20)];

/// Whether `address` is the public internet, whatever form it is written in.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// An IPv4-mapped IPv6 address as the IPv4 address it stands for; any other address as it is.
#[must_use]
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !NOT_PUBLIC_V4.iter().any(|(network, length)| {
        let shift = 32 - u32::from(*length);
        bits >> shift == u32::from(Ipv4Addr::from(*network)) >> shift
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let words = address.segments();
    // NAT64: the gateway sends it on to the IPv4 address in the last 32 bits.
    if words[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(v4(words[6], words[7]));
    }
    // Only 2000::/3 is handed out for global use; this also refuses ::, ::1, the long dead ::a.b.c.d form, fc00::/7,
    // fe80::/10, fec0::/10, ff00::/8, 64:ff9b:1::/48, 100::/64 and whatever is reserved today.
    if words[0] >> 13 != 1 {
        return false;
    }
    if words[0] == 0x2002 {
        return is_public_v4(v4(words[1], words[2])) && carries_public_isatap(&words);
    }
    if words[..2] == [0x2001, 0] {
        let (server, client) = (v4(words[2], words[3]), v4(!words[6], !words[7]));
        return is_public_v4(server) && is_public_v4(client);
    }
    let bits = u128::from(address);
    let listed = NOT_PUBLIC_V6.iter().any(|(network, length)| {
        let shift = 128 - u32::from(*length);
        bits >> shift == u128::from(Ipv6Addr::from(*network)) >> shift
    });
    !listed && carries_public_isatap(&words)
}

/// ISATAP puts an IPv4 address behind `0:5efe` or `200:5efe` in the lower half.
fn carries_public_isatap(words: &[u16; 8]) -> bool {
    let isatap = words[5] == 0x5efe && (words[4] == 0 || words[4] == 0x0200);
    !isatap || is_public_v4(v4(words[6], words[7]))
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_internet_is_told_from_everything_else() {
        for (public, addresses) in [
            (
                true,
                "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.0 198.17.255.255 198.20.0.0 223.255.255.255 11.0.0.0",
            ),
            (true, "2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 2001:4860:4860::8888"),
            (
                false,
                "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255",
            ),
            (
                false,
                "192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255",
            ),
            (
                false,
                ":: ::1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:169.254.169.254 ::127.0.0.1 ::8.8.8.8 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1",
            ),
            (
                false,
                "64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001:db8::1 3fff::1 5f00::1 4000::1 ::ffff:0:127.0.0.1",
            ),
            (
                false,
                "2002:7f00:1::1 2002:a00:1::1 2002:a9fe:a9fe:: 2001:2::1 2001:10::1 2001:20::1 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1",
            ),
            // Teredo towards 127.0.0.1 and through 10.0.0.1: the client's address is stored inverted.
            (false, "2001:0:808:808::80ff:fffe 2001:0:a00:1::f7f7:f7f7"),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(is_public(address.parse().expect(address)), public, "{address}");
            }
        }
        assert!(is_public("2001:0:808:808::f7f7:f7f7".parse().expect("Teredo between public addresses")));
    }
}
