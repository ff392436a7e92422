//! What a step sees of an answer, and which answers are failures.

use hookmill_testkit::{Answer, Upstream};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn the_output_tells_status_headers_body_and_address() {
    let upstream = Upstream::start().await;
    upstream.always(
        "/orders",
        Answer::json(&json!({ "id": 7 })).header("X-Request-Id", "abc").header("set-cookie", "a=1").header("set-cookie", "b=2"),
    );
    let input = json!({ "url": upstream.url("/orders?x=1"), "query": { "tag": ["a", "b c"], "none": null, "n": 5, "t": true } });
    let output = World::open().request(input).await.unwrap();
    assert_eq!((&output["status"], &output["body"], &output["encoding"]), (&json!(200), &json!({ "id": 7 }), &json!("json")));
    assert_eq!(output["headers"]["x-request-id"], "abc");
    assert_eq!(output["headers"]["set-cookie"], "a=1, b=2");
    assert_eq!(output["url"], upstream.url("/orders"), "the query may hold secrets");
    assert!(output["duration_ms"].is_u64() && output.get("file").is_none());
    assert_eq!(upstream.received()[0].query, "x=1&tag=a&tag=b+c&n=5&t=true");
}

#[tokio::test]
async fn statuses_outside_the_expected_are_failures_with_what_was_said() {
    let upstream = Upstream::start().await;
    let world = World::open();
    for (status, retryable) in
        [(400, false), (401, false), (404, false), (408, true), (409, false), (425, true), (429, true), (500, true), (503, true)]
    {
        upstream.always("/", Answer::status(status).body("no such order \u{1F600}").header("content-type", "text/plain"));
        let failure = world.refused(json!({ "url": upstream.url("/") })).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("http_status", retryable), "{status}");
        let details = failure.details.unwrap();
        assert_eq!((&details["status"], &details["body"]), (&json!(status), &json!("no such order \u{1F600}")));
    }
    upstream.always("/", Answer::status(404));
    let output = world.request(json!({ "url": upstream.url("/"), "expect": ["2xx", 404] })).await.unwrap();
    assert_eq!((&output["status"], &output["body"], &output["encoding"]), (&json!(404), &Value::Null, &json!("none")));
    upstream.always("/", Answer::status(200));
    assert_eq!(world.refused(json!({ "url": upstream.url("/"), "expect": 201 })).await.code, "http_status");
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_passed_on() {
    let upstream = Upstream::start().await;
    upstream.always("/", Answer::status(429).header("retry-after", "120"));
    let failure = World::open().refused(json!({ "url": upstream.url("/") })).await;
    assert_eq!(failure.retry_after.map(|pause| pause.0), Some(120_000));
}

#[tokio::test]
async fn a_request_that_must_not_be_made_twice_is_repeated_only_when_it_had_no_effect() {
    let upstream = Upstream::start().await;
    let world = World::open();
    for (status, retryable) in [(500, false), (502, false), (503, true), (429, true), (400, false)] {
        upstream.always("/", Answer::status(status));
        let input = json!({ "url": upstream.url("/"), "method": "POST", "idempotency_key": false });
        assert_eq!(world.refused(input).await.retryable, retryable, "{status}");
    }
}

#[tokio::test]
async fn long_error_pages_are_cut() {
    let upstream = Upstream::start().await;
    upstream.always("/", Answer::status(500).repeated("é".repeat(1000), None));
    let failure = World::open().refused(json!({ "url": upstream.url("/") })).await;
    let details = failure.details.unwrap();
    assert!(details["body"].as_str().unwrap().len() < 5000);
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let upstream = Upstream::start().await;
    let packed = include_bytes!("hello.json.gz");
    upstream.always(
        "/",
        Answer::status(200).header("content-type", "application/json").header("content-encoding", "gzip").body(&packed[..]),
    );
    let output = World::open().request(json!({ "url": upstream.url("/") })).await.unwrap();
    assert_eq!(output["body"], json!({ "hello": "world" }));
    assert!(upstream.received()[0].header("accept-encoding").contains("gzip"));
}

#[tokio::test]
async fn a_head_request_and_an_empty_answer_have_no_body() {
    let upstream = Upstream::start().await;
    upstream.always("/", Answer::status(204));
    upstream.always("/head", Answer::status(200).header("content-type", "application/json").header("content-length", "17"));
    let world = World::open();
    for (method, path) in [("DELETE", "/"), ("head", "/head")] {
        let output = world.request(json!({ "method": method, "url": upstream.url(path) })).await.unwrap();
        assert_eq!((&output["body"], &output["encoding"]), (&Value::Null, &json!("none")), "{method}");
    }
}
