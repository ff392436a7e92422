//! Any upload whose boundary is `x`.
#![no_main]

use hookmill_fuzz::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| read(&[("content-type", "multipart/form-data; boundary=x")], "", body));
