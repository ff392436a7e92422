//! Any text as an address or a network. Input: the range, line, an address.
#![no_main]

use std::net::IpAddr;

use hookmill_engine::workflow::AddressRange;
use hookmill_fuzz::line_and_rest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((text, address)) = line_and_rest(input) else { return };
    let Ok(range) = text.parse::<AddressRange>() else { return };
    let written = range.to_string();
    assert_eq!(written.parse::<AddressRange>(), Ok(range), "{written} is read as it was written");
    let Some(address) = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok()) else { return };
    let inside = range.contains(address);
    assert_eq!(inside, range.contains(address.to_canonical()), "an address is the same in both spellings");
    if let Some(tidied) = range.tidied() {
        assert_eq!(inside, tidied.contains(address), "{written} and {tidied} are one network");
    }
    if let IpAddr::V4(plain) = address {
        assert_eq!(inside, range.contains(IpAddr::V6(plain.to_ipv6_mapped())));
    }
});
