//! The live feed, probes and metrics.

use hookmill_testkit::patience::until;
use serde_json::json;

use super::{DOUBLE, run_in};
use crate::running::Running;

/// Reads a feed until it has said all of these.
async fn reads(mut response: reqwest::Response, wanted: &[&str]) -> String {
    let mut text = String::new();
    reads_on(&mut response, &mut text, wanted).await;
    text
}

/// Reads on in a feed until it has said all of these.
pub(super) async fn reads_on(response: &mut reqwest::Response, text: &mut String, wanted: &[&str]) {
    while !wanted.iter().all(|part| text.contains(part)) {
        let part = tokio::time::timeout(std::time::Duration::from_secs(30), response.chunk()).await;
        let part = part.unwrap_or_else(|_| panic!("{wanted:?} never came, only {text}"));
        let part = part.unwrap().unwrap_or_else(|| panic!("{wanted:?} never came, it ended with {text}"));
        text.push_str(std::str::from_utf8(&part).unwrap());
    }
}

#[tokio::test]
async fn the_feed_tells_ids_and_states_and_ends_with_the_server() {
    // A delivery and its run, seen live; a client that comes back is told to look again.
    let server = Running::with(|config| config.server.live_feeds_max = 2).await;
    let feed = || server.client.request("GET", "/api/v1/events").bearer_auth(server.client.key());
    let first = feed().send().await.unwrap();
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    let back = feed().header("last-event-id", "7").send().await.unwrap();
    let third = feed().send().await.unwrap();
    assert_eq!(third.status(), 429);
    assert!(third.headers().contains_key("retry-after"));
    reads(back, &["event: reset", "retry: 2000"]).await;
    let published = server.client.publish(DOUBLE).await;
    let run = server.client.send(published.hook(), &json!({ "n": 1 })).await.run_id();
    let text = reads(first, &["event: hello", "event: catalog", "event: delivery", &run, "\"succeeded\""]).await;
    assert!(!text.contains("\"n\""), "no payloads: {text}");
    let again = until("a place is free again", async || {
        let feed = feed().send().await.unwrap();
        (feed.status() == 200).then_some(feed)
    })
    .await;
    server.stop().await;
    drop(again);
}

#[tokio::test]
async fn probes_and_metrics_answer_without_a_key() {
    // What orchestrators and scrapers ask.
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let run = server.client.send(published.hook(), &json!({ "n": 1 })).await.run_id();
    run_in(&server.client, &run, &["succeeded"]).await;
    let plain = server.client.with_key("");
    assert_eq!(plain.call("GET", "/healthz", None).await.text(), "ok\n");
    let ready = plain.call("GET", "/readyz", None).await;
    assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true, "reasons": [] })));
    let metrics = until("the run is counted", async || {
        let text = plain.call("GET", "/metrics", None).await.text();
        text.contains("hookmill_runs_total{outcome=\"succeeded\"} ").then_some(text)
    })
    .await;
    for name in [
        "hookmill_deliveries_total{outcome=\"accepted\"",
        "hookmill_accept_seconds_bucket",
        "hookmill_run_seconds_bucket",
        "hookmill_write_queue_depth ",
        "hookmill_backlog_runs ",
        "process_resident_memory_bytes ",
        "hookmill_connections ",
    ] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    server.stop().await;
}
