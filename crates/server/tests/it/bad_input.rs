//! Bad input at the door: always a clear answer, kept in the ledger, nothing started, nothing lost, no panic.

use hookmill_engine::time::Span;
use hookmill_server::listen::Limits;

use crate::door::{BODY_BYTES_MAX, Door};
use crate::raw::{Raw, exchange};

const OPEN: &str = "hookmill: 1\nname: Open\ntriggers:\n  - webhook: {}\nsteps:\n  - set: { a: 1 }\n";

const STRICT: &str = "
hookmill: 1
name: Strict
triggers:
  - webhook:
      auth: { any: [ { shared_key: shop } ] }
      variables:
        order_id: { type: string, required: true }
        total: { type: number, required: true }
        items: { type: array }
steps:
  - set: { a: '{{ webhook.total }}' }
";

/// A door with one open hook; checks at the end that it still takes good requests.
async fn with_open_hook(check: impl AsyncFnOnce(&Door, &str)) {
    let door = Door::open_with(None, Limits { body: Span(300), head: Span(2_000), ..Limits::default() }).await;
    let path = door.publish(OPEN).await;
    check(&door, &path).await;
    assert_eq!(door.json(&path, "{}").await.status, 202);
    door.close().await;
}

#[tokio::test]
async fn malformed_json_is_refused_with_the_place() {
    with_open_hook(async |door, path| {
        for body in ["{\"a\": 1,}", "{\"a\": 1", "nul", "{'a': 1}", "[1, 2", "\u{feff}{"] {
            let answer = door.json(path, body).await;
            let delivery = door.refused(&answer, 400, "bad_body").await;
            assert!(answer.json()["detail"].as_str().unwrap().contains("line 1"), "{answer:?}");
            assert_eq!(door.store.delivery_body(delivery.id).await.unwrap(), body.as_bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn json_100000_levels_deep_is_refused() {
    with_open_hook(async |door, path| {
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        door.refused(&door.json(path, deep).await, 400, "bad_body").await;
        door.refused(&door.json(path, "{\"a\":".repeat(100_000)).await, 400, "bad_body").await;
    })
    .await;
}

#[tokio::test]
async fn duplicate_keys_are_accepted_and_noted() {
    with_open_hook(async |door, path| {
        let answer = door.json(path, r#"{"total": 1, "total": 2}"#).await;
        assert_eq!(answer.status, 202);
        assert!(door.delivery(&answer).await.detail.unwrap().contains("total"));
    })
    .await;
}

#[tokio::test]
async fn a_body_of_one_byte_too_much_is_refused_naming_the_limit() {
    with_open_hook(async |door, path| {
        let limit = usize::try_from(BODY_BYTES_MAX).unwrap();
        let fits = ["\"", &"a".repeat(limit - 2), "\""].concat();
        assert_eq!(door.json(path, &fits).await.status, 202);
        let answer = door.json(path, format!("{fits} ")).await;
        door.refused(&answer, 413, "body_too_large").await;
        assert_eq!(answer.json()["limit_bytes"], BODY_BYTES_MAX);
        let chunked =
            format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{fits}a\r\n0\r\n\r\n", limit + 1);
        door.refused(&exchange(door.address, chunked).await, 413, "body_too_large").await;
    })
    .await;
}

#[tokio::test]
async fn invalid_utf8_is_refused_where_text_is_due_and_taken_where_bytes_are() {
    with_open_hook(async |door, path| {
        door.refused(&door.json(path, b"{\"a\": \"\xff\xfe\"}").await, 400, "bad_body").await;
        let binary = door.post(path, "Content-Type: application/octet-stream\r\n", b"\xff\xfe\x00").await;
        assert_eq!(binary.status, 202, "{binary:?}");
        assert_eq!(door.store.delivery_body(door.delivery(&binary).await.id).await.unwrap(), b"\xff\xfe\x00".as_slice());
    })
    .await;
}

#[tokio::test]
async fn a_content_length_that_lies_is_refused() {
    with_open_hook(async |door, path| {
        let mut cut = Raw::connect(door.address).await;
        cut.send(format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{}}")).await;
        cut.finish_sending().await;
        door.refused(&cut.answer().await.unwrap(), 400, "body_truncated").await;
        let mut silent = Raw::connect(door.address).await;
        silent.send(format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{}}")).await;
        door.refused(&silent.answer().await.unwrap(), 408, "body_timeout").await;
        let huge = format!("POST {path} HTTP/1.1\r\nContent-Length: 9000000000000000000\r\n\r\n");
        door.refused(&exchange(door.address, huge).await, 413, "body_too_large").await;
    })
    .await;
}

#[tokio::test]
async fn chunked_garbage_is_refused() {
    with_open_hook(async |door, path| {
        for garbage in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}xx\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}", "2\n{}\n0\n\n"] {
            let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
            let mut raw = Raw::connect(door.address).await;
            raw.send([head.as_str(), garbage].concat()).await;
            raw.finish_sending().await;
            door.refused(&raw.answer().await.unwrap(), 400, "body_truncated").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_drips_is_refused_when_its_time_is_over() {
    with_open_hook(async |door, path| {
        let mut raw = Raw::connect(door.address).await;
        raw.send(format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")).await;
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        for _ in 0..30 {
            tick.tick().await;
            raw.send("[").await;
        }
        door.refused(&raw.answer().await.unwrap(), 408, "body_timeout").await;
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_headers_are_refused() {
    with_open_hook(async |door, path| {
        let answer = exchange(door.address, format!("POST {path} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000))).await;
        assert_eq!((answer.status, answer.code().as_str()), (431, "too_many_headers"));
        assert_eq!(door.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn nul_and_emoji_everywhere_do_no_harm() {
    with_open_hook(async |door, path| {
        let answer = door.json(path, "{\"\u{1F600}\": \"a\\u0000b\u{1F600}\"}").await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let answer = door.post(&format!("{path}?%00=%F0%9F%98%80&a=%00"), "X-\u{1F600}: y\r\n", "").await;
        assert_eq!(answer.status, 400, "a header's name is no emoji");
        let answer = door
            .post(&format!("{path}?%00=%F0%9F%98%80&a=%00"), "X-A: \u{1F600}\r\nContent-Type: text/plain\r\n", "a\u{1F600}")
            .await;
        assert_eq!(answer.status, 202, "{answer:?}");
        assert!(door.delivery(&answer).await.headers.get("x-a") == Some("\u{1F600}"));
        let answer = exchange(door.address, format!("POST {path}\0 HTTP/1.1\r\n\r\n")).await;
        assert_eq!(answer.status, 400);
        for target in ["/hooks/main/%00", "/hooks/%F0%9F%98%80", "/hooks/main/%ff", "/hooks/", "/hooks/main/", "/hooks/test/x"] {
            let answer = door.json(target, "{}").await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "hook_not_found"), "{target}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_hook_is_not_found_and_not_stored() {
    with_open_hook(async |door, _| {
        let answer = door.json("/hooks/0000000000000000000000", "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "hook_not_found"));
        assert_eq!(door.count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    with_open_hook(async |door, path| {
        for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let answer = exchange(door.address, format!("{method} {path} HTTP/1.1\r\n\r\n")).await;
            door.refused(&answer, 405, "method_not_allowed").await;
            assert_eq!(answer.header("allow"), Some("POST, HEAD, OPTIONS"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_a_missing_secret_is_the_owners_problem() {
    let door = Door::open().await;
    let path = door.publish(STRICT).await;
    let body = r#"{"order_id": "7", "total": 1}"#;
    let answer = door.json(&format!("{path}?key=s3cret"), body).await;
    let delivery = door.refused(&answer, 503, "hook_not_ready").await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("shop") && answer.header("retry-after").is_some());
    assert!(delivery.detail.unwrap().contains("`shop`"));
    door.set_secret("shop", "s3cret");
    for query in ["", "?key=", "?key=s3cre", "?key=S3CRET", "?key=s3cret%00", "?Key=s3cret"] {
        let answer = door.json(&format!("{path}{query}"), body).await;
        door.refused(&answer, 401, "unauthorized").await;
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(door.json(&format!("{path}?key=s3cret"), body).await.status, 202);
    door.close().await;
}

#[tokio::test]
async fn variables_missing_and_mistyped_are_told_all_at_once_and_extra_ones_pass() {
    let door = Door::open().await;
    door.set_secret("shop", "s3cret");
    let path = format!("{}?key=s3cret", door.publish(STRICT).await);
    let answer = door.json(&path, r#"{"total": "12", "items": {}}"#).await;
    door.refused(&answer, 400, "invalid_variables").await;
    let mut errors: Vec<_> =
        answer.json()["errors"].as_array().unwrap().iter().map(|error| format!("{} {}", error["name"], error["code"])).collect();
    errors.sort();
    assert_eq!(errors, [r#""items" "mistyped""#, r#""order_id" "missing""#, r#""total" "mistyped""#]);
    let answer = door.json(&path, r#"{"order_id": "7", "total": 1, "more": [1]}"#).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    door.close().await;
}

#[tokio::test]
async fn encodings_that_are_not_allowed_and_uploads_without_their_boundary_are_refused() {
    with_open_hook(async |door, path| {
        let answer = door.post(path, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "x").await;
        door.refused(&answer, 415, "unsupported_media_type").await;
        let answer = door.post(path, "Content-Type: multipart/form-data; boundary=x\r\n", "x").await;
        door.refused(&answer, 400, "bad_body").await;
    })
    .await;
}

#[tokio::test]
async fn smuggled_requests_start_nothing() {
    with_open_hook(async |door, path| {
        let inner = format!("POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}");
        for headers in ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"] {
            let bytes = format!("POST {path} HTTP/1.1\r\n{headers}\r\n\r\n0\r\n\r\n{inner}");
            let answer = exchange(door.address, bytes).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_length"));
        }
        assert_eq!(door.count().await, 0);
    })
    .await;
}
