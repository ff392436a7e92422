//! Any CloudEvent in the three modes. Input: the value of a header, line, body.
#![no_main]

use hookmill_fuzz::{line_and_rest, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((value, body)) = line_and_rest(input) else { return };
    read(&[("content-type", "application/cloudevents+json")], "", body);
    read(&[("content-type", "application/cloudevents-batch+json")], "", body);
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t"), ("ce-subject", value)];
    read(&attributes, "", body);
});
