//! Any content type over a small upload.
#![no_main]

use hookmill_fuzz::read;
use libfuzzer_sys::fuzz_target;

const BODY: &[u8] = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n";

fuzz_target!(|content_type: &str| read(&[("content-type", content_type)], "", BODY));
