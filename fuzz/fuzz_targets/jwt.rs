//! Any token, and any key set, against keys of every kind. Input: the token, line, a JWKS or a PEM.
#![no_main]

use hookmill_fuzz::line_and_rest;
use hookmill_signatures::jwt::{Algorithm, Expected, verify};
use libfuzzer_sys::fuzz_target;

/// No seed was signed with it.
const SECRET: &[u8] = b"Zq3v8m0bW1b7Q0g0OqkN0o5c0dXk2l9R";

fuzz_target!(|input: &[u8]| {
    let Some((token, key)) = line_and_rest(input) else { return };
    let jwks = serde_json::from_slice(key).ok();
    let public_key = std::str::from_utf8(key).ok();
    let expected = Expected {
        algorithms: &Algorithm::ALL,
        secrets: &[],
        public_key: None,
        jwks: None,
        issuer: Some("https://issuer.example"),
        audience: Some("hooks"),
    };
    let shared = verify(token, &Expected { secrets: &[SECRET], ..expected }, 0);
    assert!(shared.is_err(), "a forged token is taken");
    let _ = verify(token, &Expected { jwks: jwks.as_ref(), ..expected }, 0);
    let _ = verify(token, &Expected { public_key, ..expected }, 0);
});
