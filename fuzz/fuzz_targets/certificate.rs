//! Any PEM as a sender's certificate.
#![no_main]

use hookmill_signatures::check_certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pem: &str| {
    if let Err(why) = check_certificate(pem, 1_780_000_000_000) {
        assert!(!why.is_empty());
    }
});
