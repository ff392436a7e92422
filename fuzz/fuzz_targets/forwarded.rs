//! Any `X-Forwarded-For` through trusted proxies, held against an allow list. Input: the trusted network, line, the allowed
//! network, line, the address that the nearest proxy saw, line, lines of the header as the sender wrote them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use hookmill_engine::workflow::AddressRange;
use hookmill_fuzz::line_and_rest;
use hookmill_signatures::proxies::sender;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((trusted, rest)) = line_and_rest(input) else { return };
    let Some((allowed, rest)) = line_and_rest(rest) else { return };
    let Some((seen, written)) = line_and_rest(rest) else { return };
    let (Ok(trusted), Ok(allowed), Ok(seen)) =
        (trusted.parse::<AddressRange>(), allowed.parse::<AddressRange>(), seen.parse::<IpAddr>())
    else {
        return;
    };
    let is_trusted = |address: IpAddr| trusted.contains(address);
    let lines: Vec<&[u8]> = written.split(|byte| *byte == b'\n').collect();
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let found = sender(peer, lines.iter().copied(), is_trusted);
    assert_eq!(found, found.to_canonical(), "an address has one spelling");
    if !trusted.contains(peer) {
        assert_eq!(found, peer, "who is not trusted speaks for nobody");
        return;
    }
    // The nearest proxy appends whom it saw: to the last line, or as a line of its own.
    let mut appended = lines.clone();
    let last = [lines.last().copied().unwrap_or_default(), format!(", {seen}").as_bytes()].concat();
    appended.pop();
    appended.push(&last);
    let own = seen.to_string();
    let further: Vec<&[u8]> = lines.iter().copied().chain([own.as_bytes()]).collect();
    for told in [appended, further] {
        let found = sender(peer, told.into_iter(), is_trusted);
        if !trusted.contains(seen) {
            assert_eq!(found, seen.to_canonical(), "what a sender wrote does not hide what the proxy saw");
            assert_eq!(allowed.contains(found), allowed.contains(seen));
        }
    }
});
