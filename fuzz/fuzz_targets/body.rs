//! Any body under any content type and encoding. Input: content type, line, content encoding, line, body.
#![no_main]

use hookmill_fuzz::{line_and_rest, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((content_type, rest)) = line_and_rest(input) else { return };
    let Some((encoding, body)) = line_and_rest(rest) else { return };
    read(&[("content-type", content_type), ("content-encoding", encoding)], "", body);
});
