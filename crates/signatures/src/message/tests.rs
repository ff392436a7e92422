//! The examples of RFC 9421, appendix B, and what this receiver asks for beyond them.

use super::*;
use crate::scheme::Encoding;
use crate::sent::Sent;

const BODY: &[u8] = b"{\"hello\": \"world\"}";
const NOW_MS: i64 = 1_618_884_473_000;
const SHARED: &str = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const ED25519: &str =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----";

/// The request of appendix B.2.
const HEADERS: &[(&str, &[u8])] = &[
    ("host", b"example.com"),
    ("date", b"Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", b"application/json"),
    ("content-digest", b"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"),
    ("content-length", b"18"),
];

fn check(headers: &[(&str, &[u8])], secret: &str, body: &[u8]) -> Result<Genuine, Failure> {
    let sent = Sent {
        method: "POST",
        url: Some("https://example.com/foo?param=Value&Pet=dog"),
        path_and_query: "/foo?param=Value&Pet=dog",
        headers,
        query: "param=Value&Pet=dog",
        body,
        now_ms: NOW_MS,
    };
    verify(&Settings::default(), &[secret.as_bytes()], &Reading::new(&sent))
}

/// Whether the signature alone is right, the policy of covering the body aside.
fn signature_fits(input: &str, signature: &str, secret: &str) -> bool {
    let sent = Sent {
        method: "POST",
        url: Some("https://example.com/foo?param=Value&Pet=dog"),
        path_and_query: "/foo?param=Value&Pet=dog",
        headers: HEADERS,
        query: "param=Value&Pet=dog",
        body: BODY,
        now_ms: NOW_MS,
    };
    let inputs = base::inputs(input).unwrap();
    let base = base::signature_base(&sent, sent.url, &inputs[0]).unwrap();
    let signature = Encoding::Base64.decode(signature.as_bytes()).unwrap();
    keys::of(secret.as_bytes(), inputs[0].algorithm())
        .unwrap()
        .iter()
        .any(|key| key.accepts(&Text::of(base.as_bytes()), std::slice::from_ref(&signature)))
}

#[test]
fn the_hmac_example_b_2_5_fits() {
    let input = r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let signature = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=";
    assert!(signature_fits(input, signature, SHARED));
    assert!(!signature_fits(&input.replace("4473", "4474"), signature, SHARED));
    assert!(!signature_fits(input, signature, "another secret, as long as one likes"));
}

#[test]
fn the_ed25519_example_b_2_6_fits() {
    let input = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    assert!(signature_fits(input, signature, ED25519));
    let spki = ED25519.lines().nth(1).unwrap();
    assert!(signature_fits(input, signature, spki));
    assert!(!signature_fits(&input.replace(" \"@path\"", ""), signature, ED25519));
}

/// Signs as a sender with the shared secret would.
fn signed(input: &str, secret: &str, body: &[u8], headers: &[(&str, &[u8])]) -> Result<Genuine, Failure> {
    let sent = Sent {
        method: "POST",
        url: Some("https://example.com/foo?param=Value&Pet=dog"),
        path_and_query: "/foo?param=Value&Pet=dog",
        headers,
        query: "param=Value&Pet=dog",
        body,
        now_ms: NOW_MS,
    };
    let inputs = base::inputs(input).unwrap();
    let base = base::signature_base(&sent, sent.url, &inputs[0]).unwrap();
    let tag = keys::of(SHARED.as_bytes(), None).unwrap()[0].tag(&Text::of(base.as_bytes())).unwrap();
    let signature = format!("{}=:{}:", inputs[0].label, Encoding::Base64.encode(&tag));
    let all: Vec<(&str, &[u8])> =
        headers.iter().copied().chain([("signature-input", input.as_bytes()), ("signature", signature.as_bytes())]).collect();
    check(&all, secret, body)
}

#[test]
fn a_signature_that_covers_the_body_is_genuine() {
    let input = r#"a=("@method" "@target-uri" "@query" "@scheme" "@request-target" "@query-param";name="Pet" "content-digest");created=1618884473;alg="hmac-sha256""#;
    assert_eq!(signed(input, SHARED, BODY, HEADERS), Ok(Genuine { secret: Some(0), signed_at_ms: Some(NOW_MS) }));
    assert_eq!(signed(input, "wrong", BODY, HEADERS).unwrap_err().code, Code::SignatureWrong);
    assert_eq!(signed(input, SHARED, b"{}", HEADERS).unwrap_err().code, Code::DigestWrong);
    assert_eq!(signed(input, ED25519, BODY, HEADERS).unwrap_err().code, Code::SignatureWrong, "the key decides the algorithm");
}

#[test]
fn a_public_key_is_never_the_key_of_an_hmac() {
    let input = r#"a=("content-digest");created=1618884473;alg="hmac-sha256""#;
    let inputs = base::inputs(input).unwrap();
    let sent = Sent { method: "POST", url: None, path_and_query: "/", headers: HEADERS, query: "", body: BODY, now_ms: NOW_MS };
    let base = base::signature_base(&sent, None, &inputs[0]).unwrap();
    let bare = hex::decode("26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb").unwrap();
    let url_safe = Encoding::Base64Url.encode(&bare);
    let point = [&[4][..], &[7; 64]].concat();
    let compressed = [&[2][..], &[7; 32]].concat();
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{url_safe}"}}"#);
    for stored in [
        hex::encode(&bare),
        hex::encode_upper(&bare),
        Encoding::Base64.encode(&bare),
        url_safe.clone(),
        hex::encode(&point),
        Encoding::Base64.encode(&compressed),
        jwk,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICa0C4+T//PYlxEvfrxYKyMtvXJRfQgv6Dz7MN3OQ9G7".into(),
        format!("hmac-sha256:{}", ED25519.lines().nth(1).unwrap()),
        format!("hmac-sha256:{ED25519}"),
        "hmac-sha256:".into(),
    ] {
        // Everyone knows the key: as it is written, and the bytes that it stands for.
        for known in [stored.as_bytes(), &bare, &point, &compressed] {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, known);
            let tag = ring::hmac::sign(&key, base.as_bytes());
            let forged = format!("a=:{}:", Encoding::Base64.encode(tag.as_ref()));
            let signed = [("signature-input", input.as_bytes()), ("signature", forged.as_bytes())];
            let headers: Vec<(&str, &[u8])> = HEADERS.iter().copied().chain(signed).collect();
            let refused = check(&headers, &stored, BODY).unwrap_err();
            assert_eq!(refused.code, Code::SecretMalformed, "{stored}");
            assert!(!refused.for_sender.contains("public"), "only the owner is told");
        }
    }
}

#[test]
fn a_shared_secret_may_say_that_it_is_one() {
    let of = |secret: &str| keys::of(secret.as_bytes(), Some("hmac-sha256"));
    let text = Text::of(b"text");
    let secret = "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb";
    assert!(of(secret).is_err(), "it could be a public key");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = of(&format!("hmac-sha256:{secret}")).unwrap()[0].tag(&text).unwrap();
    assert_eq!(tag, ring::hmac::sign(&key, b"text").as_ref());
    assert_eq!(of("a phrase").unwrap()[0].tag(&text), of("hmac-sha256: a phrase").unwrap()[0].tag(&text));
}

#[test]
fn while_algorithms_change_each_signature_finds_its_secret() {
    let input = r#"a=("content-digest");created=1618884473;alg="hmac-sha256""#;
    let inputs = base::inputs(input).unwrap();
    let sent = Sent { method: "POST", url: None, path_and_query: "/", headers: HEADERS, query: "", body: BODY, now_ms: NOW_MS };
    let base = base::signature_base(&sent, None, &inputs[0]).unwrap();
    let tag = keys::of(SHARED.as_bytes(), None).unwrap()[0].tag(&Text::of(base.as_bytes())).unwrap();
    let signature = format!("a=:{}:", Encoding::Base64.encode(&tag));
    let signed = [("signature-input", input.as_bytes()), ("signature", signature.as_bytes())];
    let headers: Vec<(&str, &[u8])> = HEADERS.iter().copied().chain(signed).collect();
    let sent = Sent { headers: &headers, ..sent };
    let judged = verify(&Settings::default(), &[ED25519.as_bytes(), SHARED.as_bytes()], &Reading::new(&sent));
    assert_eq!(judged.map(|genuine| genuine.secret), Ok(Some(1)));
}

#[test]
fn what_is_not_covered_or_not_in_time_is_refused() {
    for (input, code) in [
        (r#"a=("@method");created=1618884473"#, Code::PartMissing),
        (r#"a=("content-digest")"#, Code::TimestampMissing),
        (r#"a=("content-digest");created=1618884172"#, Code::TimestampStale),
        (r#"a=("content-digest");created=1618884774"#, Code::TimestampFuture),
        (r#"a=("content-digest");created=1618884473;expires=1618884472"#, Code::TimestampStale),
    ] {
        assert_eq!(signed(input, SHARED, BODY, HEADERS).unwrap_err().code, code, "{input}");
    }
    assert!(
        signed(r#"a=("@method");created=1618884473"#, SHARED, b"", HEADERS).is_ok(),
        "without a body there is nothing to cover"
    );
}

#[test]
fn broken_fields_are_malformed_or_missing_never_a_panic() {
    for input in
        ["", "a", "a=", "a=(", "a=(\"", "a=(\"x)", "a=()x", "a=();created=", "a=(\"x\" \"x\")", "a=(x)", "(\"x\")", "a=();é"]
    {
        let headers: &[(&str, &[u8])] = &[("signature-input", input.as_bytes()), ("signature", b"a=:AAAA:")];
        let code = check(headers, SHARED, b"").unwrap_err().code;
        assert!(matches!(code, Code::SignatureMalformed), "{input}: {code}");
    }
    assert_eq!(check(&[], SHARED, b"").unwrap_err().code, Code::SignatureMissing);
}
