//! Content encodings: undone where they are allowed, and bounded.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use hookmill_engine::request::{INFLATED_BYTES_MAX, INFLATED_FREE_BYTES, Refusal};
use serde_json::json;

use crate::sent::{Sent, pairs, plain, trigger};

const ALL: &str = "{ encodings: [gzip, deflate, br, zstd] }";
/// What [`document`] gives, by the reference implementation (brotli 1.1.0, as in Node.js).
const BROTLI: &[u8] = b"\x1b\x1e\x07\xf8\xad\x8e\x77\x90\x0f\x44\x47\x95\xb2\x56\xbd\xe2\xf8\x6b\x91\x98\xad\xbd\xad\x13\x86\xd6\xa7\x58\xba\x4a\x66\x26\xdf\xd8\xd6\x1a\x24\x8d\xad\x4d\x03\x22\x89\x42\x06\x4a\x01\x30\x70\x21\x4e\x2c\xcc\x98\x5c\x45\x7b\xa4\x01";
/// 8 MiB of spaces, by the same.
const BROTLI_BOMB: &[u8] = b"\x9b\xff\xff\x7f\xf8\x25\x40\xe2\xb1\x40\x20\xf7\xfe\x0f";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory takes it")
}

fn document() -> String {
    format!("{{\"a\":[1,2,3],\"text\":\"{}\"}}", "hookmill ".repeat(200))
}

fn body(sent: &Sent) -> serde_json::Value {
    plain(&sent.webhook(&trigger(ALL)).get_attr("body").expect("a webhook has a body"))
}

fn refused(sent: &Sent) -> Refusal {
    sent.to(&trigger(ALL)).expect_err("it is refused")
}

fn encoded(encoding: &str, bytes: impl Into<bytes::Bytes>) -> Sent {
    let headers = pairs(&[("content-type", "application/json"), ("content-encoding", encoding)]);
    Sent { headers, ..Sent::post("", bytes) }
}

#[test]
fn allowed_encodings_are_undone() {
    let document = document();
    let bytes = document.as_bytes();
    let two = gzip(bytes).into_iter().chain(gzip(b" ")).collect::<Vec<u8>>();
    for (encoding, bytes) in [
        ("gzip", gzip(bytes)),
        ("X-GZIP", gzip(bytes)),
        ("gzip", two),
        ("deflate", zlib(bytes)),
        ("deflate", deflate(bytes)),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(bytes)),
        ("gzip, zstd", zstd(&gzip(bytes))),
        ("identity", bytes.to_vec()),
        ("", bytes.to_vec()),
    ] {
        let sent = encoded(encoding, bytes);
        let expected: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(body(&sent), expected, "{encoding}");
        let raw = sent.webhook(&trigger(ALL)).get_attr("raw").unwrap();
        assert_eq!(raw.as_str().unwrap().trim_end(), document, "{encoding}: what a person can read");
    }
    let upload = "--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\nabc\r\n--x--";
    let headers = pairs(&[("content-type", "multipart/form-data; boundary=x"), ("content-encoding", "gzip")]);
    let sent = Sent { headers, ..Sent::post("", gzip(upload.as_bytes())) };
    let files = sent.webhook(&trigger(ALL)).get_attr("files").unwrap();
    assert_eq!(files.get_item_by_index(0).unwrap().get_attr("text").unwrap().as_str(), Some("abc"));
    assert_eq!(body(&encoded("gzip", "")), json!(null), "nothing is nothing");
}

#[test]
fn other_encodings_are_refused_with_what_is_accepted() {
    let allowed = "{ encodings: [gzip] }";
    for (encoding, encodings, got, accepted) in [
        ("gzip", "{}", "gzip", &["identity"][..]),
        ("br", allowed, "br", &["gzip", "identity"]),
        ("gzip, compress", allowed, "compress", &["gzip", "identity"]),
    ] {
        let refusal = encoded(encoding, "x").to(&trigger(encodings)).expect_err("it is refused");
        assert_eq!((refusal.status(), refusal.code()), (415, "unsupported_media_type"));
        assert_eq!(refusal.findings()[0].name, "content-encoding");
        let Refusal::UnsupportedMediaType { header, got: told, accepted: offered, message } = &refusal else {
            panic!("{refusal}")
        };
        assert_eq!((*header, told.as_str(), offered.as_slice()), ("content-encoding", got, accepted));
        assert!(message.contains(&accepted.join(", ")), "{message}");
    }
    let message = refused(&encoded("gzip, gzip, gzip", gzip(b"1"))).to_string();
    assert!(message.contains("more than 2 times"), "{message}");
}

#[test]
fn damaged_and_cut_off_bodies_are_refused() {
    let document = document();
    for (encoding, whole) in [
        ("gzip", gzip(document.as_bytes())),
        ("deflate", zlib(document.as_bytes())),
        ("deflate", deflate(document.as_bytes())),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(document.as_bytes())),
    ] {
        for length in 1..whole.len() {
            let refusal = refused(&encoded(encoding, whole[..length].to_vec()));
            assert_eq!(refusal.status(), 400, "{encoding} {length}: {refusal}");
        }
        let mut longer = whole.clone();
        longer.extend_from_slice(b"garbage");
        assert!(encoded(encoding, longer).to(&trigger(ALL)).is_err(), "{encoding}: something follows");
        let message = refused(&encoded(encoding, "not compressed at all")).to_string();
        assert!(message.contains(&format!("not valid {encoding}")), "{encoding}: {message}");
    }
}

#[test]
fn bodies_that_grow_too_much_are_refused() {
    let zeros = |bytes: u64| vec![b' '; usize::try_from(bytes).unwrap()];
    for (encoding, encode) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("deflate", zlib), ("deflate", deflate), ("zstd", zstd)] {
        let bomb = encode(&zeros(INFLATED_FREE_BYTES * 8));
        let refusal = refused(&encoded(encoding, bomb));
        assert_eq!((refusal.status(), refusal.code()), (413, "body_too_large"), "{encoding}");
        assert!(refusal.to_string().contains("more than 200 times as large"), "{encoding}: {refusal}");
        let mut small = zeros(INFLATED_FREE_BYTES - 1);
        small.push(b'1');
        assert_eq!(body(&encoded(encoding, encode(&small))), json!(1), "{encoding}: so much is no harm");
    }
    let refusal = refused(&encoded("br", BROTLI_BOMB));
    assert!(refusal.status() == 413 && refusal.to_string().contains("200 times"), "{refusal}");
    let twice = refused(&encoded("gzip, gzip", gzip(&gzip(&zeros(INFLATED_BYTES_MAX)))));
    assert_eq!(twice.status(), 413, "{twice}");
}

#[test]
fn the_limit_of_the_trigger_counts_after_inflating_too() {
    let sent = encoded("gzip", gzip(document().as_bytes()));
    let limit = trigger("{ encodings: [gzip], body_bytes_max: 1000 }");
    let refusal = sent.to(&limit).expect_err("it is too large");
    assert!(
        matches!(&refusal, Refusal::TooLarge { bytes_max: 1000, message } if message.contains("larger than 1000 bytes")),
        "{refusal}"
    );
    assert_eq!(refusal.status(), 413);
    // Not made of one letter, so that the size is what is wrong with it.
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..INFLATED_BYTES_MAX + 1)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 30) as u8
        })
        .collect();
    let refusal = refused(&encoded("zstd", zstd(&noise)));
    assert!(matches!(refusal, Refusal::TooLarge { bytes_max: INFLATED_BYTES_MAX, .. }), "{refusal}");
}
