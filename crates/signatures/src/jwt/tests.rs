//! The examples of RFC 7515 and RFC 8037, and the ways to be wrong.

use serde_json::json;

use super::*;

/// RFC 7515, appendix A.1: `exp` is 1300819380.
const A_1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A_1_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// RFC 7515, appendix A.3.
const A_3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const NOW_MS: i64 = 1_300_819_000_000;

fn a_3_key() -> Value {
    json!({"keys": [{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]})
}

fn code(token: &str, expected: &Expected<'_>, now_ms: i64) -> Option<Code> {
    verify(token, expected, now_ms).err().map(|failure| failure.code)
}

#[test]
fn the_examples_of_the_rfc_are_good_until_they_expire() {
    let secret = Encoding::Base64Url.decode(A_1_KEY.as_bytes()).unwrap();
    let secrets: &[&[u8]] = &[b"old", &secret];
    let jwks = a_3_key();
    let shared = Expected { algorithms: &[Algorithm::Hs256], secrets, ..Expected::default() };
    let keys = Expected { algorithms: &[Algorithm::Es256], jwks: Some(&jwks), ..Expected::default() };
    for (token, expected) in [(A_1, shared), (A_3, keys)] {
        assert_eq!(verify(token, &expected, NOW_MS).unwrap()["iss"], "joe");
        assert_eq!(code(token, &expected, NOW_MS + 3_600_000), Some(Code::TimestampStale));
        let joe = Expected { issuer: Some("joe"), ..expected };
        assert_eq!(code(token, &joe, NOW_MS), None);
        assert_eq!(code(token, &Expected { issuer: Some("jim"), ..expected }, NOW_MS), Some(Code::PartMissing));
        assert_eq!(code(token, &Expected { audience: Some("us"), ..expected }, NOW_MS), Some(Code::PartMissing));
        let others = Expected { algorithms: &[Algorithm::Rs256, Algorithm::Hs512], ..expected };
        assert_eq!(code(token, &others, NOW_MS), Some(Code::SignatureMalformed), "the token may not choose its algorithm");
        assert!(code(&token.replace("eyJpc3Mi", "eyJpc3Mj"), &expected, NOW_MS).is_some());
    }
    let wrong = Expected { secrets: &[b"wrong", b""], ..shared };
    assert_eq!(code(A_1, &wrong, NOW_MS), Some(Code::SignatureWrong));
    assert_eq!(code(A_3, &Expected { algorithms: &[Algorithm::Es256], ..shared }, NOW_MS), Some(Code::SignatureWrong));
}

fn token(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let encode = |value: &Value| Encoding::Base64Url.encode(value.to_string().as_bytes());
    let text = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", Encoding::Base64Url.encode(tag.as_ref()))
}

#[test]
fn claims_are_checked_after_the_signature() {
    let expected = Expected { algorithms: &[Algorithm::Hs256], secrets: &[b"s"], audience: Some("us"), ..Expected::default() };
    let header = json!({"alg": "HS256"});
    for (claims, found) in [
        (json!({"aud": "us"}), None),
        (json!({"aud": ["them", "us"]}), None),
        (json!({"aud": "them"}), Some(Code::PartMissing)),
        (json!({"aud": "us", "nbf": NOW_MS / 1000 + 61}), Some(Code::TimestampFuture)),
        (json!({"aud": "us", "nbf": NOW_MS / 1000 + 59}), None),
        (json!({"aud": "us", "exp": NOW_MS / 1000 - 59}), None),
        (json!({"aud": "us", "exp": NOW_MS / 1000 - 60}), Some(Code::TimestampStale)),
        (json!({"aud": "us", "exp": "tomorrow"}), Some(Code::TimestampMalformed)),
        (json!({"aud": "us", "exp": 1e300}), None),
    ] {
        assert_eq!(code(&token(&header, &claims, b"s"), &expected, NOW_MS), found, "{claims}");
    }
    let critical = token(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}), &json!({"aud": "us"}), b"s");
    assert_eq!(code(&critical, &expected, NOW_MS), Some(Code::SignatureMalformed));
}

#[test]
fn tokens_without_a_signature_or_in_pieces_are_refused() {
    let all = Expected { algorithms: &Algorithm::ALL, secrets: &[b"s"], ..Expected::default() };
    let encode = |value: &Value| Encoding::Base64Url.encode(value.to_string().as_bytes());
    let unsigned = format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&json!({})));
    for token in ["", ".", "..", "a.b.c", "....", "e30.e30.", "é.é.é", &unsigned, &A_1[..A_1.len() - 44]] {
        assert!(verify(token, &all, NOW_MS).is_err(), "{token}");
    }
    assert!(verify(&"a".repeat(20_000), &all, NOW_MS).is_err());
}
