//! CloudEvents 1.0 over HTTP: structured (the body is the event), binary (the headers are), and batches.
//! Source: the CloudEvents core specification 1.0.2, its JSON format and its HTTP protocol binding.

use std::borrow::Cow;

use bytes::Bytes;
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::ValueKind;
use percent_encoding::percent_decode_str;

use super::body::{Body, Content, Member, member};
use super::webhook::Raw;
use super::{Refusal, Request, json};

/// The only version that there is.
const VERSION: &str = "1.0";
/// What every event has, as texts that are not empty.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
const DATA: &str = "data";
const DATA_BASE64: &str = "data_base64";
/// The headers of the binary mode start so.
const PREFIX: &str = "ce-";

/// The events that a request brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloudEvents {
    None,
    /// The body is one, of this type.
    Body(Value),
    /// The body is a list of them.
    Batch,
    /// These are the attributes of one; the body is its data.
    Headers(IndexMap<Value, Value>),
}

impl CloudEvents {
    /// The event, if it is exactly one.
    pub(super) fn one(&self, body: &Content, raw: &Raw) -> Option<Value> {
        match self {
            Self::None | Self::Batch => None,
            Self::Body(_) => Some(body.value().clone()),
            Self::Headers(attributes) => {
                let mut event = attributes.clone();
                if raw.binary {
                    event.insert(Value::from(DATA_BASE64), raw.value());
                } else if !raw.bytes.is_empty() {
                    event.insert(Value::from(DATA), body.value().clone());
                }
                Some(Value::from_object(event))
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self, body: &Content, raw: &Raw) -> Option<Value> {
        match self {
            Self::Batch => Some(body.value().clone()),
            Self::None | Self::Body(_) | Self::Headers(_) => self.one(body, raw).map(|event| Value::from(vec![event])),
        }
    }

    /// The type of the event, if it is exactly one.
    pub(super) fn kind(&self) -> Option<Value> {
        match self {
            Self::None | Self::Batch => None,
            Self::Body(kind) => Some(kind.clone()),
            Self::Headers(attributes) => attributes.get(&Value::from("type")).cloned(),
        }
    }
}

/// Parses an event in the structured mode.
pub(super) fn parse<'t>(
    text: Cow<'_, str>,
    bytes: &Bytes,
    wanted: &[&'t str],
    notes: &mut Vec<String>,
) -> Result<Body<'t>, Refusal> {
    let own = REQUIRED.into_iter().chain([DATA, DATA_BASE64]);
    let wanted: Vec<&'t str> = wanted.iter().copied().chain(own).collect();
    let mut body = json::parse(text, bytes, &wanted, notes)?;
    if !body.is_object() {
        return Err(Refusal::bad_body("the CloudEvent is not an object", None));
    }
    check("the CloudEvent", &|name| body.member(name))?;
    let Some(Member::Value(kind)) = body.member("type") else { return Err(Refusal::bad_body(NO_TYPE, None)) };
    body.events = CloudEvents::Body(kind);
    Ok(body)
}

const NO_TYPE: &str = "the CloudEvent has no `type`";

/// Parses a list of events.
pub(super) fn parse_batch(text: Cow<'_, str>, bytes: &Bytes, notes: &mut Vec<String>) -> Result<Body<'static>, Refusal> {
    let mut body = json::parse(text, bytes, &[], notes)?;
    let events = body.content.value();
    if events.kind() != ValueKind::Seq {
        return Err(Refusal::bad_body("the batch of CloudEvents is not an array", None));
    }
    for (position, event) in events.try_iter().into_iter().flatten().enumerate() {
        let what = format!("the CloudEvent at position {position} of the batch");
        if event.kind() != ValueKind::Map {
            return Err(Refusal::bad_body(format!("{what} is not an object"), None));
        }
        check(&what, &|name| member(&event, name).map(Member::Value))?;
    }
    body.events = CloudEvents::Batch;
    Ok(body)
}

/// Checks what an event in JSON must have.
fn check(what: &str, find: &dyn Fn(&str) -> Option<Member>) -> Result<(), Refusal> {
    let refused = |why: String| Err(Refusal::bad_body(format!("{what} {why}"), None));
    for name in REQUIRED {
        match find(name) {
            Some(Member::Value(value)) if value.as_str().is_some_and(|text| !text.is_empty()) => {
                if name == "specversion" && value.as_str() != Some(VERSION) {
                    return refused(format!("is not of version {VERSION}"));
                }
            }
            // To JSON's null an attribute is not set.
            Some(Member::Value(value)) if !value.is_none() => return refused(format!("has a `{name}` that is not a text")),
            Some(Member::Unbuilt(_)) => return refused(format!("has a `{name}` that is not a text")),
            Some(Member::Value(_)) | None => return refused(format!("has no `{name}`")),
        }
    }
    match find(DATA_BASE64) {
        Some(_) if find(DATA).is_some() => refused(format!("has both `{DATA}` and `{DATA_BASE64}`")),
        Some(Member::Value(value)) if value.as_str().is_some() || value.is_none() => Ok(()),
        Some(_) => refused(format!("has a `{DATA_BASE64}` that is not a text")),
        None => Ok(()),
    }
}

/// The event that the headers describe (binary mode). `None`: they describe none.
pub(super) fn in_headers(request: &Request<'_>) -> Result<Option<CloudEvents>, Refusal> {
    if request.headers.get("ce-specversion").is_none() {
        return Ok(None);
    }
    let mut attributes = IndexMap::new();
    for (header, value) in request.headers.iter() {
        let Some(name) = header.strip_prefix(PREFIX).filter(|name| is_attribute(name)) else { continue };
        let value = decode(value).ok_or_else(|| Refusal::bad_body(format!("the header {header} is not valid UTF-8"), None))?;
        if attributes.insert(Value::from(name), Value::from(value)).is_some() {
            return Err(Refusal::bad_body(format!("the header {header} stands twice"), None));
        }
    }
    for name in REQUIRED {
        let value = attributes.get(&Value::from(name)).and_then(Value::as_str);
        if value.is_none_or(str::is_empty) {
            return Err(Refusal::bad_body(format!("the CloudEvent has no header {PREFIX}{name}"), None));
        }
        if name == "specversion" && value != Some(VERSION) {
            return Err(Refusal::bad_body(format!("the CloudEvent is not of version {VERSION}"), None));
        }
    }
    if let Some(media) = request.headers.get("content-type") {
        attributes.insert(Value::from("datacontenttype"), Value::from(media));
    }
    Ok(Some(CloudEvents::Headers(attributes)))
}

/// Whether a header of the binary mode is an attribute. The type of the data is told by Content-Type alone; what would
/// be mistaken for the data is none.
fn is_attribute(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    plain && !name.is_empty() && name != "datacontenttype" && name != DATA
}

/// Undoes what HTTP binding 3.1.3.2 says of header values: quotes, then one round of percent-encoding. `None`: the
/// bytes are no UTF-8, `%C0%A0` included.
fn decode(value: &str) -> Option<String> {
    let value = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(quoted) => unescaped(quoted),
        None => Cow::Borrowed(value),
    };
    percent_decode_str(&value).decode_utf8().ok().map(Cow::into_owned)
}

fn unescaped(quoted: &str) -> Cow<'_, str> {
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut chars = quoted.chars();
    let mut plain = String::with_capacity(quoted.len());
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_decoded_once() {
        for (value, decoded) in [
            ("plain", Some("plain")),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", Some("Euro \u{20ac} \u{1f600}")),
            ("\"a b\"", Some("a b")),
            (r#""a\"\\b""#, Some(r#"a"\b"#)),
            ("%2541", Some("%41")),
            ("100%", Some("100%")),
            ("%C0%A0", None),
            ("%ff", None),
            ("\"", Some("\"")),
            ("", Some("")),
        ] {
            assert_eq!(decode(value).as_deref(), decoded, "{value}");
        }
    }
}
