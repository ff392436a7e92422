//! What a text was meant to be, and which headers are worth a variable.

use serde_json::Value;

/// Digits that every reader of JSON keeps exactly.
const EXACT_DIGITS_MAX: usize = 15;

/// Headers that say something about the connection, the client or the form of the body, not about the event.
const TRANSPORT: &[&str] = &[
    "cache-control",
    "connection",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
const TRANSPORT_PREFIXES: &[&str] =
    &["accept", "access-control-", "content-", "if-", "sec-", "x-forwarded-", "x-real-", "cf-", "proxy-", "x-amzn-trace"];
/// What the name of a header with a credential or a signature has in it.
const CREDENTIAL_WORDS: &[&str] =
    &["authorization", "cookie", "hmac", "password", "secret", "sign", "token", "api-key", "apikey", "appkey", "jwt", "digest"];

/// Whether a header (lower-case) belongs to the transport.
pub(super) fn is_transport(name: &str) -> bool {
    TRANSPORT.contains(&name) || TRANSPORT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a header (lower-case) may hold a credential.
pub(super) fn is_credential(name: &str) -> bool {
    CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
}

/// Plain data whose texts stand for something.
pub(super) fn typed(value: Value) -> Value {
    match value {
        Value::String(text) => scalar(&text),
        Value::Array(items) => items.into_iter().map(typed).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, typed(member))).collect(),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value,
    }
}

/// A number or a boolean if the text can be meant as nothing else. Postcodes and telephone numbers stay texts.
pub(super) fn scalar(text: &str) -> Value {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    // JSON has no leading zeros and no leading plus.
    let number = serde_json::from_str::<serde_json::Number>(text).ok();
    match number.filter(|_| decimal && digits <= EXACT_DIGITS_MAX) {
        Some(number) => Value::Number(number),
        None => Value::from(text),
    }
}
