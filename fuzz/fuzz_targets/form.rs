//! Any form, as a body and as a query.
#![no_main]

use hookmill_fuzz::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let query = std::str::from_utf8(body).unwrap_or_default();
    read(&[("content-type", "application/x-www-form-urlencoded")], query, body);
});
