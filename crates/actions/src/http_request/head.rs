//! The head of a request: method, URL and headers from the input, within what a client may say.

use hookmill_engine::run::{Failure, Safety};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use sha2::{Digest, Sha256};
use url::Url;

use super::input::{Input, KeyHeader};
use crate::failure::failed;
use crate::net::URL_BYTES_MAX;

/// The most headers of a request.
pub const HEADERS_MAX: usize = 100;
/// The longest header value.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// The longest idempotency key that services commonly take; longer ones are sent as their hash.
const KEY_BYTES_MAX: usize = 255;
/// The usual header for idempotency keys.
const KEY_HEADER: &str = "idempotency-key";

/// Headers that belong to the connection or are made from the URL and the body.
const REFUSED: [&str; 12] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// The method, upper case.
pub(super) fn method(text: &str) -> Result<Method, Failure> {
    let refused = |why: &str| failed("invalid_input", format!("`method` {why}"));
    let method = Method::from_bytes(text.trim().to_ascii_uppercase().as_bytes())
        .map_err(|_| refused("is not a method; write GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS"))?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(refused("cannot be CONNECT or TRACE"));
    }
    Ok(method)
}

/// The URL with the input's query added.
pub(super) fn url(input: &Input) -> Result<Url, Failure> {
    let text = input.url.trim();
    if text.len() > URL_BYTES_MAX {
        return Err(failed("invalid_url", format!("the URL is longer than {URL_BYTES_MAX} bytes")));
    }
    let mut url = Url::parse(text).map_err(|error| {
        let start: String = text.split(['?', '#']).next().unwrap_or_default().chars().take(100).collect();
        failed("invalid_url", format!("`{start}` is not a URL: {error}"))
    })?;
    let pairs = input.query.iter().flat_map(|(name, values)| values.texts().into_iter().map(move |value| (name, value)));
    let pairs: Vec<_> = pairs.collect();
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    url.set_fragment(None);
    Ok(url)
}

/// The headers of the input, the content type of its body, and the idempotency key where it is due.
pub(super) fn headers(
    input: &Input,
    method: &Method,
    content_type: Option<&str>,
    idempotency_key: &str,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, values) in &input.headers {
        let name = header_name(name)?;
        for text in values.texts() {
            let value = header_value(&name, &text)?;
            headers.append(name.clone(), value);
        }
    }
    if headers.len() > HEADERS_MAX {
        return Err(failed("invalid_input", format!("there are more than {HEADERS_MAX} headers")));
    }
    if let Some(content_type) = content_type.filter(|_| !headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_TYPE, header_value(&CONTENT_TYPE, content_type)?);
    }
    if let Some(name) = key_header(input, method)? {
        let value = header_value(&name, &short_key(idempotency_key))?;
        headers.entry(name).or_insert(value);
    }
    Ok(headers)
}

/// Whether the request may be made again when nobody knows whether it arrived.
pub(super) fn safety(input: &Input) -> Safety {
    let Ok(method) = method(&input.method) else { return Safety::Repeatable };
    let own_key = input.headers.keys().any(|name| name.eq_ignore_ascii_case(KEY_HEADER));
    if method.is_idempotent() || own_key || input.idempotency_key != KeyHeader::Switch(false) {
        return Safety::Repeatable;
    }
    Safety::Once
}

fn key_header(input: &Input, method: &Method) -> Result<Option<HeaderName>, Failure> {
    if method.is_idempotent() {
        return Ok(None);
    }
    match &input.idempotency_key {
        KeyHeader::Switch(false) => Ok(None),
        KeyHeader::Switch(true) => Ok(Some(HeaderName::from_static(KEY_HEADER))),
        KeyHeader::Named(name) => header_name(name).map(Some),
    }
}

fn short_key(key: &str) -> String {
    let plain = key.len() <= KEY_BYTES_MAX && key.bytes().all(|b| b.is_ascii_graphic());
    if plain { key.to_owned() } else { hex::encode(Sha256::digest(key)) }
}

pub(super) fn header_name(text: &str) -> Result<HeaderName, Failure> {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| failed("invalid_input", format!("`{shown}` is not a header name")))?;
    if REFUSED.contains(&name.as_str()) {
        return Err(failed("invalid_input", format!("the header `{shown}` cannot be set: it follows from the request")));
    }
    Ok(name)
}

/// The value is not repeated in the message: it may be a secret.
pub(super) fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, Failure> {
    if text.len() > HEADER_BYTES_MAX {
        return Err(failed("invalid_input", format!("the header `{name}` is longer than {HEADER_BYTES_MAX} bytes")));
    }
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| failed("invalid_input", format!("the header `{name}` holds a line break or another control character")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::input::input;
    use super::*;

    fn made(fields: serde_json::Value) -> Result<HeaderMap, Failure> {
        let input = input(fields);
        headers(&input, &method(&input.method)?, None, "run_1/a")
    }

    #[test]
    fn line_breaks_hosts_and_connection_headers_are_refused() {
        for name in ["Host", "Content-Length", "Transfer-Encoding", "connection", "Proxy-Authorization", "a b", "", "x\r\ny", "é"]
        {
            let failure = made(json!({ "headers": { name: "v" } })).expect_err(name);
            assert_eq!(failure.code, "invalid_input", "{name}");
        }
        for value in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\u{0}b", "\u{7f}"] {
            let failure = made(json!({ "headers": { "x-a": value } })).expect_err(value);
            assert!(!failure.message.contains("Evil"), "{}", failure.message);
        }
    }

    #[test]
    fn the_key_goes_with_requests_that_are_not_idempotent() {
        for (fields, header, safety_expected) in [
            (json!({ "method": "post" }), Some("idempotency-key"), Safety::Repeatable),
            (json!({ "method": "PATCH", "idempotency_key": "X-Request-Id" }), Some("x-request-id"), Safety::Repeatable),
            (json!({ "method": "POST", "idempotency_key": false }), None, Safety::Once),
            (
                json!({ "method": "POST", "idempotency_key": false, "headers": { "Idempotency-Key": "k" } }),
                None,
                Safety::Repeatable,
            ),
            (json!({ "method": "PURGE", "idempotency_key": false }), None, Safety::Once),
            (json!({ "method": "GET" }), None, Safety::Repeatable),
            (json!({ "method": "PUT" }), None, Safety::Repeatable),
            (json!({ "method": "DELETE", "idempotency_key": false }), None, Safety::Repeatable),
        ] {
            assert_eq!(safety(&input(fields.clone())), safety_expected, "{fields}");
            let headers = made(fields.clone()).expect("valid headers");
            assert_eq!(header.map(|name| headers[name].to_str().expect("ASCII")), header.map(|_| "run_1/a"), "{fields}");
            assert!(header.is_some() || headers.values().all(|value| value != "run_1/a"), "{fields}");
        }
    }

    #[test]
    fn a_long_key_is_sent_as_its_hash_and_an_own_key_wins() {
        let posted = input(json!({ "method": "POST" }));
        let long = headers(&posted, &Method::POST, None, &"k".repeat(300)).expect("valid headers");
        assert_eq!(long[KEY_HEADER].len(), 64);
        let own = made(json!({ "method": "POST", "headers": { "Idempotency-Key": "mine" } })).expect("valid headers");
        assert_eq!(own[KEY_HEADER], "mine");
    }
}
