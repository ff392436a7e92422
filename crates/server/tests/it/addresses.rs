//! Lists of addresses behind proxies: what a sender writes into the proxies' header never makes it somebody else.

use hookmill_testkit::TestApp;
use http::HeaderValue;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
/// Lets in the proxies' own network, as a list for the inside does, and one partner.
const FLOW: &str = "
hookmill: 1
name: Flow
triggers: [{ webhook: { path: in, allow_ips: [127.0.0.0/8, 203.0.113.5] } }]
steps: []
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_addresses_holds_whatever_the_sender_writes_before_the_proxy() {
    let app = TestApp::builder(BINARY).config("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n").start().await;
    app.publish(FLOW).await;
    let status = async |told: &[&[u8]]| {
        let request = app.client().request("POST", "/hooks/main/in").json(&json!({}));
        let request =
            told.iter().fold(request, |request, line| request.header("x-forwarded-for", HeaderValue::from_bytes(line).unwrap()));
        app.client().answer(request).await.status
    };
    for (told, expected) in [
        (&[&b"203.0.113.5"[..]][..], 202),
        (&[b"203.0.113.5:4711"], 202),
        (&[b"198.51.100.9"], 403),
        (&[b"127.0.0.1, 198.51.100.9"], 403),
        (&[b"203.0.113.5", b"198.51.100.9"], 403),
        // Bytes that are no text once hid the whole line, so that the proxy itself seemed to call.
        (&[b"\xff, 198.51.100.9"], 403),
        (&[b"\xff", b"198.51.100.9"], 403),
    ] {
        assert_eq!(status(told).await, expected, "{}", told.concat().escape_ascii());
    }
    let request = app.client().request("POST", "/hooks/main/in").header("forwarded", "for=198.51.100.9").json(&json!({}));
    assert_eq!(app.client().answer(request).await.status, 202, "`Forwarded` has no say: the proxy itself calls");
}
