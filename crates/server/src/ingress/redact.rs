//! Takes credentials out of what is stored, shown and given to workflows: headers by their names, the query by its keys.

use std::borrow::Cow;

use hookmill_engine::request::Headers;
use http::HeaderMap;
use http::header::HeaderValue;

/// What stands where a credential was.
pub const REDACTED: &str = "***";

/// Headers that hold credentials by their whole name.
const HEADERS: [&str; 6] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-appkey", "hap-sign"];
/// Parts of the names of other headers that hold credentials.
const HEADER_PARTS: [&str; 7] = ["token", "secret", "signature", "api-key", "apikey", "password", "auth-key"];
/// Headers that nearly every request has; they need no further look.
const HARMLESS: [&str; 9] = [
    "host",
    "accept",
    "user-agent",
    "content-type",
    "content-length",
    "accept-encoding",
    "connection",
    "x-forwarded-for",
    "x-request-id",
];
/// Query parameters that hold credentials.
const QUERY_KEYS: [&str; 4] = ["key", "access_token", "sign", "hap-sign"];

/// The headers in the order sent, values in the clear only where they are no credentials. `extra`: lower-case names that
/// the hook itself declares as credentials.
pub(super) fn headers(headers: &HeaderMap, extra: &[Box<str>]) -> Headers {
    let shown = |name, value| if is_sensitive(name, extra) { Cow::Borrowed(REDACTED) } else { text(value) };
    headers.iter().map(|(name, value)| (name.as_str(), shown(name.as_str(), value))).collect()
}

fn is_sensitive(name: &str, extra: &[Box<str>]) -> bool {
    if extra.iter().any(|declared| **declared == *name) {
        return true;
    }
    !HARMLESS.contains(&name) && (HEADERS.contains(&name) || HEADER_PARTS.iter().any(|part| name.contains(part)))
}

/// A header's value as text. Bytes that are no UTF-8 are read as Latin-1, as HTTP once said: nothing is lost.
pub(super) fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// The query with the values of credentials replaced. Everything else stays byte for byte.
pub(super) fn query(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(holds_credential) {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    for (position, pair) in query.split('&').enumerate() {
        if position > 0 {
            kept.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if holds_credential(pair) => {
                kept.push_str(name);
                kept.push('=');
                kept.push_str(REDACTED);
            }
            _ => kept.push_str(pair),
        }
    }
    Cow::Owned(kept)
}

fn holds_credential(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    if !name.contains(['%', '+']) {
        return QUERY_KEYS.iter().any(|key| name.eq_ignore_ascii_case(key));
    }
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    QUERY_KEYS.iter().any(|key| decoded.eq_ignore_ascii_case(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_headers_become_stars_and_the_order_stays() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("host", "x"),
            ("authorization", "Bearer s3cret"),
            ("x-gitlab-token", "s3cret"),
            ("x-shop", "s3cret"),
            ("x-hub-signature-256", "sha256=aa"),
            ("cookie", "a=b"),
            ("accept", "a"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        map.append("accept", HeaderValue::from_static("b"));
        map.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let kept = headers(&map, &["x-shop".into()]);
        let stored = serde_json::to_string(&kept).unwrap();
        assert!(!stored.contains("s3cret") && !stored.contains("aa") && !stored.contains("a=b"), "{stored}");
        let accepts: Vec<_> = kept.iter().filter(|(name, _)| *name == "accept").map(|(_, value)| value).collect();
        assert_eq!(accepts, ["a", "b"]);
        assert_eq!((kept.get("x-latin"), kept.get("host")), (Some("caf\u{e9}"), Some("x")));
    }

    #[test]
    fn credentials_in_the_query_become_stars_and_the_rest_stays() {
        for (given, kept) in [
            ("", ""),
            ("a=b&c", "a=b&c"),
            ("key=s3cret", "key=***"),
            ("a=1&KEY=s3cret&b=%20&access_token=x=y", "a=1&KEY=***&b=%20&access_token=***"),
            ("%6Bey=s3cret&monkey=1", "%6Bey=***&monkey=1"),
            ("key", "key"),
        ] {
            assert_eq!(query(given), kept, "{given}");
        }
    }
}
