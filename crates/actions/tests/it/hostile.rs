//! Other sides that are slow, endless, broken or not HTTP at all: always a named failure, soon.

use std::time::Duration;

use bytes::Bytes;
use hookmill_testkit::{Answer, Raw, RawUpstream, Upstream};
use serde_json::json;

use crate::world::World;

const CHUNK: usize = 64 * 1024;

#[tokio::test]
async fn a_body_without_an_end_is_cut_off() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200).header("content-type", "text/plain").repeated(vec![b'x'; CHUNK], None));
    let world = World::open();
    for response in ["text", "json", "base64"] {
        let failure = world.refused(json!({ "url": upstream.url("/"), "response": response })).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("response_too_large", false), "{response}");
    }
    let failure = world.refused(json!({ "url": upstream.url("/"), "max_bytes": 2_000_000 })).await;
    assert!(failure.message.contains("2000000"), "{}", failure.message);
}

#[tokio::test]
async fn a_hundred_megabytes_become_a_file_or_a_failure() {
    let upstream = Upstream::start().await;
    let times = 100 * 1024 * 1024 / CHUNK;
    upstream.always("/fits", Answer::status(200).repeated(vec![b'x'; CHUNK], Some(times)));
    upstream.always("/big", Answer::status(200).repeated(vec![b'x'; CHUNK], Some(times + 1)));
    upstream.always("/said", Answer::status(200).body(vec![b'x'; 11 * 1024 * 1024]));
    let world = World::open();
    let output = world.request(json!({ "url": upstream.url("/fits") })).await.unwrap();
    assert_eq!((&output["encoding"], &output["file"]["bytes"]), (&json!("file"), &json!(100 * 1024 * 1024)));
    assert_eq!(world.refused(json!({ "url": upstream.url("/big") })).await.code, "response_too_large");
    assert_eq!(world.refused(json!({ "url": upstream.url("/said"), "response": "text" })).await.code, "response_too_large");
}

#[tokio::test]
async fn a_compressed_bomb_is_measured_unpacked() {
    // 12 MB of zeros in deflate's most compact form, packed by hand: stored sizes would give it away.
    let upstream = Upstream::start().await;
    let packed = include_bytes!("zeros-12mb.gz");
    upstream
        .otherwise(Answer::status(200).header("content-encoding", "gzip").header("content-type", "text/plain").body(&packed[..]));
    let failure = World::open().refused(json!({ "url": upstream.url("/"), "response": "text" })).await;
    assert_eq!(failure.code, "response_too_large");
}

#[tokio::test]
async fn slow_sides_run_into_the_timeout() {
    let upstream = Upstream::start().await;
    upstream.always("/silent", Answer::never());
    upstream.always("/stalled", Answer::status(200).stalled("begin"));
    let raw = RawUpstream::start(Raw::Silent).await;
    let silent = format!("http://{}/", raw.address());
    let world = World::open();
    for url in [upstream.url("/silent"), upstream.url("/stalled"), silent.clone(), silent.replace("http:", "https:")] {
        let failure = world.refused(json!({ "url": url, "timeout": "100ms" })).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("timeout", true), "{url}");
        let once = json!({ "url": url, "timeout": "100ms", "method": "POST", "idempotency_key": false });
        assert!(!world.refused(once).await.retryable, "a request without a key may have arrived: {url}");
    }
}

#[tokio::test]
async fn connections_that_fail_are_told_apart() {
    let world = World::open();
    let unused = Upstream::start().await.address();
    let failure = world.refused(json!({ "url": format!("http://{unused}/") })).await;
    assert_eq!((failure.code.as_str(), failure.retryable), ("connect_failed", true), "{}", failure.message);
    let failure = world.refused(json!({ "url": "http://does-not-exist.invalid/" })).await;
    assert_eq!((failure.code.as_str(), failure.retryable), ("dns_failed", true), "{}", failure.message);
    for (behaviour, scheme, code) in [
        (Raw::Close, "http", "connection_lost"),
        (Raw::ReadThenClose, "http", "connection_lost"),
        (Raw::Send(Bytes::from_static(b"\x16\x03\x01junk\r\n\r\n")), "http", "invalid_response"),
        (Raw::Send(Bytes::from_static(b"SSH-2.0-OpenSSH_9.2\r\n")), "http", "invalid_response"),
        (Raw::Send(Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")), "http", "connection_lost"),
        (Raw::Send(Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")), "http", "invalid_response"),
        (
            Raw::Send(Bytes::from_static(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")),
            "http",
            "invalid_response",
        ),
        (
            Raw::Send(Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk")),
            "http",
            "invalid_response",
        ),
        (Raw::Send(Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\n\r\nnot TLS at all")), "https", "tls_failed"),
        (Raw::Send(Bytes::from_static(b"\x15\x03\x03\x00\x02\x02\x28")), "https", "tls_failed"),
        (Raw::ReadThenClose, "https", "connect_failed"),
    ] {
        let raw = RawUpstream::start(behaviour.clone()).await;
        let url = format!("{scheme}://127.0.0.1:{}/", raw.address().port());
        let failure = world.refused(json!({ "url": url })).await;
        assert_eq!(failure.code, code, "{behaviour:?}: {}", failure.message);
        assert!(failure.message.contains("127.0.0.1"), "{}", failure.message);
    }
}

#[tokio::test]
async fn an_answer_with_too_many_headers_is_refused() {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..10_000 {
        head.extend_from_slice(format!("x-{number}: {number}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    let raw = RawUpstream::start(Raw::Send(head.into())).await;
    let failure = World::open().refused(json!({ "url": format!("http://{}/", raw.address()) })).await;
    assert_eq!(failure.code, "invalid_response", "{}", failure.message);
}

#[tokio::test]
async fn a_cancelled_attempt_ends_at_once() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::never());
    let world = World::open();
    let attempt = world.request(json!({ "url": upstream.url("/") }));
    let cancel = async {
        upstream.wait_for(1).await;
        world.context.cancel.cancel();
    };
    let (ended, ()) = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(attempt, cancel) }).await.unwrap();
    assert_eq!(ended.unwrap_err().code, "cancelled");
}
