//! Any XML document.
#![no_main]

use hookmill_fuzz::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| read(&[("content-type", "application/xml")], "", body));
