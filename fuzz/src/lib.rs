//! What every target does: read a request, make everything that is only made when it is asked for, and read it again.

use bytes::Bytes;
use hookmill_engine::expression::to_json;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{Encoding, Headers, Request, parse};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::WebhookTrigger;

/// Reads a request and what it says.
///
/// # Panics
///
/// If the same bytes say something else the second time. That, too, is what is looked for.
pub fn read(headers: &[(&str, &str)], query: &str, body: &[u8]) {
    let headers = headers.iter().copied().collect();
    let first = said(&headers, query, body);
    assert_eq!(first, said(&headers, query, body), "a recovered run reads what the accepted one read");
}

fn said(headers: &Headers, query: &str, body: &[u8]) -> Option<serde_json::Value> {
    let request = Request {
        method: "POST",
        path_params: &[],
        query,
        headers,
        body: &Bytes::copy_from_slice(body),
        event: None,
        address: "::1",
        received_at: Timestamp(0),
        delivery: DeliveryId(1),
    };
    let trigger = WebhookTrigger { encodings: Encoding::ALL.to_vec(), ..WebhookTrigger::default() };
    let webhook = parse(&trigger, &request).ok()?.webhook;
    for file in webhook.get_attr("files").and_then(|files| files.try_iter()).expect("files are a list") {
        assert!(file.get_attr("base64").expect("a file has members").as_str().is_some());
        file.get_attr("text").expect("a file has members");
    }
    Some(to_json(&webhook))
}

/// Splits an input at the first line end: text before, bytes after.
#[must_use]
pub fn line_and_rest(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}
